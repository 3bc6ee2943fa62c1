package vision

import (
	"math"
	"slices"
	"time"
)

const (
	// trailStep and trailMove are how far apart the marks of a trail are, in time or in fractions of the picture: enough to
	// draw a box over a video and move it evenly between them, and to find who crosses a narrow zone.
	trailStep = 400 * time.Millisecond
	trailMove = 0.01
	// trailMost is how many marks a trail has at most: it is thinned instead of growing.
	trailMost = 64

	// movedEvery is how often a track that moves says where it is, so that whoever walks into a zone after they were decided
	// is noticed within about that time.
	movedEvery = time.Second
	// movedBy is how far it must have come for that, in fractions of the picture: the width of a door, seen from afar.
	movedBy = 0.05
	// movedStage begins the stages that say so.
	movedStage = seenStage + "moved-"
)

// Mark says where a track's face was: milliseconds since the track's start, then x, y, width and height of the box in
// thousandths of the picture. It is numbers in a row because sightings are many.
type Mark [5]int32

// Box is where the face was.
func (m Mark) Box() Box {
	return Box{X: float64(m[1]) / 1000, Y: float64(m[2]) / 1000, W: float64(m[3]) / 1000, H: float64(m[4]) / 1000}
}

// Centre is the middle of the box.
func (m Mark) Centre() Point {
	x, y := m.Box().centre()
	return Point{x, y}
}

// At is when, in a track that began at start.
func (m Mark) At(start time.Time) time.Time { return start.Add(time.Duration(m[0]) * time.Millisecond) }

// since is the time from one mark to a later one.
func (m Mark) since(o Mark) time.Duration { return time.Duration(m[0]-o[0]) * time.Millisecond }

// distance is how far apart the centres are, in fractions of the picture.
func (m Mark) distance(o Mark) float64 {
	a, b := m.Centre(), o.Centre()
	return math.Hypot(a.X-b.X, a.Y-b.Y)
}

// trail is where a track's face was since its last sighting; its last mark is always the latest. It owns its room, since
// a picture allocates nothing.
type trail struct {
	marks  [trailMost]Mark
	n      int
	coarse int  // factor of the steps, 1 and more
	told   Mark // the last one of the sighting before, or the first of all
	begun  bool
}

// mark notes where the face is, that long after the track's start.
func (t *trail) mark(since time.Duration, b Box) {
	m := Mark{int32(since.Milliseconds()), thousandths(b.X), thousandths(b.Y), thousandths(b.W), thousandths(b.H)}
	if !t.begun {
		t.told, t.coarse, t.begun = m, 1, true
	}
	// The last mark is the latest whatever it is, so the one before it says whether that one is kept.
	if t.n > 1 && !t.apart(t.marks[t.n-2], t.marks[t.n-1]) {
		t.n--
	}
	if t.n == trailMost {
		t.thin()
	}
	t.marks[t.n] = m
	t.n++
}

func (t *trail) apart(a, b Mark) bool {
	return b.since(a) >= time.Duration(t.coarse)*trailStep || b.distance(a) >= float64(t.coarse)*trailMove
}

// thin leaves out every second mark, and from now on those that lie closer together; the first stays.
func (t *trail) thin() {
	for i := range trailMost / 2 {
		t.marks[i] = t.marks[2*i]
	}
	t.n, t.coarse = trailMost/2, 2*t.coarse
}

// moved reports whether the face has come far enough, and not just now said where it was.
func (t *trail) moved() bool {
	if t.n == 0 {
		return false
	}
	now := t.marks[t.n-1]
	return now.distance(t.told) >= movedBy && now.since(t.told) >= movedEvery
}

// tell returns the marks since the sighting before, and begins anew where they end. A track that ends has nothing to add
// but where it was.
func (t *trail) tell() []Mark {
	if t.n == 0 {
		if !t.begun {
			return nil
		}
		return []Mark{t.told}
	}
	marks := slices.Clone(t.marks[:t.n])
	t.told, t.n, t.coarse = marks[t.n-1], 0, 1
	return marks
}

func thousandths(v float64) int32 { return int32(math.Round(v * 1000)) }
