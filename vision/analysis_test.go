package vision

import (
	"bytes"
	"errors"
	"image/jpeg"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestKnownPerson(t *testing.T) {
	s := newStage(t, enrolled(t, "anna", "ben"), actor{name: "anna", from: 1, to: 13, where: walk(0.1, 0.3, 0.05, 1)})
	all := s.whole(t, 16)
	groups := tracks(all)
	if len(groups) != 1 {
		t.Fatalf("got tracks %v, want one", ids(all))
	}
	expect(t, groups[0], "anna", "decided", "seen-1", "seen-2", "ended")
	first, last := groups[0][0], groups[0][len(groups[0])-1]
	if first.Track != "door/e1/90000-1" {
		t.Errorf("got track %s, want door/e1/90000-1", first.Track)
	}
	if want := t0.Add(1200 * time.Millisecond); !first.Seen.Equal(want) {
		t.Errorf("decided at %v, want the second picture at %v", first.Seen, want)
	}
	if !last.Ended || first.Ended || !last.Start.Equal(t0.Add(time.Second)) || !last.Seen.Equal(t0.Add(12800*time.Millisecond)) {
		t.Errorf("got start %v, seen %v, ended %v", last.Start, last.Seen, last.Ended)
	}
	if first.Stranger != "" || first.Decision.Score < 0.4 || first.Decision.Margin < 0.06 {
		t.Errorf("got %+v, stranger %q", first.Decision, first.Stranger)
	}
	// 60 pictures; a decided face is embedded about once a second.
	if n := s.engine.embeds.Load(); n > 20 {
		t.Errorf("embedded %d faces, want at most 20", n)
	}
}

func TestStranger(t *testing.T) {
	for name, gallery := range map[string]*Gallery{
		"others enrolled": enrolled(t, "anna", "ben"), "nobody enrolled": enrolled(t), "no gallery": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, gallery, actor{name: "zoe", from: 1, to: 4, where: stand(0.4, 0.3)})
			groups := tracks(s.whole(t, 6))
			if len(groups) != 1 {
				t.Fatalf("got %d tracks, want one", len(groups))
			}
			expect(t, groups[0], "unknown", "decided", "ended")
			o := groups[0][0]
			if o.Stranger != StrangerID(o.Track) || !strings.HasPrefix(o.Stranger, "s-") || len(o.Stranger) != 10 {
				t.Errorf("got stranger %q, want %q", o.Stranger, StrangerID(o.Track))
			}
			if (o.Decision.Score == 0) != (gallery == nil || gallery.Templates() == 0) || o.Decision.Score > 0.35 {
				t.Errorf("got score %v", o.Decision.Score)
			}
			if o.Seen.Sub(o.Start) > 400*time.Millisecond {
				t.Errorf("decided after %v", o.Seen.Sub(o.Start))
			}
		})
	}
}

func TestShot(t *testing.T) {
	better := func(s float64) Quality {
		q := clear64
		q.Score = min(0.9, 0.3+s/5)
		return q
	}
	s := newStage(t, nil, actor{name: "zoe", from: 0, to: 8, where: stand(0.9, 0.7), quality: better})
	all := s.whole(t, 10)
	want := "shots/2026/11/22/door/door_e1_0-1.jpg"
	var scores []float64
	for _, o := range all {
		if o.Shot == nil || o.Shot.Key != want {
			t.Fatalf("%s: got shot %+v, want key %s", o.ID(), o.Shot, want)
		}
		if o.JPEG == nil {
			continue
		}
		scores = append(scores, o.Shot.Quality.Score)
		img, err := jpeg.Decode(bytes.NewReader(o.JPEG))
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() < shotSmall || b.Dy() < shotSmall || b.Dx() > shotLarge || b.Dy() > shotLarge {
			t.Errorf("got %v pixels", b)
		}
	}
	if len(scores) < 2 || !slices.IsSorted(scores) {
		t.Errorf("got shots of quality %v, want several, each better", scores)
	}
}

func TestPeopleWhoCross(t *testing.T) {
	for _, speed := range []float64{0.1, 0.25, 0.5} {
		mid := 0.4 / speed
		near := func(s float64) bool { return s > mid-0.2 && s < mid+0.25 }
		s := newStage(t, enrolled(t, "anna", "ben"),
			actor{name: "anna", from: 0, to: 2 * mid, where: walk(0.05, 0.3, speed, 0)},
			// Behind her for a moment, unseen.
			actor{name: "zoe", from: 0, to: 2 * mid, where: walk(0.85, 0.32, -speed, 0), hidden: near})
		all := s.whole(t, 2*mid+3)
		groups := tracks(all)
		if len(groups) != 2 {
			t.Fatalf("speed %v: got %v, want two tracks", speed, ids(all))
		}
		expect(t, groups[0], "anna")
		expect(t, groups[1], "unknown")
		for i, end := range []float64{0.05 + speed*2*mid, 0.85 - speed*2*mid} {
			track := groups[i]
			if got := track[len(track)-1].Seen; got.Sub(t0).Seconds() < 2*mid-0.4 {
				t.Errorf("speed %v: track %d ends at %v, want the end of the walk at x=%.2f", speed, i, got.Sub(t0), end)
			}
		}
	}
}

