package vision

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"vigil/frames"
)

// film is a scene as a camera sends it: ten pictures a second, a key frame every two seconds, and units that are larger
// while somebody can be seen.
type film struct {
	*world
	length float64
	// heavy reports whether the picture at s costs more than noise; nil: while an actor is there.
	heavy func(s float64) bool
	// swaps exchanges the times of neighbours, as B-frames do.
	swaps bool

	viewer   *Viewer
	observed []Observation
	failed   []error
}

// units returns the film's access units in decoding order.
func (f *film) units() []frames.AccessUnit {
	var list []frames.AccessUnit
	for n := range int64(f.length * 10) {
		u := frames.AccessUnit{PTS: n * unitTicks, DTS: n * unitTicks, Key: n%20 == 0}
		if in := n % 20; f.swaps && in > 0 && in < 19 {
			u.PTS += unitTicks * (in%2*2 - 1) // 1 2 become 2 1
		}
		bytes := 40 + int(n*7%9)
		if f.stirs(seconds(u.PTS)) {
			bytes = 900
		}
		if u.Key {
			bytes = 4000
		}
		u.NALUs = [][]byte{make([]byte, bytes)}
		list = append(list, u)
	}
	return list
}

func (f *film) stirs(s float64) bool {
	if f.heavy != nil {
		return f.heavy(s)
	}
	return slices.ContainsFunc(f.actors, func(a actor) bool { return s >= a.from && s < a.to })
}

// open gets a viewer ready.
func (f *film) open(t testing.TB, ungated bool) {
	t.Helper()
	stage := newStage(t, f.gallery, f.actors...)
	stage.engine.blind = f.blind
	analysis := stage.analysis(t)
	f.observed, f.failed = nil, nil
	f.viewer = &Viewer{
		Analysis: analysis, Ungated: ungated,
		NewDecoder: func(frames.Parameters) (Decoder, error) {
			f.world.open++
			return &fakeDecoder{w: f.world, ordered: true}, nil
		},
		See: func(p Picture) error {
			if want := t0.Add(frames.Duration(p.PTS)); !p.Time.Equal(want) {
				t.Errorf("picture at %d: got time %v, want %v", p.PTS, p.Time, want)
			}
			due, err := analysis.Picture("e1", p)
			f.observed = append(f.observed, due...)
			return err
		},
	}
	if err := f.viewer.Open(testParameters); err != nil {
		t.Fatal(err)
	}
}

// show plays units and collects what goes wrong.
func (f *film) show(units []frames.AccessUnit) {
	for _, u := range units {
		if err := f.viewer.Unit(u, t0.Add(frames.Duration(u.PTS))); err != nil {
			f.failed = append(f.failed, err)
		}
	}
}

// play shows all of it and returns what was observed, each by its id and answer.
func (f *film) play(t testing.TB, ungated bool) []string {
	t.Helper()
	f.open(t, ungated)
	f.show(f.units())
	f.failed = append(f.failed, f.viewer.Drain())
	if err := errors.Join(f.failed...); err != nil {
		t.Fatal(err)
	}
	f.observed = append(f.observed, f.viewer.Analysis.End()...)
	if err := f.viewer.Close(); err != nil || f.world.open != 0 {
		t.Fatalf("closing: %v, %d decoders open", err, f.world.open)
	}
	return ids(f.observed)
}

func newFilm(t *testing.T, length float64, actors ...actor) *film {
	return &film{world: newWorld(t, actors...), length: length}
}

func TestGateSavesWork(t *testing.T) {
	f := newFilm(t, 120, actor{name: "zoe", from: 61.3, to: 66, where: stand(0.4, 0.4)})
	open := f.play(t, true)
	all := f.viewer.Counts()
	gated := f.play(t, false)
	same(t, gated, open)
	if len(gated) != 2 {
		t.Errorf("got %v, want a decision and an end", gated)
	}
	if all.Skipped != 0 || all.Decoded != 1200 {
		t.Errorf("without a gate: got %+v, want all 1200 decoded", all)
	}
	// 8 s to learn what quiet is, some 12 s around the visit, and 50 key frames.
	if c := f.viewer.Counts(); c.Decoded > 300 || c.Skipped < 900 || c.Analysed > 200 {
		t.Errorf("got %+v, want most of 1200 skipped", c)
	}
}

// Whoever comes and goes, whatever the gate does, the observations are those without it.
func TestGateChangesNothing(t *testing.T) {
	for n := range uint64(40) {
		r := rand.New(rand.NewPCG(n, 1))
		var actors []actor
		for range r.IntN(5) {
			from := 10 + r.Float64()*100
			a := actor{name: string(rune('a' + r.IntN(4))), from: from, to: from + 0.3 + r.Float64()*12, where: walk(r.Float64()*0.8, 0.3, 0.02, from)}
			if r.IntN(2) == 0 { // turns away now and then
				a.hidden = func(s float64) bool { return int(s*10+from)%17 == 0 }
			}
			actors = append(actors, a)
		}
		f := newFilm(t, 130, actors...)
		f.swaps = r.IntN(2) == 0
		same(t, f.play(t, false), f.play(t, true))
		if t.Failed() {
			t.Fatalf("scene %d: %+v", n, actors)
		}
	}
}

// Somebody whom the sizes do not announce is found at the next key frame, and followed from their first picture.
func TestGateIsWrong(t *testing.T) {
	f := newFilm(t, 300, actor{name: "zoe", from: 61.3, to: 66, where: stand(0.4, 0.4)})
	f.heavy = func(float64) bool { return false }
	open := f.play(t, true)
	same(t, f.play(t, false), open)
	if len(open) != 2 {
		t.Errorf("got %v, want a decision and an end", open)
	}
	if c := f.viewer.Counts(); c.Skipped > 600 {
		t.Errorf("got %+v, want the gate to stay open after it was wrong", c)
	}
}

