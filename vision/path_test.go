package vision

import (
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
				for _, p := range o.Path {
					if p.Time.Before(at) || p.X < from {
						t.Errorf("%s goes back to %.2f at %v", o.Stage, p.X, p.Time)
					}
					at, from = p.Time, p.X
				}
				if x, _ := c.where(o.Seen.Sub(t0).Seconds()).centre(); math.Abs(at.Sub(o.Seen).Seconds()) > 1e-9 || math.Abs(from-x) > 1e-9 {
					t.Errorf("%s of %v ends at %v, %.3f, want %.3f", o.Stage, o.Seen, at, from, x)
				}
				if o.Decides() == strings.HasPrefix(o.Stage, seenStage) {
					t.Errorf("%s: Decides is %v", o.Stage, o.Decides())
				}
			}
			again := newStage(t, enrolled(t), actor{name: "zoe", from: 0, to: 11, where: c.where}).whole(t, 14)
			for i := range all {
				if !reflect.DeepEqual(all[i].Path, again[i].Path) || all[i].ID() != again[i].ID() {
					t.Errorf("analysed again, %s has another path", all[i].ID())
				}
			}
		})
	}
}

// A path stays short however long nothing is told, and keeps its ends and its turns.
func TestPathIsThinned(t *testing.T) {
	s := &subject{}
	for i := range 10_000 {
		s.stand(Place{Time: t0.Add(time.Duration(i) * time.Second), Point: Point{X: 0.5 + 0.4*math.Sin(float64(i)/20), Y: 0.5}})
	}
	way := s.travelled()
	if len(way) > pathMost || len(way) < pathMost/4 || !way[0].Time.Equal(t0) || !way[len(way)-1].Time.Equal(t0.Add(9999*time.Second)) {
		t.Errorf("got %d places from %v to %v", len(way), way[0].Time, way[len(way)-1].Time)
	}
	if rest := s.travelled(); len(rest) != 1 || rest[0] != way[len(way)-1] {
		t.Errorf("got %v, want where it was", rest)
	}
}
