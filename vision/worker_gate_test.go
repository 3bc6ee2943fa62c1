package vision

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
)

// Somebody who comes while the gate is closed, and whom the sizes do not announce, is seen when the video breaks off
// before the next key frame, however it does.
func TestGateAtTheEndOfTheVideo(t *testing.T) {
	const keyBytes = 4000
	again := func(t *testing.T) []*frames.Fragment { return recordKeys(t, "e2", time.Now(), 4, keyBytes) }
	for name, then := range map[string]func(t *testing.T, rest []*frames.Fragment) []*frames.Fragment{
		"new epoch": func(t *testing.T, _ []*frames.Fragment) []*frames.Fragment { return again(t) },
		"nothing":   func(*testing.T, []*frames.Fragment) []*frames.Fragment { return nil },
		"new epoch after a pause": func(t *testing.T, _ []*frames.Fragment) []*frames.Fragment {
			settle(2 * idleEnd)
			return again(t)
		},
		"missing": func(_ *testing.T, rest []*frames.Fragment) []*frames.Fragment { return rest[1:] },
		"corrupt payload": func(_ *testing.T, rest []*frames.Fragment) []*frames.Fragment {
			rest[0].Payload = []byte("not a fragment")
			return rest
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, actor{name: "anna", from: 20.5, to: 21.5, where: stand(0.4, 0.4)})
				recorded := recordKeys(t, "e1", time.Now(), 26, keyBytes)
				w.append(recorded[:43]) // the last key frame at 20 s, the last picture at 21.4 s
				stop := w.start()
				synctest.Wait()
				if seen := w.unique(); !w.worker.State().Gated || len(seen) > 0 {
					t.Fatalf("got %+v and %v, want the gate closed and nobody seen", w.worker.State(), seen)
				}
				w.append(then(t, slices.Clone(recorded[43:])))
				settle(2 * idleEnd)
				same(t, w.unique(), []string{"door/e1/1854000-1/decided known anna", "door/e1/1854000-1/ended known anna"})
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
