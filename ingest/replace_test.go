package ingest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/frames/framestest"
)

// shows plays without end, until it is told to end.
func shows(t *testing.T) *script {
	p, units := fixture(t, "plain")
	return &script{acts: []func(context.Context, Sink) error{func(ctx context.Context, sink Sink) error {
		if err := sink.Start(p); err != nil {
			return err
		}
		for i := 0; ctx.Err() == nil; i++ {
			if err := sink.Unit(Unit{PTS: int64(i) * 3600, Received: time.Now(), NALUs: units[i%len(units)].NALUs}); err != nil {
				return err
			}
			pause(ctx, 40*time.Millisecond)
		}
		return ctx.Err()
	}}}
}

// Cameras come, go and change, and the one beside them is recorded without a seam.
func TestReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door, hall := shows(t), shows(t)
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: door}, Camera{ID: "yard", Source: shows(t)},
			Camera{ID: "porch", PublishToken: "old"})
		time.Sleep(10 * time.Second)
		session, err := r.Admit(t.Context(), "porch", "old", "whip")
		if err != nil {
			t.Fatal(err)
		}
		gone, err := r.Replace([]frames.CameraID{"yard", "porch"}, []Camera{
			{ID: "porch", PublishToken: "new"}, {ID: "hall", Source: hall, Detect: shows(t)},
		}, false)
		if err != nil || !slices.Equal(gone, []frames.CameraID{"yard"}) {
			t.Errorf("got %v, %v, want yard gone", gone, err)
		}
		if cause := context.Cause(session.Context); !errors.Is(cause, ErrChanged) {
			t.Errorf("who published with the old token ends with %v", cause)
		}
		session.End(nil)
		if _, err := r.Admit(t.Context(), "porch", "old", "whip"); !errors.Is(err, ErrWrongToken) {
			t.Errorf("the old token: got %v", err)
		}
		if s, err := r.Admit(t.Context(), "porch", "new", "whip"); err != nil {
			t.Errorf("the new token: got %v", err)
		} else {
			s.End(nil)
		}
		if _, err := r.Admit(t.Context(), "yard", "", "whip"); !errors.Is(err, ErrUnknownCamera) {
			t.Errorf("a camera that is no more: got %v", err)
		}
		before := len(stored(t, r.log, "yard"))
		time.Sleep(10 * time.Second)
		// hall is left out, and with it its stream for analysis.
		if gone, err = r.Replace([]frames.CameraID{"hall"}, nil, false); err != nil || !slices.Equal(gone, []frames.CameraID{"hall"}) {
			t.Errorf("got %v, %v, want hall gone", gone, err)
		}
		r.stop()
		if n := len(stored(t, r.log, "yard")); n != before || before == 0 {
			t.Errorf("yard has %d fragments, then %d, want no more", before, n)
		}
		for camera, want := range map[frames.CameraID]float64{"door": 20, "hall": 10, "hall_detect": 10} {
			length := 0.0
			for _, f := range stored(t, r.log, camera) {
				length += f.Duration.Seconds()
				if f.Gap != nil {
					t.Errorf("%s: got a gap %+v", camera, f.Gap)
				}
			}
			if length < want-0.5 || length > want+0.5 {
				t.Errorf("%s: got %.1f s, want %.0f", camera, length, want)
			}
		}
		if len(door.began) != 1 || len(hall.began) != 1 {
			t.Errorf("got %d and %d connections, want one each", len(door.began), len(hall.began))
		}
	})
}

func TestReplaceRefusesAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", PublishToken: "x"})
		for name, add := range map[string][]Camera{
			"there already": {{ID: "yard", PublishToken: "y"}, {ID: "door", PublishToken: "y"}},
			"no id":         {{ID: "Yard!"}},
		} {
			if _, err := r.Replace(nil, add, false); err == nil {
				t.Errorf("%s: got no error", name)
			}
		}
		if _, err := r.Admit(t.Context(), "yard", "y", "whip"); !errors.Is(err, ErrUnknownCamera) {
			t.Errorf("got %v, want no camera", err)
		}
		r.stop()
	})
}

// Once a camera is configured nobody publishes without a token any more, not even who did before.
func TestReplaceClosesWhatWasOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, framestest.NewLog(), true)
		door, err := r.Admit(t.Context(), "door", "", "whip")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Replace(nil, []Camera{{ID: "door", PublishToken: "x"}}, false); err != nil {
			t.Fatal(err)
		}
		if door.Context.Err() == nil {
			t.Error("who published without a token still does")
		}
		door.End(nil)
		for camera, want := range map[string]error{"door": ErrWrongToken, "yard": ErrUnknownCamera} {
			if _, err := r.Admit(t.Context(), camera, "", "whip"); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", camera, err, want)
			}
		}
		r.stop()
	})
}
