package ingest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/frames/framestest"
)

// A camera's second stream is recorded beside it, and told of in its state alone.
func TestDetect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := errors.New("the small one is gone")
		small := &script{acts: []func(context.Context, Sink) error{plays(t, 5*time.Second, lost), hangs}}
		main := &script{acts: []func(context.Context, Sink) error{plays(t, time.Minute, nil)}}
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: main, Detect: small})
		time.Sleep(4 * time.Second)
		if s := r.states.last(); !s.Online || s.Detect == nil || !s.Detect.Online || s.Detect.Width == 0 || s.Detect.LastError != "" {
			t.Errorf("got %+v and %+v, want both streams online", s, s.Detect)
		}
		time.Sleep(4 * time.Second)
		if s := r.states.last(); !s.Online || s.LastError != "" || s.Detect.Online || s.Detect.LastError != lost.Error() {
			t.Errorf("got %+v and %+v, want the main stream alone", s, s.Detect)
		}
		if token, _, err := r.Publishing("door_detect"); !errors.Is(err, ErrUnknownCamera) {
			t.Errorf("publisher of the stream for analysis: got %q, %v, want %v", token, err, ErrUnknownCamera)
		}
		r.stop()
		for _, s := range r.states.all {
			if s.Camera != "door" {
				t.Fatalf("got a state of camera %s", s.Camera)
			}
		}
		for camera, want := range map[frames.CameraID]time.Duration{"door": 8 * time.Second, "door_detect": 5 * time.Second} {
			fs := stored(t, r.log, camera)
			if len(fs) == 0 {
				t.Fatalf("nothing is recorded of %s", camera)
			}
			checkRun(t, fs)
			if got := fs[len(fs)-1].End().Sub(fs[0].Start); got < want-time.Second {
				t.Errorf("%s: recorded %v, want %v", camera, got, want)
			}
		}
	})
}
