package vision

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// Who walks says about every second where they are; who stands says it every five.
func TestTracksSayWhereTheyAre(t *testing.T) {
	for name, c := range map[string]struct {
		where func(float64) Box
		most  time.Duration // between two sightings
		told  int           // sightings at least
	}{
		"walks":  {walk(0, 0.4, 0.08, 0), 1500 * time.Millisecond, 10},
		"stands": {stand(0.4, 0.4), 6 * time.Second, 3},
	} {
		t.Run(name, func(t *testing.T) {
			all := newStage(t, enrolled(t), actor{name: "zoe", from: 0, to: 11, where: c.where}).whole(t, 14)
			if len(all) < c.told {
				t.Fatalf("got %v, want %d sightings at least", ids(all), c.told)
			}
			at, from := t0, -1.0
			for _, o := range all {
				if o.Seen.Sub(at) > c.most {
					t.Errorf("%s comes %s after the one before, want %s at most", o.Stage, o.Seen.Sub(at), c.most)
				}
				for _, m := range o.Trail {
					if m.At(o.Start).Before(at) || m.Centre().X < from {
						t.Errorf("%s goes back to %v", o.Stage, m)
					}
					at, from = m.At(o.Start), m.Centre().X
				}
				if x, _ := c.where(o.Seen.Sub(t0).Seconds()).centre(); math.Abs(at.Sub(o.Seen).Seconds()) > 1e-3 || math.Abs(from-x) > 1e-3 {
					t.Errorf("%s of %v ends at %v, %.3f, want %.3f", o.Stage, o.Seen, at, from, x)
				}
				if o.Decides() == strings.HasPrefix(o.Stage, seenStage) {
					t.Errorf("%s: Decides is %v", o.Stage, o.Decides())
				}
			}
			again := newStage(t, enrolled(t), actor{name: "zoe", from: 0, to: 11, where: c.where}).whole(t, 14)
			for i := range all {
				if !reflect.DeepEqual(all[i].Trail, again[i].Trail) || all[i].ID() != again[i].ID() {
					t.Errorf("analysed again, %s has another trail", all[i].ID())
				}
			}
		})
	}
}

func TestTrail(t *testing.T) {
	for name, c := range map[string]struct {
		step float64 // between two pictures
		want int     // marks of fifty pictures in ten seconds
	}{
		"stands": {0, 26},
		"walks":  {0.012, 50},
	} {
		t.Run(name, func(t *testing.T) {
			var trail trail
			for i := range 50 {
				trail.mark(time.Duration(i)*200*time.Millisecond, Box{X: float64(i) * c.step, Y: 0.25, W: 0.1, H: 0.2})
			}
			got := trail.tell()
			last := Box{X: 49 * c.step, Y: 0.25, W: 0.1, H: 0.2}
			if len(got) != c.want || got[0] != (Mark{0, 0, 250, 100, 200}) || got[len(got)-1].Box() != last {
				t.Fatalf("got %d marks: %v", len(got), got)
			}
			if at := got[len(got)-1].At(time.Unix(1, 0)); !at.Equal(time.Unix(10, 800e6)) {
				t.Errorf("got %v", at)
			}
			if rest := trail.tell(); len(rest) != 1 || rest[0] != got[len(got)-1] {
				t.Errorf("got %v, want where it was", rest)
			}
		})
	}
}

// A trail stays short however long nothing is told, and keeps its ends.
func TestTrailIsThinned(t *testing.T) {
	var trail trail
	for i := range 36_000 { // two hours without a word
		trail.mark(time.Duration(i)*200*time.Millisecond, Box{X: 0.5 + 0.4*math.Sin(float64(i)/20)})
	}
	got := trail.tell()
	text, err := json.Marshal(got)
	if err != nil || len(got) < trailMost/4 || len(got) > trailMost || got[0][0] != 0 || got[len(got)-1][0] != 35_999*200 || len(text) > 2000 {
		t.Errorf("got %d marks of %d bytes, %v: %v", len(got), len(text), err, got)
	}
}
