package app

import (
	"context"
	"errors"

	"vigil/frames"
	"vigil/internal/web"
	"vigil/internal/whep"
)

// openLive plays cameras to the console's page, over the sockets of WHIP. Where another process has those the page shows
// pictures.
func (a *App) openLive(context.Context) error {
	if !a.has(Console) || a.whip == nil {
		return nil
	}
	a.players = whep.New(a.frames, a.whip, a.log)
	a.onClose(func() error { return runOnce(a.players.Run) }) //nolint:contextcheck // it closes what is left, whatever ended ctx
	a.task("whep", a.players.Run)
	return nil
}

// Play implements web.Cameras.
func (c shownCameras) Play(ctx context.Context, camera frames.CameraID, offer string) (session, answer string, err error) {
	if c.app.players == nil {
		return "", "", web.Refused{Reason: "live video comes from a console that runs with the role ingest; take pictures"}
	}
	session, answer, err = c.app.players.Play(ctx, camera, offer)
	for _, refused := range []error{whep.ErrNoVideo, whep.ErrCodec, whep.ErrOffer, whep.ErrBusy} {
		if errors.Is(err, refused) {
			return "", "", web.Refused{Reason: err.Error()}
		}
	}
	return session, answer, err
}

// StopPlaying implements web.Cameras.
func (c shownCameras) StopPlaying(_ context.Context, camera frames.CameraID, session string) error {
	if c.app.players == nil || !c.app.players.Stop(camera, session) {
		return web.ErrNotFound
	}
	return nil
}
