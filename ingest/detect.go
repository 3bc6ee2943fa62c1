package ingest

import (
	"context"
	"log/slog"

	"vigil/frames"
)

// detectStates puts what is said of a camera's stream for analysis into the camera's own state.
type detectStates struct{ camera *lane }

var _ States = detectStates{}

// Save implements States. The camera's state is saved in its own time, at once when the stream comes or goes.
func (d detectStates) Save(_ context.Context, s frames.CameraState) error {
	l := d.camera
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.state.Detect
	l.state.Detect = &frames.DetectState{
		Online: s.Online, Since: s.Since, Codec: s.Codec, Width: s.Width, Height: s.Height,
		Bitrate: s.Bitrate, Rate: s.Rate, LastError: s.LastError,
	}
	if before.Online != s.Online {
		l.touch()
	}
	return nil
}

// detect returns the lane of the camera's stream for analysis: a recording of its own beside the camera's.
func (l *lane) detect(log frames.Log, logger *slog.Logger) *lane {
	stream := newLane(Camera{ID: l.ID.Detect(), Source: l.Detect}, log, detectStates{l}, logger)
	l.state.Detect = &frames.DetectState{Since: stream.state.Since}
	return stream
}
