package vision

import (
	"fmt"
	"math"
	"testing"
)

// poorly are the ways in which a face says nothing of who it is: the engine embeds all of them as nobody.
var poorly = map[string]func(q *Quality){
	"cut off":     func(q *Quality) { q.Inside = 0.75 },
	"tiny":        func(q *Quality) { q.EyeDistance = 13 },
	"blurred":     func(q *Quality) { q.Sharpness = 5 },
	"turned":      func(q *Quality) { q.Yaw = 45 },
	"looking up":  func(q *Quality) { q.Pitch = 45 },
	"half a face": func(q *Quality) { q.Detector = 0.7 },
}

// spoiled is a good face that is spoiled while when says so.
func spoiled(spoil func(q *Quality), when func(s float64) bool) func(s float64) Quality {
	return func(s float64) Quality {
		q := clear64
		if when(s) {
			spoil(&q)
		}
		return q
	}
}

func between(from, to float64) func(s float64) bool {
	return func(s float64) bool { return s >= from && s < to }
}

// answers plays the scene and returns its tracks, one for each of who.
func answers(t *testing.T, s *stageSet, to float64, who ...string) [][]Observation {
	t.Helper()
	all := s.whole(t, to)
	groups := tracks(all)
	if len(groups) != len(who) {
		t.Fatalf("got %v, want %d tracks: %v", ids(all), len(who), who)
	}
	for i, w := range who {
		expect(t, groups[i], w)
	}
	return groups
}

// Somebody who comes in is first half a face, and on leaving too.
func TestCutOffEntryIsOneTrack(t *testing.T) {
	for name, spoil := range poorly {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, enrolled(t, "anna"), actor{
				name: "zoe", from: 0, to: 5, where: walk(0.9, 0.3, -0.15, 0),
				quality: spoiled(spoil, func(s float64) bool { return s < 0.5 || s > 4.5 }),
			})
			answers(t, s, 7, "unknown")
		})
	}
	t.Run("and nothing tells", func(t *testing.T) {
		s := newStage(t, enrolled(t, "anna"), actor{
			name: "zoe", from: 0, to: 5, where: walk(0.9, 0.3, -0.15, 0), mush: func(s float64) bool { return s < 0.1 },
		})
		group := answers(t, s, 7, "unknown")[0]
		if at := group[0].Seen.Sub(t0).Seconds(); group[0].Stage != "decided" || at > 0.5 {
			t.Errorf("got %s at %.1f s, want a decision with the second of her faces", group[0].Stage, at)
		}
	})
}

// Faces that tell nothing neither part a track nor change what it says.
func TestPoorFacesRaiseNoDoubt(t *testing.T) {
	for name, spoil := range poorly {
		for _, who := range []string{"anna", "zoe"} {
			t.Run(who+" "+name, func(t *testing.T) {
				s := newStage(t, enrolled(t, "anna"), actor{
					name: who, from: 0, to: 9, where: walk(0.1, 0.3, 0.05, 0), quality: spoiled(spoil, between(2, 6)),
				})
				want := map[string]string{"anna": "anna", "zoe": "unknown"}[who]
				group := answers(t, s, 11, want)[0]
				expect(t, group, want, "decided", "seen-1", "ended")
			})
		}
	}
}

func TestMissedDetections(t *testing.T) {
	for every := 2; every <= 4; every++ {
		t.Run(fmt.Sprintf("each of %d", every), func(t *testing.T) {
			missed := func(s float64) bool { return int(math.Round(s*5))%every == 1 }
			s := newStage(t, enrolled(t, "anna"),
				actor{name: "anna", from: 0, to: 6, where: walk(0.05, 0.3, 0.12, 0), hidden: missed},
				actor{name: "zoe", from: 0, to: 6, where: walk(0.05, 0.6, 0.12, 0), hidden: missed})
			answers(t, s, 8, "anna", "unknown")
		})
	}
}

func TestBrieflyHidden(t *testing.T) {
	for _, gone := range []float64{0.4, 0.8, 1.2} {
		t.Run(fmt.Sprintf("%v s", gone), func(t *testing.T) {
			s := newStage(t, enrolled(t, "anna"),
				// She stops behind a pillar; zoe walks past in front of it.
				actor{name: "anna", from: 0, to: 8, where: stand(0.45, 0.3), hidden: between(3, 3+gone)},
				actor{name: "zoe", from: 1, to: 6, where: walk(0.05, 0.33, 0.19, 1)})
			answers(t, s, 10, "anna", "unknown")
		})
	}
}

