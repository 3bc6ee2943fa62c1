package vision

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
)

// lobby is a scene with a quiet start, a resident, and a stranger who comes twice.
func lobby() []actor {
	return []actor{
		{name: "anna", from: 12, to: 19, where: walk(0.1, 0.3, 0.05, 12)},
		{name: "zoe", from: 16, to: 24, where: walk(0.9, 0.3, -0.05, 16)},
		{name: "zoe", from: 30, to: 36, where: stand(0.5, 0.5)},
	}
}

var lobbySightings = []string{
	"door/e1/1080000-1/decided known anna",
	"door/e1/1440000-1/decided unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/1080000-1/seen-1 known anna",
	"door/e1/1080000-1/ended known anna",
	"door/e1/1440000-1/seen-1 unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/1440000-1/ended unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/2700000-1/decided unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/2700000-1/seen-1 unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/2700000-1/ended unknown " + StrangerID("door/e1/1440000-1"),
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		stop := w.start()
		synctest.Wait()
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Errorf("got %v, want nil on cancellation", err)
		}
		if len(w.published) != len(lobbySightings) || len(w.shots) != 3 {
			t.Errorf("published %d sightings, %d shots, want %d and 3", len(w.published), len(w.shots), len(lobbySightings))
		}
		s := w.published[0]
		if want := time.Now().Add(12 * time.Second); s.Camera != "door" || !s.Start.Equal(want) {
			t.Errorf("got camera %s, start %v, want %v: capture time", s.Camera, s.Start, want)
		}
		// Quiet until 12 s, then not before 36 s + the gap of 30 s, less the second half of the last pictures.
		for _, pos := range w.saves {
			if at := float64(pos-1) / 2; at >= 12 && at < 64 || (pos-1)%gopFragments != 0 {
				t.Errorf("saved position %d at %.1f s: want a key fragment where nobody is followed or remembered", pos, at)
			}
		}
		if len(w.saves) < 3 || w.pos < 132 {
			t.Errorf("got saves %v, want some before and after the visit", w.saves)
		}
	})
}

// Whenever the worker dies, the next one publishes what is missing, under the same ids, and nothing else.
func TestWorkerKilled(t *testing.T) {
	for _, kill := range []float64{1, 11, 12.5, 14, 16.5, 19, 22, 26, 31, 35, 38, 50, 70} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, lobby()...)
			recorded := record(t, "e1", time.Now(), 80)
			half := int(kill * 2)
			w.append(recorded[:half])
			stop := w.start()
			synctest.Wait()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			w.append(recorded[half:])
			stop = w.start()
			synctest.Wait()
			same(t, w.unique(), lobbySightings)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestCameraStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, actor{name: "zoe", from: 2, to: 60, where: stand(0.4, 0.4)})
		recorded := record(t, "e1", time.Now(), 40)
		w.append(recorded[:9]) // 4.5 s
		stop := w.start()
		settle(idleEnd - time.Millisecond)
		stranger := " unknown " + StrangerID("door/e1/180000-1")
		same(t, w.unique(), []string{"door/e1/180000-1/decided" + stranger})
		settle(time.Second)
		ended := []string{"door/e1/180000-1/decided" + stranger, "door/e1/180000-1/ended" + stranger}
		same(t, w.unique(), ended)
		if err := stop(); err != nil {
			t.Error(err)
		}
		// The same again in a new process, after a replay.
		stop = w.start()
		settle(time.Minute)
		same(t, w.unique(), ended)
		// The camera is back in a new epoch, the held back picture of the old one is not somebody new.
		w.append(record(t, "e2", time.Now(), 4))
		settle(time.Minute)
		again := " unknown " + StrangerID("door/e2/180000-1")
		same(t, w.unique(), append(ended, "door/e2/180000-1/decided"+again, "door/e2/180000-1/ended"+again))
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestNewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Her pace keeps every picture worth looking at.
		w := newWorld(t, actor{name: "zoe", from: 0, to: 60, where: walk(0, 0.4, 0.2, 0)})
		w.append(record(t, "e1", time.Now(), 4))
		w.append(record(t, "e2", time.Now().Add(4*time.Second), 4))
		stop := w.start()
		synctest.Wait()
		stranger := " unknown " + StrangerID("door/e1/0-1")
		same(t, w.unique(), []string{
			"door/e1/0-1/decided" + stranger, "door/e1/0-1/ended" + stranger, "door/e2/0-1/decided" + stranger,
		})
		// The picture that the decoder held back at the end of the epoch was seen too.
		if seen := w.published[1].Seen.Sub(w.published[1].Start); seen != 3800*time.Millisecond {
			t.Errorf("the first track ends after %v, want 3.8 s", seen)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestBadFragments(t *testing.T) {
	for name, spoil := range map[string]func(w *world, list []*frames.Fragment) []*frames.Fragment{
		"corrupt unit": func(w *world, list []*frames.Fragment) []*frames.Fragment {
			w.corrupt = []int64{3*90000 + unitTicks}
			return list
		},
		"corrupt payload": func(_ *world, list []*frames.Fragment) []*frames.Fragment {
			list[6].Payload = []byte("not a fragment")
			return list
		},
		"missing": func(_ *world, list []*frames.Fragment) []*frames.Fragment {
			return slices.Delete(list, 6, 7)
		},
		"begins without a key": func(_ *world, list []*frames.Fragment) []*frames.Fragment {
			return list[6:]
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, actor{name: "anna", from: 6, to: 9, where: stand(0.4, 0.4)})
				w.append(spoil(w, record(t, "e1", time.Now(), 20)))
				stop := w.start()
				synctest.Wait()
				same(t, w.unique(), []string{"door/e1/540000-1/decided known anna", "door/e1/540000-1/ended known anna"})
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestNoQuietPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, actor{name: "anna", from: 0, to: 400, where: stand(0.4, 0.4)})
		w.append(record(t, "e1", time.Now(), 300))
		stop := w.start()
		synctest.Wait()
		if at := 300 - float64(w.pos-1)/2; at < 60 || at > 122 {
			t.Errorf("a restart reads %.1f s again, want 60 to 120", at)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestWorkerConfig(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*WorkerConfig){
		"frames": func(c *WorkerConfig) { c.Frames = nil }, "decoder": func(c *WorkerConfig) { c.NewDecoder = nil },
		"sightings": func(c *WorkerConfig) { c.Sightings = nil }, "shots": func(c *WorkerConfig) { c.Shots = nil },
		"progress": func(c *WorkerConfig) { c.Progress = nil }, "log": func(c *WorkerConfig) { c.Log = nil },
		"engine": func(c *WorkerConfig) { c.Analysis.Engine = nil },
	} {
		c := w.config()
		spoil(&c)
		if _, err := NewWorker(c); err == nil {
			t.Errorf("without %s: got no error", name)
		}
	}
}
