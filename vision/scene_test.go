package vision

import (
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vigil/frames"
)

// testModel separates the faces drawn by lookOf well: the same person scores about 0.6, others below 0.3.
var testModel = Model{Engine: "deep", ID: "test-1", Threshold: 0.4, Margin: 0.06}

var t0 = time.Date(2026, 11, 22, 20, 15, 0, 0, time.UTC)

const testSize = 64 // of the embeddings

// clear is a face that satisfies every floor.
var clear64 = Quality{EyeDistance: 64, Sharpness: 200, Light: 0.5, Inside: 1, Detector: 0.9, Score: 0.8}

// actor is somebody who walks through a scene.
type actor struct {
	name    string
	from    float64 // seconds
	to      float64
	where   func(s float64) Box
	quality func(s float64) Quality // nil: clear64
	hidden  func(s float64) bool    // nil: never
	mush    func(s float64) bool    // embedded as nobody, however good it seems; nil: never
}

func (a actor) at(s float64) (Box, Quality, bool) {
	if s < a.from || s >= a.to || a.hidden != nil && a.hidden(s) {
		return Box{}, Quality{}, false
	}
	q := clear64
	if a.quality != nil {
		q = a.quality(s)
	}
	return a.where(s), q, true
}

func stand(x, y float64) func(float64) Box {
	return func(float64) Box { return Box{x, y, 0.1, 0.18} }
}

// walk moves from x0 by v fractions of the picture a second since s0.
func walk(x0, y, v, s0 float64) func(float64) Box {
	return func(s float64) Box { return Box{x0 + v*(s-s0), y, 0.1, 0.18} }
}

func seed(s string) (n uint64) {
	for _, c := range s {
		n = n*131 + uint64(c)
	}
	return n
}

func random(r *rand.Rand, n int) Embedding {
	e := make(Embedding, n)
	for i := range e {
		e[i] = float32(r.NormFloat64())
	}
	return e.Normalize()
}

// lookOf is the person's face in the picture at pts: their own vector and noise that changes from picture to picture.
func lookOf(name string, pts int64) Embedding {
	e := random(rand.New(rand.NewPCG(seed(name), 7)), testSize)
	noise := random(rand.New(rand.NewPCG(seed(name), uint64(pts)+99)), testSize)
	for i := range e {
		e[i] += 0.75 * noise[i]
	}
	return e.Normalize()
}