// Two strangers who cross stay two, each the one that they were.
func TestStrangersWhoCross(t *testing.T) {
	const speed, mid = 0.2, 2.0
	s := newStage(t, enrolled(t, "anna"),
		actor{name: "zoe", from: 0, to: 2 * mid, where: walk(0.05, 0.3, speed, 0)},
		actor{name: "yan", from: 0, to: 2 * mid, where: walk(0.85, 0.31, -speed, 0), hidden: between(mid-0.2, mid+0.25)})
	groups := answers(t, s, 2*mid+3, "unknown", "unknown")
	if groups[0][0].Stranger == groups[1][0].Stranger {
		t.Errorf("got one stranger, %s", groups[0][0].Stranger)
	}
	for _, g := range groups {
		if last := g[len(g)-1]; last.Seen.Sub(t0).Seconds() < 2*mid-0.4 || last.Stranger != g[0].Stranger {
			t.Errorf("track %s: ends at %v as %s, began as %s", last.Track, last.Seen.Sub(t0), last.Stranger, g[0].Stranger)
		}
	}
}

func TestStrangerTurnsAwayAndBack(t *testing.T) {
	s := newStage(t, enrolled(t, "anna"), actor{
		name: "zoe", from: 0, to: 9, where: walk(0.2, 0.3, 0.03, 0),
		quality: spoiled(func(q *Quality) { q.Yaw, q.Score = 62, 0.05 }, between(2, 6)), hidden: between(3, 4.1),
	})
	answers(t, s, 11, "unknown")
}

// Whoever takes somebody's place, and whoever had it: two tracks.
func TestReplacedInTheSamePlace(t *testing.T) {
	for _, pair := range [][2]string{{"anna", "zoe"}, {"zoe", "anna"}, {"zoe", "yan"}, {"anna", "ben"}} {
		t.Run(pair[0]+" by "+pair[1], func(t *testing.T) {
			s := newStage(t, enrolled(t, "anna", "ben"),
				actor{name: pair[0], from: 0, to: 3, where: stand(0.4, 0.3)},
				actor{name: pair[1], from: 3.2, to: 7, where: stand(0.41, 0.3)})
			who := func(name string) string {
				if name == "zoe" || name == "yan" {
					return "unknown"
				}
				return name
			}
			groups := answers(t, s, 9, who(pair[0]), who(pair[1]))
			if groups[1][0].Start.Sub(t0).Seconds() > 5 {
				t.Errorf("noticed at %v, want within two seconds", groups[1][0].Start.Sub(t0))
			}
		})
	}
}

// A track that was published as one person and turns out to be another, or becomes clear, is told again.
func TestRevisedByName(t *testing.T) {
	look := lookOf("anna", -1)
	named := func(name string) *Gallery {
		g, err := NewGallery(testModel, 0, []Person{{name, []Embedding{look}}})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	s := newStage(t, named("ann"), actor{name: "anna", from: 0, to: 8, where: stand(0.4, 0.3)})
	a := s.analysis(t)
	all := s.play(t, a, 0, 10, func(at float64) {
		switch {
		case at >= 6:
			s.roster.Set(named("anna"))
		case at >= 4: // twins: nobody can tell
			g, err := NewGallery(testModel, 0, []Person{{"x", []Embedding{look}}, {"y", []Embedding{look}}})
			if err != nil {
				t.Fatal(err)
			}
			s.roster.Set(g)
		case at >= 2:
			s.roster.Set(named("anne"))
		}
	})
	group := tracks(append(all, a.End()...))[0]
	expect(t, group, "anna", "decided", "revised-1", "revised-2", "revised-3", "ended")
	for i, want := range []string{"ann", "anne", "", "anna"} {
		if got := group[i].Decision; got.Person != want || (got.Outcome == Known) != (want != "") {
			t.Errorf("%s: got %+v, want %q", group[i].Stage, got, want)
		}
	}
}
