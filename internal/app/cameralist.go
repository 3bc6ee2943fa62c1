package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/web"
)

// cameraList shows the cameras bucket to the console.
type cameraList struct {
	kv *bus.KV[frames.CameraState]
}

// Cameras lists the states by camera. A state that nobody renews is not believed.
func (c cameraList) Cameras(ctx context.Context) ([]frames.CameraState, error) {
	entries, err := c.kv.List(ctx)
	if err != nil {
		return nil, err
	}
	var states []frames.CameraState
	for _, entry := range entries {
		states = append(states, entry.Value.At(time.Now()))
	}
	return states, nil
}

// shownCameras tells the console of cameras, and where they come from.
type shownCameras struct {
	states cameraList
	app    *App
	bus    *bus.Conn
	faces  *faceBook
}

// Cameras implements web.Cameras.
func (c shownCameras) Cameras(ctx context.Context) ([]web.CameraView, error) {
	states, err := c.states.Cameras(ctx)
	if err != nil {
		return nil, err
	}
	var views []web.CameraView
	for _, s := range states {
		view := web.CameraView{CameraState: s, From: web.FromPublisher}
		switch {
		case c.app.wasAdded(string(s.Camera)):
			view.From = web.FromConsole
		case c.app.configured(s.Camera):
			view.From = web.FromConfiguration
		}
		views = append(views, view)
	}
	return views, nil
}

// configured says whether the camera is one of those in force, of the configuration or added.
func (a *App) configured(camera frames.CameraID) bool {
	return slices.ContainsFunc(a.live.Load().Cameras, func(c config.Camera) bool { return c.ID == string(camera) })
}

// cameraCheck tells that video does not come. Vigil is ready all the same: nothing that it does would bring it back. It
// names no camera: everybody who reaches the listener may read it.
func cameraCheck(cameras cameraList) web.Check {
	return web.Check{Name: "cameras", Probe: func(ctx context.Context) error {
		states, err := cameras.Cameras(ctx)
		if err != nil {
			return err
		}
		away := 0
		for _, s := range states {
			if !s.Online {
				away++
			}
		}
		if away > 0 {
			return web.Notice(fmt.Sprintf("no video comes from %d of %d cameras: `vigil cameras list` says why", away, len(states)))
		}
		return nil
	}}
}
