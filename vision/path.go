package vision

import (
	"math"
	"slices"
	"time"
)

const (
	// movedEvery is how often a track that moves says where it is, so that whoever walks into a zone after they were decided
	// is noticed within about that time.
	movedEvery = time.Second
	// movedBy is how far it must have come for that, in fractions of the picture: the width of a door, seen from afar.
	movedBy = 0.05
	// movedStage begins the stages that say so.
	movedStage = seenStage + "moved-"
	// pathStep is how far apart the places of a path lie at least, and pathMost how many it has at most: it is thinned
	// instead of growing.
	pathStep = 0.01
	pathMost = 64
)

func (p Point) distance(o Point) float64 { return math.Hypot(p.X-o.X, p.Y-o.Y) }

// stand notes where the face is.
func (s *subject) stand(p Place) {
	if s.told.Time.IsZero() {
		s.told, s.step = p, pathStep
	}
	// The last place is always the latest, so the one before it says whether that one is kept.
	if n := len(s.path); n > 1 && s.path[n-1].distance(s.path[n-2].Point) < s.step {
		s.path = s.path[:n-1]
	}
	s.path = append(s.path, p)
	if len(s.path) > pathMost {
		s.thin()
	}
}

// thin leaves out every second place, and from now on those that lie closer together; the first and the last stay.
func (s *subject) thin() {
	kept := s.path[:0]
	for i, p := range s.path {
		if i%2 == 0 || i == len(s.path)-1 {
			kept = append(kept, p)
		}
	}
	s.path, s.step = kept, 2*s.step
}

// moved reports whether the face has come far enough, and not just now said where it was.
func (s *subject) moved() bool {
	if len(s.path) == 0 {
		return false
	}
	now := s.path[len(s.path)-1]
	return now.distance(s.told.Point) >= movedBy && now.Time.Sub(s.told.Time) >= movedEvery
}

// travelled returns the path since the sighting before, and begins another one where it ends. A track that ends has
// nothing to add but where it was.
func (s *subject) travelled() []Place {
	if len(s.path) == 0 {
		if s.told.Time.IsZero() {
			return nil
		}
		return []Place{s.told}
	}
	way := slices.Clone(s.path)
	s.told, s.path, s.step = way[len(way)-1], s.path[:0], pathStep
	return way
}
