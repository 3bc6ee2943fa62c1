package vision

import "fmt"

// Gate names the condition that a decision came down to. The codes stay the same from release to release.
type Gate string

// The gates, in the order in which they are asked: those of a face like somebody's, then those of one like nobody's.
const (
	GateNoFace   Gate = "no_face"       // undecided: no face was usable
	GateMargin   Gate = "margin"        // undecided: two people are as near as each other
	GateFewAlike Gate = "too_few_alike" // undecided: too few pictures by themselves look like the nearest
	GateMatch    Gate = "match"         // known

	GateNoGood     Gate = "no_good"         // undecided: no picture is good
	GateFewGood    Gate = "too_few_good"    // undecided: one is
	GateDisagree   Gate = "disagree"        // undecided: the good pictures are not like each other
	GateApart      Gate = "apart"           // undecided: those that agree lie too far apart in time
	GateOneMatches Gate = "one_matches"     // undecided: one picture by itself looks like somebody enrolled
	GateNearMiss   Gate = "near_threshold"  // undecided: just below the threshold
	GateEmpty      Gate = "nobody_enrolled" // unknown
	GateBelow      Gate = "below_threshold" // unknown
)

// weighing is what a track is decided from.
type weighing struct {
	shots  []shot
	fused  Match   // whom their fused embedding looks like
	best   Quality // of the track's best face, good or not: it says why there is no answer
	limits Limits
	model  Model // what decides: its Threshold and Margin
}

// decide is the track's answer.
func (w weighing) decide() Decision {
	d := Decision{Outcome: Undecided, Nearest: w.fused.Person, Score: w.fused.Score, Margin: w.fused.Margin}
	switch {
	case len(w.shots) == 0:
		d.Gate, d.Reason = GateNoFace, "no clear face: "+w.shortfall("none could be compared")
	case w.fused.Person != "" && w.fused.Score >= w.model.Threshold:
		return w.known(d)
	default:
		d.Outcome, d.Gate, d.Reason = w.unknown()
	}
	return d
}

func (w weighing) known(d Decision) Decision {
	who, agree := w.fused.Person, 0
	for _, s := range w.shots {
		// A single picture scores lower than the mean; its margin to the threshold is given back.
		if s.own.Person == who && s.own.Score >= w.model.Threshold-w.model.Margin {
			agree++
		}
	}
	switch {
	case w.fused.Margin < w.model.Margin:
		d.Gate, d.Reason = GateMargin, fmt.Sprintf("as much like %s as like %s", who, w.fused.Second)
	case agree < agreeing:
		d.Gate, d.Reason = GateFewAlike, fmt.Sprintf("only %d of %d pictures look like %s", agree, len(w.shots), who)
	default:
		d.Outcome, d.Person = Known, who
		d.Gate, d.Reason = GateMatch, fmt.Sprintf("%d pictures look like %s", agree, who)
	}
	return d
}

func (w weighing) unknown() (Outcome, Gate, string) {
	good := 0
	like := "" // whom a single picture looks like
	for _, s := range w.shots {
		if s.good {
			good++
		}
		if s.own.Person != "" && s.own.Score >= w.model.Threshold {
			like = s.own.Person
		}
	}
	one := agreed(w.shots, w.model.Threshold*foreignPart)
	who := w.fused.Person
	switch {
	case good == 0:
		return Undecided, GateNoGood, "no clear face: " + w.shortfall("blurred, small or turned away whenever it was compared")
	case good < agreeing:
		return Undecided, GateFewGood, "only one clear picture"
	case one == nil:
		return Undecided, GateDisagree, "the clear pictures do not look like each other"
	case !together(one, w.limits.AgreeWithin):
		return Undecided, GateApart, fmt.Sprintf("clear pictures more than %.0f s apart", w.limits.AgreeWithin.Seconds())
	case like != "":
		return Undecided, GateOneMatches, "the pictures disagree: one looks like " + like
	case who != "" && w.fused.Score >= w.model.Threshold-w.model.Margin:
		return Undecided, GateNearMiss, fmt.Sprintf("too much like %s to be a stranger, too little to be %s", who, who)
	case who == "":
		return Unknown, GateEmpty, fmt.Sprintf("%d clear pictures and nobody is enrolled", len(one))
	default:
		return Unknown, GateBelow, fmt.Sprintf("%d clear pictures look like nobody enrolled", len(one))
	}
}

// shortfall says why the best face is no good one, or otherwise.
func (w weighing) shortfall(otherwise string) string {
	if _, why := w.limits.refusal(w.best); why != "" && w.best != (Quality{}) {
		return why
	}
	return otherwise
}
