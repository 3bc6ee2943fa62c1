package vision

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
)

func TestPublishFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		failures := 0
		w.publish = func(Sighting) error {
			if failures++; failures <= 2 {
				return errors.New("no response from stream")
			}
			return nil
		}
		w.accepted = func(Sighting) error { // stored, but the worker is told otherwise
			if failures++; failures == 9 {
				return errors.New("timeout")
			}
			return nil
		}
		stop := w.start()
		settle(4 * time.Second)
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestPublishNeverWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		w.publish = func(Sighting) error { return errors.New("no response from stream") }
		stop := w.start()
		settle(5 * time.Minute)
		if at := float64(w.pos-1) / 2; at >= 12 {
			t.Errorf("saved %.1f s with nothing published", at)
		}
		if err := stop(); err != nil {
			t.Errorf("got %v, want nil on cancellation", err)
		}
	})
}

func TestShotStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		began := time.Now()
		w.put = func(ctx context.Context) error {
			if time.Since(began) < time.Minute {
				<-ctx.Done() // hangs, as stores do
				return ctx.Err()
			}
			return nil
		}
		stop := w.start()
		settle(4 * time.Second)
		same(t, w.unique(), lobbySightings) // without waiting for more than one shot
		if at := float64(w.pos-1) / 2; at >= 12 {
			t.Errorf("saved %.1f s while shots are missing", at)
		}
		settle(2 * time.Minute)
		if len(w.shots) != 3 {
			t.Errorf("got %d shots after the store came back, want 3", len(w.shots))
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestBrokenEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.blind = func(s float64) bool { return s > 4 }
		w.append(record(t, "e1", time.Now(), 30))
		stop := w.start()
		synctest.Wait()
		if err := stop(); !errors.Is(err, ErrBlind) {
			t.Errorf("got %v, want ErrBlind", err)
		}
		if at := float64(w.pos-1) / 2; at > 4 {
			t.Errorf("saved %.1f s, which nobody looked at", at)
		}
	})
}

func TestProgressAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		w.fail = errors.New("no response")
		stop := w.start()
		settle(10 * time.Second)
		if len(w.published) != 0 {
			t.Errorf("began without knowing where")
		}
		w.mu.Lock()
		w.fail = nil
		w.mu.Unlock()
		settle(time.Minute)
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// flaky breaks off after every few fragments.
type flaky struct{ frames.Log }

func (f flaky) Follow(ctx context.Context, camera frames.CameraID, from uint64) iter.Seq2[*frames.Fragment, error] {
	return func(yield func(*frames.Fragment, error) bool) {
		n := 0
		for fragment, err := range f.Log.Follow(ctx, camera, from) {
			if n++; n > 7 {
				yield(nil, errors.New("consumer deleted"))
				return
			}
			if !yield(fragment, err) {
				return
			}
		}
	}
}

func TestLogBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		w.log = flaky{w.log}
		stop := w.start()
		settle(time.Minute)
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