// enrolled is a gallery with two photos of each.
func enrolled(t testing.TB, names ...string) *Gallery {
	t.Helper()
	var people []Person
	for _, n := range names {
		people = append(people, Person{n, []Embedding{lookOf(n, -1), lookOf(n, -2)}})
	}
	g, err := NewGallery(testModel, 0, people)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// fakeEngine sees the actors of a scene. It can be blind at times, and unable to embed.
type fakeEngine struct {
	actors  []actor
	blind   func(s float64) bool
	mute    bool
	detects atomic.Int64
	embeds  atomic.Int64
	closed  atomic.Int64
	reverse bool // report faces from right to left
}

func seconds(pts int64) float64 { return float64(pts) / frames.ClockRate }

func (e *fakeEngine) Model() Model { return testModel }
func (e *fakeEngine) Close() error { e.closed.Add(1); return nil }

func (e *fakeEngine) Detect(p Picture, faces []Face) ([]Face, error) {
	e.detects.Add(1)
	if e.blind != nil && e.blind(seconds(p.PTS)) {
		return nil, errors.New("no light")
	}
	before := len(faces)
	for _, a := range e.actors {
		box, q, ok := a.at(seconds(p.PTS))
		if !ok {
			continue
		}
		x, y := box.centre()
		half := q.EyeDistance / float64(p.Width) / 2
		faces = append(faces, Face{Box: box, Score: 0.9, Landmarks: Landmarks{{x - half, y}, {x + half, y}}})
	}
	if e.reverse {
		slices.Reverse(faces[before:])
	}
	return faces, nil
}

func (e *fakeEngine) Embed(p Picture, f Face) (Embedding, Quality, error) {
	e.embeds.Add(1)
	if e.mute {
		return nil, Quality{}, errors.New("singular transform")
	}
	for _, a := range e.actors {
		if box, q, ok := a.at(seconds(p.PTS)); ok && box == f.Box {
			look := lookOf(a.name, p.PTS)
			if !DefaultLimits().good(q) || a.mush != nil && a.mush(seconds(p.PTS)) {
				look = lookOf("nobody in particular", p.PTS) // what networks make of mush
			}
			return look, q, nil
		}
	}
	return nil, Quality{}, errors.New("no such face")
}

// stage is what a test needs to play a scene.
type stageSet struct {
	engine    *fakeEngine
	roster    *Roster
	strangers *Strangers
	fps       int // of the camera
}

func newStage(t testing.TB, g *Gallery, actors ...actor) *stageSet {
	t.Helper()
	s := &stageSet{
		engine: &fakeEngine{actors: actors}, roster: &Roster{}, strangers: NewStrangers(testModel, 0), fps: 25,
	}
	s.roster.Set(g)
	return s
}

func (s *stageSet) analysis(t testing.TB) *Analysis {
	t.Helper()
	a, err := NewAnalysis(AnalysisConfig{
		Camera: "door", Engine: s.engine, Gallery: s.roster.Gallery, Strangers: s.strangers,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// shade is a picture of one grey.
type shade byte

func (s shade) Scale(dst []byte, _, _, _ int) error {
	for i := range dst {
		dst[i] = byte(s)
	}
	return nil
}

func (s shade) Crop(dst []byte, _ image.Rectangle) error { return s.Scale(dst, 0, 0, 0) }

// restless is a shade that the pictures before did not have.
func restless(pts int64) shade { return shade(16 * (pts / (frames.ClockRate / 25))) }

func picture(pts int64) Picture {
	return Picture{
		Width: 320, Height: 180, Pixels: restless(pts), PTS: pts, Time: t0.Add(frames.Duration(pts)),
	}
}

// play gives the analysis the pictures of [from, to) seconds; before is called with each analysed picture's time.
func (s *stageSet) play(t testing.TB, a *Analysis, from, to float64, before func(s float64)) []Observation {
	t.Helper()
	var all []Observation
	step := int64(frames.ClockRate / s.fps)
	for pts := int64(math.Round(from * frames.ClockRate)); seconds(pts) < to; pts += step {
		if !a.Want(pts) {
			continue
		}
		if before != nil {
			before(seconds(pts))
		}
		due, err := a.Picture("e1", picture(pts))
		if err != nil {
			t.Fatalf("picture at %.2f s: %v", seconds(pts), err)
		}
		all = append(all, due...)
	}
	return all
}

// whole plays a scene from its start and ends it.
func (s *stageSet) whole(t testing.TB, to float64) []Observation {
	t.Helper()
	a := s.analysis(t)
	return append(s.play(t, a, 0, to, nil), a.End()...)
}

// ids lists what identifies the observations and says who.
func ids(all []Observation) []string {
	var list []string
	for _, o := range all {
		list = append(list, o.ID()+" "+string(o.Decision.Outcome)+" "+o.Decision.Person+o.Stranger)
	}
	return list
}

// tracks groups observations by track, in order of first appearance.
func tracks(all []Observation) [][]Observation {
	var groups [][]Observation
	places := map[string]int{}
	for _, o := range all {
		i, ok := places[o.Track]
		if !ok {
			i = len(groups)
			places[o.Track] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], o)
	}
	return groups
}

// expect checks one track: the person at its end (or the outcome, when nobody known) and its stages.
func expect(t *testing.T, track []Observation, who string, stages ...string) {
	t.Helper()
	var got []string
	for _, o := range track {
		if !strings.HasPrefix(o.Stage, movedStage) {
			got = append(got, o.Stage)
		}
	}
	last := track[len(track)-1]
	answer := string(last.Decision.Outcome)
	if last.Decision.Person != "" {
		answer = last.Decision.Person
	}
	if answer != who {
		t.Errorf("track %s: got %s (%+v), want %s", last.Track, answer, last.Decision, who)
	}
	if len(stages) > 0 && !slices.Equal(got, stages) {
		t.Errorf("track %s: got stages %v, want %v", last.Track, got, stages)
	}
}