func TestTurnsAwayAndBack(t *testing.T) {
	away := func(s float64) Quality {
		q := clear64
		if s > 2 && s < 5 {
			q.Yaw, q.Score = 60, 0.1
		}
		return q
	}
	s := newStage(t, enrolled(t, "anna"), actor{
		name: "anna", from: 0, to: 8, where: stand(0.4, 0.3), quality: away,
		hidden: func(s float64) bool { return s > 3 && s < 4.2 },
	})
	groups := tracks(s.whole(t, 10))
	if len(groups) != 1 {
		t.Fatalf("got %d tracks, want one", len(groups))
	}
	expect(t, groups[0], "anna", "decided", "seen-1", "ended")
}

func TestStrangerBesideFamily(t *testing.T) {
	s := newStage(t, enrolled(t, "anna", "ben"),
		actor{name: "anna", from: 0, to: 4, where: stand(0.30, 0.3)},
		actor{name: "zoe", from: 0, to: 4, where: stand(0.42, 0.3)},
		actor{name: "ben", from: 0, to: 4, where: stand(0.54, 0.3)})
	s.engine.reverse = true
	all := s.whole(t, 6)
	groups := tracks(all)
	if len(groups) != 3 {
		t.Fatalf("got %v, want three tracks", ids(all))
	}
	for i, who := range []string{"anna", "unknown", "ben"} {
		expect(t, groups[i], who, "decided", "ended")
		if want := "door/e1/0-" + string(rune('1'+i)); groups[i][0].Track != want {
			t.Errorf("got track %s, want %s: numbered from left to right", groups[i][0].Track, want)
		}
	}
}

func TestPoorFacesAreUndecided(t *testing.T) {
	poor := map[string]func(q *Quality){
		"too small":   func(q *Quality) { q.EyeDistance = 14 },
		"tiny":        func(q *Quality) { q.EyeDistance = 6 },
		"blurred":     func(q *Quality) { q.Sharpness = 3 },
		"turned away": func(q *Quality) { q.Yaw = -48 },
		"profile":     func(q *Quality) { q.Yaw = 80 },
		"outside":     func(q *Quality) { q.Inside = 0.75 },
		"too dark":    func(q *Quality) { q.Light = 0.02 },
		"too bright":  func(q *Quality) { q.Light = 0.99 },
		"not clear":   func(q *Quality) { q.Score = 0.05 },
	}
	for name, spoil := range poor {
		t.Run(name, func(t *testing.T) {
			q := clear64
			spoil(&q)
			for _, gallery := range []*Gallery{nil, enrolled(t, "anna")} {
				s := newStage(t, gallery, actor{
					name: "anna", from: 0, to: 12, where: stand(0.4, 0.3), quality: func(float64) Quality { return q },
				})
				groups := tracks(s.whole(t, 15))
				if len(groups) != 1 {
					t.Fatalf("got %d tracks, want one", len(groups))
				}
				expect(t, groups[0], "undecided", "ended")
				o := groups[0][0]
				if o.Stranger != "" || o.Shot == nil || o.JPEG == nil || !strings.Contains(o.Decision.Reason, "no clear face: ") {
					t.Errorf("got stranger %q, shot %v, reason %q", o.Stranger, o.Shot, o.Decision.Reason)
				}
				if !s.strangers.Quiet() {
					t.Error("a stranger was remembered")
				}
			}
		})
	}
}

func TestSomebodyElseTakesThePlace(t *testing.T) {
	s := newStage(t, enrolled(t, "anna"),
		actor{name: "anna", from: 0, to: 3, where: stand(0.4, 0.3)},
		actor{name: "zoe", from: 3, to: 7, where: stand(0.41, 0.3)})
	all := s.whole(t, 10)
	groups := tracks(all)
	if len(groups) != 2 {
		t.Fatalf("got %v, want two tracks", ids(all))
	}
	expect(t, groups[0], "anna", "decided", "ended")
	expect(t, groups[1], "unknown", "decided", "ended")
	if at := groups[1][0].Seen.Sub(t0); at > 5*time.Second {
		t.Errorf("noticed at %v, want within two seconds", at)
	}
}