// Nor is somebody missed when there is no next key frame, because the video ends.
func TestGateIsWrongAtTheEnd(t *testing.T) {
	for _, swaps := range []bool{false, true} {
		f := newFilm(t, 61.9, actor{name: "zoe", from: 60.5, to: 61.8, where: stand(0.4, 0.4)})
		f.heavy, f.swaps = func(float64) bool { return false }, swaps
		open := f.play(t, true)
		same(t, f.play(t, false), open)
		if len(open) != 2 {
			t.Errorf("got %v, want a decision and an end", open)
		}
		if c := f.viewer.Counts(); c.Skipped < 400 {
			t.Errorf("got %+v, want the gate closed until the end", c)
		}
	}
}

func TestGateHoldsLittle(t *testing.T) {
	f := newFilm(t, 20)
	f.open(t, false)
	f.show(f.units())
	if !f.viewer.Gated() {
		t.Fatal("the gate is open, want it closed after 20 quiet seconds")
	}
	// No key frame comes any more.
	for n := range int64(400) {
		dts := 20*frames.ClockRate + n*unitTicks
		f.show([]frames.AccessUnit{{PTS: dts, DTS: dts, NALUs: [][]byte{make([]byte, 40)}}})
		if held := len(f.viewer.held); held > 202 {
			t.Fatalf("%d units are held back, want at most 20 s", held)
		}
	}
	if f.viewer.Gated() {
		t.Error("the gate is closed although no key frame comes")
	}
}

// A key frame that cannot be looked at is decoded and analysed like any other, where it is told what is wrong.
func TestGateCannotLook(t *testing.T) {
	f := newFilm(t, 60)
	f.blind = func(s float64) bool { return s >= 39 && s < 41 }
	f.open(t, false)
	f.show(f.units())
	if len(f.failed) == 0 || !errors.Is(f.failed[0], ErrBlind) {
		t.Errorf("got %v, want ErrBlind", f.failed)
	}
	if len(f.failed) > 11 {
		t.Errorf("got %d errors in two blind seconds", len(f.failed))
	}
}

func TestKeyFramesAlone(t *testing.T) {
	f := newFilm(t, 60, actor{name: "zoe", from: 21, to: 45, where: stand(0.4, 0.4)})
	f.open(t, false)
	units := f.units()
	f.show(units[:100])
	f.viewer.SetLevel(KeyFrames)
	f.show(units[100:500])
	if c := f.viewer.Counts(); c.Decoded > 125 || c.Skipped < 375 {
		t.Errorf("got %+v, want 20 of 400 units decoded", c)
	}
	want := "door/e1/1980000-1/decided unknown " + StrangerID("door/e1/1980000-1")
	if got := ids(f.observed); len(got) < 2 || got[0] != want {
		t.Errorf("got %v, want %q first: two key frames within six seconds", got, want)
	}
	if n := len(tracks(f.observed)); n != 1 {
		t.Errorf("got %d tracks, want 1", n)
	}
	f.viewer.SetLevel(Full)
	f.show(units[500:])
	if err := errors.Join(f.failed...); err != nil {
		t.Error(err)
	}
}

func TestPace(t *testing.T) {
	const s = time.Second
	at := t0
	p := &pace{}
	step := func(d, lag time.Duration, want Level) {
		t.Helper()
		at = at.Add(d)
		if got := p.keep(lag, at); got != want {
			t.Errorf("at %v with a lag of %v: got %v, want %v", at.Sub(t0), lag, got, want)
		}
	}
	step(0, 2*time.Minute, Full)
	step(5*s, 110*s, Full) // a replay catches up
	step(5*s, 90*s, Full)
	step(5*s, 2*s, Full)
	step(5*s, 4*s, Fewer)
	step(2*s, 5*s, Fewer) // not yet
	step(3*s, 6*s, Fewer) // may not have begun
	step(5*s, 7*s, KeyFrames)
	step(5*s, 8*s, KeyFrames)
	easily := func(checks int, level Level) {
		t.Helper()
		for range checks - 1 {
			step(5*s, s/2, level)
		}
		step(5*s, s/2, level-1)
	}
	easily(easyChecks, KeyFrames)
	step(5*s, 2*s, Fewer) // begins to count anew
	easily(easyChecks, Fewer)
	step(60*s, s/2, Full)
	for _, wait := range []int{2, 4, 8, 8} { // tried in vain, and so less and less often
		step(5*s, 4*s, Fewer)
		step(5*s, 4*s, Fewer)
		easily(wait*easyChecks, Fewer)
	}
	for range easyChecks { // not in vain
		step(5*s, s/2, Full)
	}
	step(5*s, 4*s, Fewer)
	p.spread = 2
	easily(easyChecks+2, Fewer)
}

// TestPaceOfACameraThatStops: whose video ends is behind no more.
func TestPaceOfACameraThatStops(t *testing.T) {
	w, err := NewWorker(newWorld(t).config())
	if err != nil {
		t.Fatal(err)
	}
	w.pace.level = KeyFrames
	w.viewer.SetLevel(KeyFrames)
	w.store(time.Minute)
	if err := w.idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := w.State(); s.Level != Full || s.Lag != 0 || w.viewer.next != Full || w.pace.spread != newPace("door").spread {
		t.Errorf("got %+v, then %v", s, w.viewer.next)
	}
}
