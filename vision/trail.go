package vision

import (
	"math"
	"slices"
	"time"
)

const (
	// trailStep is how far apart the marks of a trail are: enough to draw a box over a video, and move it evenly between them.
	trailStep = 400 * time.Millisecond
	// trailMost is how many marks a trail has at most. A track that says nothing for long keeps every second, and so on.
	trailMost = 64
)

// Mark says where a track's face was: milliseconds since the track's start, then x, y, width and height of the box in
// thousandths of the picture. It is numbers in a row because sightings are many.
type Mark [5]int32

// Box is where the face was.
func (m Mark) Box() Box {
	return Box{X: float64(m[1]) / 1000, Y: float64(m[2]) / 1000, W: float64(m[3]) / 1000, H: float64(m[4]) / 1000}
}

// At is when, in a track that began at start.
func (m Mark) At(start time.Time) time.Time { return start.Add(time.Duration(m[0]) * time.Millisecond) }

// trail is where a track's face was since its last sighting. It owns its room, since a picture allocates nothing.
type trail struct {
	marks [trailMost]Mark
	n     int
	step  time.Duration
	last  time.Duration // since the track's start, of the latest mark
}

// mark notes where the face is, that long after the track's start.
func (t *trail) mark(since time.Duration, b Box) {
	t.step = max(t.step, trailStep)
	if since > 0 && since-t.last < t.step {
		return
	}
	if t.n == trailMost {
		for i := range trailMost / 2 {
			t.marks[i] = t.marks[2*i]
		}
		t.n, t.step = trailMost/2, 2*t.step
	}
	t.marks[t.n] = Mark{int32(since.Milliseconds()), thousandths(b.X), thousandths(b.Y), thousandths(b.W), thousandths(b.H)}
	t.n++
	t.last = since
}

// told returns the marks and begins anew.
func (t *trail) told() []Mark {
	marks := slices.Clone(t.marks[:t.n])
	t.n, t.step = 0, trailStep
	return marks
}

func thousandths(v float64) int32 { return int32(math.Round(v * 1000)) }