func TestRevised(t *testing.T) {
	s := newStage(t, enrolled(t, "ben"), actor{name: "anna", from: 0, to: 12, where: stand(0.4, 0.3)})
	a := s.analysis(t)
	all := s.play(t, a, 0, 14, func(at float64) {
		switch {
		case at >= 6.5:
			s.roster.Set(enrolled(t, "ben")) // erased
		case at >= 3:
			s.roster.Set(enrolled(t, "ben", "anna"))
		}
	})
	groups := tracks(append(all, a.End()...))
	if len(groups) != 1 {
		t.Fatalf("got %v, want one track", ids(all))
	}
	track := groups[0]
	expect(t, track, "unknown", "decided", "revised-1", "seen-1", "revised-2", "seen-2", "ended")
	if track[1].Decision.Person != "anna" || track[1].Stranger != "" {
		t.Errorf("got %+v, stranger %q, want anna, known", track[1].Decision, track[1].Stranger)
	}
	if track[0].Stranger == "" || track[3].Stranger != track[0].Stranger {
		t.Errorf("got strangers %q and %q, want the same", track[0].Stranger, track[3].Stranger)
	}
}

func TestStrangerComesBack(t *testing.T) {
	s := newStage(t, nil,
		actor{name: "zoe", from: 0, to: 3, where: stand(0.4, 0.3)},
		actor{name: "yan", from: 4, to: 7, where: stand(0.4, 0.3)},
		actor{name: "zoe", from: 20, to: 23, where: stand(0.7, 0.3)},
		actor{name: "zoe", from: 60, to: 63, where: stand(0.4, 0.3)})
	var who []string
	for _, track := range tracks(s.whole(t, 65)) {
		expect(t, track, "unknown", "decided", "ended")
		who = append(who, track[0].Stranger)
	}
	if len(who) != 4 || who[0] == who[1] || who[0] != who[2] || who[0] == who[3] {
		t.Errorf("got %v, want the third as the first and the others new", who)
	}
}

// A replay from a key frame in a quiet place says what the whole run said from there on.
func TestReplayIsTheSame(t *testing.T) {
	for _, fps := range []int{5, 12, 15, 25, 30} {
		newScene := func() *stageSet {
			s := newStage(t, enrolled(t, "anna"),
				actor{name: "zoe", from: 1, to: 3, where: walk(0.1, 0.3, 0.1, 1)},
				actor{name: "anna", from: 42.13, to: 48, where: walk(0.1, 0.3, 0.1, 42)},
				actor{name: "yan", from: 43.37, to: 49, where: walk(0.9, 0.3, -0.1, 43)})
			s.fps = fps
			return s
		}
		whole := ids(newScene().whole(t, 60))
		s := newScene()
		a := s.analysis(t)
		step := int64(90000 / fps)
		key := int64(40*90000) / step * step // a key frame that lies anywhere in a cell
		a.Resume(key)
		again := ids(append(s.play(t, a, seconds(key), 60, nil), a.End()...))
		if len(again) < 6 || !slices.Equal(whole[len(whole)-len(again):], again) {
			t.Errorf("%d fps: got\n%s\nwant the end of\n%s", fps, strings.Join(again, "\n"), strings.Join(whole, "\n"))
		}
	}
}

func TestBlindIsNotEmpty(t *testing.T) {
	s := newStage(t, nil)
	s.engine.blind = func(float64) bool { return true }
	a := s.analysis(t)
	if _, err := a.Picture("e1", picture(0)); !errors.Is(err, ErrBlind) {
		t.Errorf("detector broken: got %v, want ErrBlind", err)
	}
	s.engine.blind = nil
	if due, err := a.Picture("e1", picture(18000)); err != nil || len(due) != 0 {
		t.Errorf("nobody there: got %v, %v", due, err)
	}
	if _, err := a.Picture("e1", Picture{Width: 10, Height: 10}); !errors.Is(err, ErrBlind) {
		t.Errorf("short picture: got %v, want ErrBlind", err)
	}
	other, err := NewGallery(Model{ID: "another-model"}, 0, []Person{{"anna", []Embedding{{1, 0}}}})
	if err != nil {
		t.Fatal(err)
	}
	s.roster.Set(other)
	if _, err := a.Picture("e1", picture(36000)); !errors.Is(err, ErrBlind) || !strings.Contains(err.Error(), "another-model") {
		t.Errorf("gallery of another model: got %v, want ErrBlind", err)
	}
}

