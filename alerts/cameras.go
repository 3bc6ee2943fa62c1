package alerts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"vigil/frames"
)

// CameraChange is what a camera's event says.
type CameraChange struct {
	ID     frames.CameraID `json:"id"`
	Since  Time            `json:"since"`  // when it went away or came back
	Source string          `json:"source"` // "rtsp pull", "rtsp publish", "whip"
	Reason string          `json:"reason"` // why it was away
}

// Told is what was last told of a camera.
type Told struct {
	Online  bool     `json:"online"`
	Pending *Pending `json:"pending,omitempty"` // what is on its way
}

// ToldStore keeps what was told. Watches follow each other by lease, so the last word is the one that counts.
type ToldStore interface {
	All(ctx context.Context) (map[frames.CameraID]Told, error)
	Save(ctx context.Context, camera frames.CameraID, t Told) error
}

const (
	// watchEvery is how often the cameras' states are looked at.
	watchEvery = 2 * time.Second
	// awayFor is how long a camera must be away, or back, to be told of: one that reconnects at once is no news, nor is
	// every camera when the program starts anew.
	awayFor = 10 * time.Second
)

// Watch tells of cameras that go away and come back. A camera that was never there is not away. One runs at a time.
type Watch struct {
	Cameras   func(ctx context.Context) ([]frames.CameraState, error) // as they are believed now
	Told      ToldStore
	Outbox    Outbox
	Endpoints []string         // IDs of the endpoints that events go to, when it begins
	Now       func() time.Time // the wall clock
	Log       *slog.Logger

	mu      sync.Mutex // of Endpoints
	told    map[frames.CameraID]Told
	changed map[frames.CameraID]time.Time // when this process first saw the camera as it was not told
	failed  string                        // the last look's error, told once
}

// SetEndpoints says to which endpoints events go from now on.
func (w *Watch) SetEndpoints(ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Endpoints = ids
}

func (w *Watch) endpoints() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Endpoints
}

// Run works until ctx ends. It may be called again.
func (w *Watch) Run(ctx context.Context) error {
	w.told, w.changed = nil, make(map[frames.CameraID]time.Time)
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		switch err := w.Look(ctx); {
		case ctx.Err() != nil:
		case err == nil:
			w.failed = ""
		case err.Error() != w.failed:
			w.failed = err.Error()
			w.Log.Error("events of cameras wait", "error", err)
		}
	}
}

// Look tells what has changed, and again what was left on its way.
func (w *Watch) Look(ctx context.Context) error {
	if w.told == nil {
		told, err := w.Told.All(ctx)
		if err != nil {
			return fmt.Errorf("read what was told of cameras: %w", err)
		}
		w.told, w.changed = maps.Clone(told), make(map[frames.CameraID]time.Time)
		if w.told == nil {
			w.told = make(map[frames.CameraID]Told)
		}
	}
	states, err := w.Cameras(ctx)
	if err != nil {
		return fmt.Errorf("read the cameras' states: %w", err)
	}
	var errs []error
	for _, s := range states {
		errs = append(errs, w.look(ctx, s))
	}
	return errors.Join(errs...)
}

// look brings what was told of one camera up to date.
func (w *Watch) look(ctx context.Context, s frames.CameraState) error {
	told, known := w.told[s.Camera]
	if told.Pending != nil {
		if err := w.issue(ctx, s.Camera, told); err != nil {
			return err
		}
		told = w.told[s.Camera]
	}
	switch {
	case known && told.Online == s.Online, !known && !s.Online:
		delete(w.changed, s.Camera)
		return nil
	case !known: // it is there for the first time
		return w.save(ctx, s.Camera, Told{Online: true})
	}
	now := w.Now()
	if w.changed[s.Camera].IsZero() {
		w.changed[s.Camera] = now
	}
	if now.Sub(w.changed[s.Camera]) < awayFor {
		return nil
	}
	notice, err := NewNotice(change(s, now))
	if err != nil {
		return err
	}
	w.Log.Info(string(notice.Type), "camera", s.Camera, "since", s.Since, "reason", s.LastError)
	told = Told{Online: s.Online, Pending: &Pending{Notice: notice}}
	if err := w.save(ctx, s.Camera, told); err != nil {
		return err
	}
	delete(w.changed, s.Camera)
	return w.issue(ctx, s.Camera, told)
}

// change is the event that says how the camera is now.
func change(s frames.CameraState, now time.Time) Event {
	e := Event{Type: CameraOffline, Timestamp: Time{now}, Data: Data{Camera: &CameraChange{
		ID: s.Camera, Since: Time{s.Since}, Source: s.Source, Reason: cmp.Or(s.LastError, "no video since ingest started"),
	}}}
	if s.Online {
		e.Type = CameraOnline
	}
	return e
}

// issue puts what is on its way on the bus, and notes what is there.
func (w *Watch) issue(ctx context.Context, camera frames.CameraID, t Told) error {
	left, refused := Issue(ctx, Stages(w.Outbox, w.endpoints()), *t.Pending)
	t.Pending = nil
	if refused != nil {
		t.Pending = &left
	}
	return errors.Join(refused, w.save(ctx, camera, t))
}

func (w *Watch) save(ctx context.Context, camera frames.CameraID, t Told) error {
	if err := w.Told.Save(ctx, camera, t); err != nil {
		w.told = nil // what the store holds now is not certain
		return fmt.Errorf("save what was told of camera %s: %w", camera, err)
	}
	w.told[camera] = t
	return nil
}
