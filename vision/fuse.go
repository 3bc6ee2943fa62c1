package vision

import (
	"math"
	"time"

	"vigil/frames"
)

// Limits of what a track keeps.
const (
	// agreeing is how many pictures must say the same before a decision: one picture errs too often.
	agreeing = 2
	// maxShots is how many faces of a track are weighed: more do not change the mean.
	maxShots = 8
	// foreignPart of the model's threshold is the cosine below which two good faces are not of one person. Between
	// it and the threshold lies the same person seen in another light.
	foreignPart = 0.5
)

// shot is one embedded face of a track and whom it looks like by itself.
type shot struct {
	pts     int64
	time    time.Time
	e       Embedding
	quality Quality
	good    bool // by the limits
	own     Match

	compared bool // own is of the gallery last judged with
}

// worse reports whether o is worth more; a good shot is always worth more than one that is not.
func (s shot) worse(o shot) bool {
	if s.good != o.good {
		return o.good
	}
	return s.quality.Score < o.quality.Score
}

// addShot keeps s, and of more than maxShots the best that differ: the worst that is not good goes, else of the two
// that are most alike the worse.
func addShot(shots []shot, s shot) []shot {
	shots = append(shots, s)
	if len(shots) <= maxShots {
		return shots
	}
	drop := worst(shots)
	if shots[drop].good {
		drop = redundant(shots)
	}
	return append(shots[:drop], shots[drop+1:]...)
}

func worst(shots []shot) int {
	drop := 0
	for i := range shots {
		if shots[i].worse(shots[drop]) {
			drop = i
		}
	}
	return drop
}

func redundant(shots []shot) int {
	drop, most := 0, math.Inf(-1)
	for i := range shots {
		for j := i + 1; j < len(shots); j++ {
			alike := shots[i].e.Dot(shots[j].e)
			if alike <= most {
				continue
			}
			most, drop = alike, i
			if shots[j].worse(shots[i]) {
				drop = j
			}
		}
	}
	return drop
}

// agreed returns the good shots that are of one person: of the good ones, those that are like the one that most of them
// are like; alike is the cosine from which they are. They are none where fewer than agreeing are alike: then nobody knows
// which of them is wrong.
func agreed(shots []shot, alike float64) []shot {
	var most []shot
	for _, s := range shots {
		var like []shot
		for _, o := range shots {
			if s.good && o.good && s.e.Dot(o.e) >= alike {
				like = append(like, o)
			}
		}
		if len(like) > len(most) {
			most = like
		}
	}
	if len(most) < agreeing {
		return nil
	}
	return most
}

// weighed returns the shots that a track's face is made of: the good ones that agree where there are enough, else all.
func weighed(shots []shot, alike float64) []shot {
	if good := agreed(shots, alike); good != nil {
		return good
	}
	return shots
}

// fuse is the shots' mean embedding, weighted by quality; nil when there is none.
func fuse(shots []shot) Embedding {
	if len(shots) == 0 {
		return nil
	}
	sum := make(Embedding, len(shots[0].e))
	for _, s := range shots {
		for i, v := range s.e {
			sum[i] += v * float32(s.quality.Score)
		}
	}
	return sum.Normalize()
}

// together reports whether two of the shots lie within that time.
func together(shots []shot, within time.Duration) bool {
	for i, s := range shots {
		for _, o := range shots[:i] {
			if frames.Duration(max(s.pts-o.pts, o.pts-s.pts)) <= within {
				return true
			}
		}
	}
	return false
}
