package vision

import (
	"slices"
	"testing"

	"vigil/frames"
)

// seated is an engine that finds the same people in every picture, by their name.
type seated map[string]Face

func (s seated) Model() Model { return testModel }
func (s seated) Close() error { return nil }

func (s seated) Detect(_ Picture, faces []Face) ([]Face, error) {
	for _, f := range s {
		faces = append(faces, f)
	}
	return faces, nil
}

func (s seated) Embed(p Picture, f Face) (Embedding, Quality, error) {
	for name, is := range s {
		if is == f {
			return lookOf(name, p.PTS), clear64, nil
		}
	}
	panic("a face that was not found")
}

func faceAt(x float64) Face {
	return Face{Box: Box{x, 0.3, 0.1, 0.18}, Landmarks: Landmarks{{x, 0.3}, {x + 0.1, 0.3}}, Score: 0.9}
}

// scenes are what a camera sees for hours: nobody, or people who stay, and behind them what changes or does not.
func scenes() map[string]struct {
	people seated
	change shade
} {
	known, strangers := seated{"anna": faceAt(0.6), "ben": faceAt(0.1)}, seated{"yan": faceAt(0.6), "zoe": faceAt(0.1)}
	return map[string]struct {
		people seated
		change shade
	}{
		"nobody": {nil, 0}, "nobody, and leaves move": {nil, 16}, "two known": {known, 16}, "two strangers": {strangers, 16},
	}
}

// allocations are those of many steps together: not even one in a hundred may allocate.
func allocations(step func()) float64 {
	return testing.AllocsPerRun(1, func() {
		for range 100 {
			step()
		}
	})
}

func (s *stageSet) analysisBy(t *testing.T, e Engine) *Analysis {
	a, err := NewAnalysis(AnalysisConfig{Camera: "door", Engine: e, Gallery: s.roster.Gallery, Strangers: s.strangers})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Once everybody is decided, a picture in which no face is to be embedded and nothing is to be said allocates nothing.
func TestAnalysisDoesNotAllocate(t *testing.T) {
	for name, scene := range scenes() {
		t.Run(name, func(t *testing.T) {
			people, grey := scene.people, shade(0)
			lanes, err := NewLanes(func() (Engine, error) { return people, nil }, 2)
			if err != nil {
				t.Fatal(err)
			}
			a := newStage(t, enrolled(t, "anna", "ben")).analysisBy(t, lanes)
			var pts int64
			var due []Observation
			look := func() {
				p := picture(pts)
				p.Pixels = grey
				now, err := a.Picture("e1", p)
				if err != nil {
					t.Fatal(err)
				}
				due = append(due, now...)
				grey += scene.change
				pts += frames.ClockRate / 1000 // so close that no second passes, after which faces are embedded again
			}
			for range 5 {
				look()
			}
			if len(due) != len(people) {
				t.Fatalf("got %v, want %d decided", ids(due), len(people))
			}
			if n := allocations(look); n != 0 {
				t.Errorf("got %v allocations in 100 pictures, want 0", n)
			}
			if len(tracks(append(due, a.End()...))) != len(people) {
				t.Errorf("got %v, want %d tracks", ids(due), len(people))
			}
		})
	}
}

// still is a decoder that shows every unit and keeps nothing.
type still struct{}

func (still) Drain(func(int64) bool, func(Picture) error) error { return nil }
func (still) Close() error                                      { return nil }

func (still) Decode(u frames.AccessUnit, want func(int64) bool, got func(Picture) error) error {
	if !want(u.PTS) {
		return nil
	}
	return got(Picture{Width: 320, Height: 180, Pixels: restless(u.PTS), PTS: u.PTS})
}

// Nor does the way from an access unit to its picture, whether the gate is open or closed.
func TestViewerDoesNotAllocate(t *testing.T) {
	for name, ungated := range map[string]bool{"gate closed": false, "gate open": true} {
		t.Run(name, func(t *testing.T) {
			a := newStage(t, enrolled(t, "anna")).analysisBy(t, seated(nil))
			v := &Viewer{Analysis: a, Ungated: ungated, NewDecoder: func(frames.Parameters) (Decoder, error) { return still{}, nil }}
			v.See = func(p Picture) error {
				due, err := a.Picture("e1", p)
				if len(due) > 0 {
					t.Errorf("got %v of nobody", ids(due))
				}
				return err
			}
			if err := v.Open(testParameters); err != nil {
				t.Fatal(err)
			}
			units := newFilm(t, 120).units()
			show := func() {
				if err := v.Unit(units[0], t0.Add(frames.Duration(units[0].PTS))); err != nil {
					t.Fatal(err)
				}
				units = units[1:]
			}
			for range 40 * 20 {
				show()
			}
			if v.Gated() == ungated {
				t.Fatalf("got gated %v", v.Gated())
			}
			analysed := v.Counts().Analysed
			if n := allocations(show); n != 0 {
				t.Errorf("got %v allocations in 100 access units, want 0", n)
			}
			if v.Counts().Analysed-analysed < 10 {
				t.Errorf("got %d pictures, want ten key frames at least", v.Counts().Analysed-analysed)
			}
		})
	}
}

// What one lane finds for one camera is not overwritten by what it finds for the next.
func TestLanesFacesAreTheCallers(t *testing.T) {
	here, there := seated{"anna": faceAt(0.1)}, seated{"zoe": faceAt(0.6)}
	engines := []Engine{here, there}
	lanes, err := NewLanes(func() (Engine, error) { e := engines[0]; engines = engines[1:]; return e, nil }, 2)
	if err != nil {
		t.Fatal(err)
	}
	mine := []Face{faceAt(0.9)}
	for _, want := range []float64{0.1, 0.6, 0.1} {
		if mine, err = lanes.Detect(picture(0), mine); err != nil || mine[len(mine)-1] != faceAt(want) {
			t.Fatalf("got %v, %v, want %v at the end", mine, err, faceAt(want))
		}
	}
	if !slices.Equal(mine, []Face{faceAt(0.9), faceAt(0.1), faceAt(0.6), faceAt(0.1)}) {
		t.Errorf("got %v, want the faces of all pictures", mine)
	}
}
