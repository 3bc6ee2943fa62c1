package vision

import (
	"fmt"
	"math"
	"time"

	"vigil/frames"
)

// Limits of a good face: one that may say "unknown". A face below them looks like nobody, whoever it is, so it must
// never raise an alarm.
const (
	// goodEyes is in pixels of the original picture. The networks see eyes 35 pixels apart; below 16 more than half of
	// what they look at is interpolated and scores of the same person fall below every threshold.
	goodEyes = 16.0
	// goodSharpness is the variance of the Laplacian of the aligned face: motion blur and missed focus lie below.
	goodSharpness = 12.0
	// goodYaw in degrees: beyond it an eye or cheek is hidden, and photos for enrolment show the face from the front.
	goodYaw = 35.0
	// goodLightLow and goodLightHigh bound the mean grey: outside, features drown or are burnt out.
	goodLightLow, goodLightHigh = 0.08, 0.95
	// goodInside is the part of the face inside the picture: a cut chin or forehead changes the embedding.
	goodInside = 0.85
	// goodScore is the floor for everything together: several small faults add up.
	goodScore = 0.1
)

// Limits of a usable face: one that may help to say who it is. They are lower than those of a good one, because a
// poor picture does not look like somebody enrolled by accident.
const (
	usableEyes   = 12.0
	usableYaw    = 50.0
	usableInside = 0.7
)

// Limits of a decision.
const (
	// agreeing is how many pictures must say the same before a decision: one picture errs too often.
	agreeing = 2
	// agreeWithin is how far apart in time two good pictures may lie that mint an unknown.
	agreeWithin = 6 * time.Second
	// maxShots is how many faces of a track are weighed: more do not change the mean.
	maxShots = 8
	// foreignPart of the model's threshold is the cosine below which two good faces are not of one person. Between
	// it and the threshold lies the same person seen in another light.
	foreignPart = 0.5
)

// shot is one embedded face of a track and whom it looks like by itself.
type shot struct {
	pts     int64
	e       Embedding
	quality Quality
	own     Match

	compared bool // own is of the gallery last judged with
}

func (s shot) good() bool { return shortfall(s.quality) == "" }

// worse reports whether o is worth more; a good shot is always worth more than one that is not.
func (s shot) worse(o shot) bool {
	if s.good() != o.good() {
		return o.good()
	}
	return s.quality.Score < o.quality.Score
}

// usable reports whether a face may take part in a decision at all.
func usable(q Quality) bool {
	return q.EyeDistance >= usableEyes && math.Abs(q.Yaw) <= usableYaw && q.Inside >= usableInside && q.Score > 0
}

// shortfall says why a face is not good; it is empty when the face is.
func shortfall(q Quality) string {
	switch {
	case q.EyeDistance < goodEyes:
		return fmt.Sprintf("too small: %.0f pixels between the eyes, %.0f wanted", q.EyeDistance, goodEyes)
	case math.Abs(q.Yaw) > goodYaw:
		return fmt.Sprintf("turned away by %.0f°", math.Abs(q.Yaw))
	case q.Inside < goodInside:
		return "partly outside the picture"
	case q.Sharpness < goodSharpness:
		return "blurred"
	case q.Light < goodLightLow:
		return "too dark"
	case q.Light > goodLightHigh:
		return "too bright"
	case q.Score < goodScore:
		return "not clear enough"
	}
	return ""
}

// addShot keeps s, and of more than maxShots the best that differ: the worst that is not good goes, else of the two
// that are most alike the worse.
func addShot(shots []shot, s shot) []shot {
	shots = append(shots, s)
	if len(shots) <= maxShots {
		return shots
	}
	drop := worst(shots)
	if shots[drop].good() {
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

// fuse is the mean of the shots' embeddings, weighted by quality: of the good ones where there are enough, else of all.
func fuse(shots []shot) Embedding {
	good := make([]shot, 0, len(shots))
	for _, s := range shots {
		if s.good() {
			good = append(good, s)
		}
	}
	if len(good) >= agreeing {
		shots = good
	}
	if len(shots) == 0 {
		return nil
	}
	mean := make(Embedding, len(shots[0].e))
	for _, s := range shots {
		for i, v := range s.e {
			mean[i] += v * float32(s.quality.Score)
		}
	}
	return mean.Normalize()
}

// decide is a track's answer from its shots and whom their fused embedding looks like. best is the quality of the
// track's best face, good or not: it says why there is no answer.
func decide(shots []shot, fused Match, best Quality, m Model) Decision {
	d := Decision{Outcome: Undecided, Nearest: fused.Person, Score: fused.Score, Margin: fused.Margin}
	switch {
	case len(shots) == 0:
		d.Reason = "no clear face: " + shortfallOr(best, "none could be compared")
	case fused.Person != "" && fused.Score >= m.Threshold:
		return decideKnown(d, shots, fused, m)
	default:
		return decideUnknown(d, shots, fused, best, m)
	}
	return d
}

func decideKnown(d Decision, shots []shot, fused Match, m Model) Decision {
	agree := 0
	for _, s := range shots {
		// A single picture scores lower than the mean; its margin to the threshold is given back.
		if s.own.Person == fused.Person && s.own.Score >= m.Threshold-m.Margin {
			agree++
		}
	}
	switch {
	case fused.Margin < m.Margin:
		d.Reason = fmt.Sprintf("as much like %s as like %s", fused.Person, fused.Second)
	case agree < agreeing:
		d.Reason = fmt.Sprintf("only %d of %d pictures look like %s", agree, len(shots), fused.Person)
	default:
		d.Outcome, d.Person = Known, fused.Person
		d.Reason = fmt.Sprintf("%d pictures look like %s", agree, fused.Person)
	}
	return d
}

func decideUnknown(d Decision, shots []shot, fused Match, best Quality, m Model) Decision {
	good, near := goodShots(shots)
	like := ""
	for _, s := range shots {
		if s.own.Person != "" && s.own.Score >= m.Threshold {
			like = s.own.Person
		}
	}
	switch {
	case good == 0:
		d.Reason = "no clear face: " + shortfallOr(best, "blurred, small or turned away whenever it was compared")
	case good < agreeing:
		d.Reason = "only one clear picture"
	case !near:
		d.Reason = fmt.Sprintf("clear pictures more than %.0f s apart", agreeWithin.Seconds())
	case like != "":
		d.Reason = "the pictures disagree: one looks like " + like
	case fused.Person != "" && fused.Score >= m.Threshold-m.Margin:
		d.Reason = fmt.Sprintf("too much like %s to be a stranger, too little to be %s", fused.Person, fused.Person)
	case fused.Person == "":
		d.Outcome, d.Reason = Unknown, fmt.Sprintf("%d clear pictures and nobody is enrolled", good)
	default:
		d.Outcome, d.Reason = Unknown, fmt.Sprintf("%d clear pictures look like nobody enrolled", good)
	}
	return d
}

// goodShots counts the good shots, and reports whether enough of them lie close together.
func goodShots(shots []shot) (good int, near bool) {
	for i, s := range shots {
		if !s.good() {
			continue
		}
		good++
		for _, o := range shots[:i] {
			if o.good() && frames.Duration(max(s.pts-o.pts, o.pts-s.pts)) <= agreeWithin {
				near = true
			}
		}
	}
	return good, near
}

func shortfallOr(q Quality, otherwise string) string {
	if reason := shortfall(q); reason != "" && q != (Quality{}) {
		return reason
	}
	return otherwise
}
