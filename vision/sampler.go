package vision

import (
	"math"

	"vigil/frames"
)

// DefaultFPS is how many pictures a second are analysed.
const DefaultFPS = 5

// Sampler chooses the pictures to analyse: the first of every 1/fps of an epoch's time, whatever the camera's own
// rate. The choice follows from the PTS alone, so that a replay from any key frame chooses the same pictures.
type Sampler struct {
	fps  int64
	cell int64 // of the latest picture that was offered
	last int64 // PTS of the latest that was chosen

	thin bool // every second cell is left out
}

// NewSampler returns a sampler for fps pictures a second that takes the first picture it is offered.
func NewSampler(fps int) *Sampler {
	s := &Sampler{fps: int64(fps)}
	s.Restart()
	return s
}

// Restart begins an epoch: the next picture offered is chosen.
func (s *Sampler) Restart() { s.cell, s.last = math.MinInt64, math.MinInt64 }

// Resume begins in the middle of an epoch, at the key frame at pts: whether that picture was the first of its cell
// cannot be known, so it is left out, and the ones after it are chosen as if the epoch had been read from its start.
func (s *Sampler) Resume(pts int64) { s.cell, s.last = s.cellOf(pts), math.MinInt64 }

// Thin leaves out every second of the pictures, or no more.
func (s *Sampler) Thin(thin bool) { s.thin = thin }

// Want reports whether the picture at pts is to be analysed. Pictures are offered in the order they are shown; asking
// about the same one again gives the same answer.
func (s *Sampler) Want(pts int64) bool {
	if pts == s.last {
		return true
	}
	cell := s.cellOf(pts)
	if cell <= s.cell {
		return false
	}
	s.cell = cell
	if s.thin && cell%2 != 0 {
		return false
	}
	s.last = pts
	return true
}

func (s *Sampler) cellOf(pts int64) int64 {
	n := pts * s.fps
	if n < 0 {
		n -= frames.ClockRate - 1 // towards minus infinity
	}
	return n / frames.ClockRate
}