func TestDetectorTalksNonsense(t *testing.T) {
	nan := math.NaN()
	for _, box := range []Box{{nan, 0, 0.1, 0.1}, {0, 0, math.Inf(1), 0.1}, {0, 0, 0, 0.1}, {1e9, 0, 0.1, 0.1}} {
		s := newStage(t, nil,
			actor{name: "zoe", from: 0, to: 2, where: stand(0.4, 0.3)},
			actor{name: "ghost", from: 0, to: 2, where: func(float64) Box { return box }})
		a := s.analysis(t)
		if _, err := a.Picture("e1", picture(0)); err == nil || errors.Is(err, ErrBlind) {
			t.Errorf("box %v: got %v, want an error about one face", box, err)
		}
		if due, _ := a.Picture("e1", picture(18000)); len(due) != 1 {
			t.Errorf("box %v: got %d observations, want zoe's", box, len(due))
		}
	}
}

func TestEmbeddingFails(t *testing.T) {
	s := newStage(t, nil, actor{name: "zoe", from: 0, to: 2, where: stand(0.4, 0.3)})
	s.engine.mute = true
	a := s.analysis(t)
	due, err := a.Picture("e1", picture(0))
	if err == nil || errors.Is(err, ErrBlind) || len(due) != 0 || a.Quiet() {
		t.Errorf("got %v, %v, quiet %v; want a face that is followed and an error that is not ErrBlind", due, err, a.Quiet())
	}
	due = a.End()
	if len(due) != 1 || due[0].Decision.Outcome != Undecided || due[0].Shot != nil || due[0].Decision.Reason == "" {
		t.Errorf("got %+v, want one undecided without a shot", due)
	}
}

func TestEpochsDoNotShareTracks(t *testing.T) {
	s := newStage(t, nil, actor{name: "zoe", from: 0, to: 9, where: stand(0.4, 0.3)})
	a := s.analysis(t)
	first := append(s.play(t, a, 0, 3, nil), a.End()...)
	if !a.Quiet() {
		t.Error("tracks live on")
	}
	if !a.Want(0) {
		t.Error("the first picture of the next epoch is not wanted")
	}
	p := picture(0)
	p.Time = t0.Add(4 * time.Second)
	if due, err := a.Picture("e2", p); err != nil || len(due) != 0 {
		t.Fatalf("got %v, %v", ids(due), err)
	}
	p.PTS, p.Time = 18000, t0.Add(4200*time.Millisecond)
	second, err := a.Picture("e2", p)
	if err != nil || len(second) != 1 || second[0].Track != "door/e2/0-1" || second[0].Stranger != first[0].Stranger {
		t.Errorf("got %v, %v; want a new track of the stranger in %v", ids(second), err, ids(first))
	}
}

func TestAnalysisConfig(t *testing.T) {
	good := AnalysisConfig{Camera: "door", Engine: &fakeEngine{}, Strangers: NewStrangers(testModel, 0)}
	for name, spoil := range map[string]func(*AnalysisConfig){
		"camera": func(c *AnalysisConfig) { c.Camera = "" }, "engine": func(c *AnalysisConfig) { c.Engine = nil },
		"strangers": func(c *AnalysisConfig) { c.Strangers = nil }, "fps": func(c *AnalysisConfig) { c.FPS = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := NewAnalysis(c); err == nil {
			t.Errorf("without %s: got no error", name)
		}
	}
}

// Whoever is known and alone is looked at half as often, until something may change.
func TestSettledTakesHalf(t *testing.T) {
	still, fast := stand(0.2, 0.3), walk(0.05, 0.3, 0.2, 0)
	tests := map[string]struct {
		actors []actor
		from   float64
		want   int64 // pictures of two seconds from then on
	}{
		"nobody":              {nil, 1, 10},
		"known":               {[]actor{{name: "anna", to: 4, where: still}}, 1, 5},
		"a stranger":          {[]actor{{name: "zoe", to: 4, where: still}}, 1, 10},
		"not decided":         {[]actor{{name: "zoe", to: 4, where: still, quality: spoiled(poorly["tiny"], between(0, 4))}}, 1, 10},
		"on the move":         {[]actor{{name: "anna", to: 4, where: fast}}, 1, 10},
		"two, far apart":      {[]actor{{name: "anna", to: 4, where: still}, {name: "bob", to: 4, where: stand(0.7, 0.3)}}, 1, 5},
		"two, close together": {[]actor{{name: "anna", to: 4, where: still}, {name: "zoe", to: 4, where: stand(0.4, 0.3)}}, 1, 10},
		"one lost from sight": {[]actor{{name: "anna", to: 4, where: still, hidden: between(1, 2.3)}}, 1, 9},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, enrolled(t, "anna", "bob"), tt.actors...)
			a := s.analysis(t)
			s.play(t, a, 0, tt.from, nil)
			before := s.engine.detects.Load()
			s.play(t, a, tt.from, tt.from+2, nil)
			if got := s.engine.detects.Load() - before; got != tt.want {
				t.Errorf("looked at %d of 10 pictures, want %d", got, tt.want)
			}
		})
	}
}
