package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/web"
)

// addedCamera is a camera that was added through the API, as the bus keeps it.
type addedCamera struct {
	URL          string `json:"url,omitempty"`
	Transport    string `json:"transport,omitempty"`
	DetectURL    string `json:"detect_url,omitempty"`
	Fingerprint  string `json:"tls_fingerprint,omitempty"`
	PublishToken string `json:"publish_token,omitempty"`
}

func (c addedCamera) configured(id string) config.Camera {
	return config.Camera{
		ID: id, URL: config.Secret(c.URL), Transport: c.Transport, DetectURL: config.Secret(c.DetectURL), Fingerprint: c.Fingerprint,
		PublishToken: config.Secret(c.PublishToken),
	}
}

// openAdded puts the cameras that were added through the API beside those of the configuration, now and whenever somebody
// adds or removes one.
func (a *App) openAdded(ctx context.Context) (err error) {
	if a.added, err = bus.OpenKV[addedCamera](ctx, a.bus, bus.Added); err != nil {
		return err
	}
	if a.cfg, err = a.withAdded(ctx, a.cfg); err != nil {
		return err
	}
	a.task("added cameras", func(ctx context.Context) error {
		for _, err := range a.added.Watch(ctx) {
			if err == nil {
				err = a.Reload(ctx, a.withoutAdded(*a.live.Load()))
			}
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				a.log.Error("cameras that were added or removed are not in force", "error", err)
			}
		}
		return nil
	})
	return nil
}

// withAdded is a configuration of a file with the cameras that were added. The file's is taken where both have an id.
func (a *App) withAdded(ctx context.Context, cfg config.Config) (config.Config, error) {
	entries, err := a.added.List(ctx)
	if err != nil {
		return cfg, fmt.Errorf("cameras that were added: %w", err)
	}
	ids := map[string]bool{}
	cfg.Cameras = slices.Clone(cfg.Cameras)
	for _, e := range entries {
		if slices.ContainsFunc(cfg.Cameras, func(c config.Camera) bool { return c.ID == e.Key }) {
			continue
		}
		ids[e.Key] = true
		cfg.Cameras = append(cfg.Cameras, e.Value.configured(e.Key))
	}
	a.addedIDs.Store(&ids)
	return cfg, nil
}

// wasAdded says that a camera in force is none of the configuration's.
func (a *App) wasAdded(id string) bool {
	ids := a.addedIDs.Load()
	return ids != nil && (*ids)[id]
}

func (a *App) withoutAdded(cfg config.Config) config.Config {
	cfg.Cameras = slices.DeleteFunc(slices.Clone(cfg.Cameras), func(c config.Camera) bool { return a.wasAdded(c.ID) })
	return cfg
}

// AddCamera implements web.Cameras.
func (c shownCameras) AddCamera(ctx context.Context, in web.CameraInput) (token string, err error) {
	add := addedCamera{URL: in.URL, Transport: in.Transport, DetectURL: in.DetectURL, Fingerprint: in.Fingerprint}
	if in.URL == "" {
		add.PublishToken = strings.ToLower(rand.Text())
	}
	if err := add.configured(string(in.ID)).Check(); err != nil {
		return "", web.Refused{Reason: err.Error()}
	}
	if c.app.configured(in.ID) {
		return "", web.Conflict{Reason: fmt.Sprintf("camera %s is there already", in.ID)}
	}
	_, err = c.app.added.Create(ctx, string(in.ID), add)
	if errors.Is(err, bus.ErrExists) {
		return "", web.Conflict{Reason: fmt.Sprintf("camera %s is there already", in.ID)}
	}
	return add.PublishToken, err
}

// RemoveCamera implements web.Cameras.
func (c shownCameras) RemoveCamera(ctx context.Context, camera frames.CameraID) error {
	_, err := c.app.added.Get(ctx, string(camera))
	if errors.Is(err, bus.ErrNotFound) {
		if c.app.configured(camera) {
			return web.Conflict{Reason: fmt.Sprintf("camera %s is in the configuration: take it out there", camera)}
		}
		return web.ErrNotFound
	}
	if err != nil {
		return err
	}
	return c.app.added.Delete(ctx, string(camera))
}
