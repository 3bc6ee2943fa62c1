package vision

import (
	"strings"
	"testing"

	"vigil/frames"
)

// judged is a shot at second s with that quality and own match.
func judged(s float64, q Quality, person string, score float64) shot {
	return shot{
		pts: int64(s * frames.ClockRate), e: lookOf("x", int64(s*10)), quality: q,
		good: DefaultLimits().good(q), own: Match{Person: person, Score: score},
	}
}

// seeing is a good shot of somebody at second s.
func seeing(name string, s float64) shot {
	j := judged(s, clear64, "", 0)
	j.e = lookOf(name, j.pts)
	return j
}

func TestDecide(t *testing.T) {
	small := clear64
	small.EyeDistance = 13
	cases := []struct {
		name   string
		shots  []shot
		fused  Match
		best   Quality
		want   Outcome
		gate   Gate
		reason string
	}{
		{"nothing", nil, Match{}, Quality{}, Undecided, GateNoFace, "none could be compared"},
		{"only a tiny face", nil, Match{}, Quality{EyeDistance: 9}, Undecided, GateNoFace, "too small: 9 pixels"},
		{
			"two look like anna",
			[]shot{judged(0, clear64, "anna", 0.5), judged(1, clear64, "anna", 0.38)},
			Match{"anna", "ben", 0.55, 0.3},
			clear64, Known, GateMatch, "2 pictures look like anna",
		},
		{
			"small pictures may say who it is",
			[]shot{judged(0, small, "anna", 0.5), judged(1, small, "anna", 0.5)},
			Match{"anna", "ben", 0.55, 0.3},
			small, Known, GateMatch, "anna",
		},
		{
			"one picture is not enough for a name",
			[]shot{judged(0, clear64, "anna", 0.5)},
			Match{"anna", "ben", 0.5, 0.3},
			clear64, Undecided, GateFewAlike, "only 1 of 1 pictures look like anna",
		},
		{
			"one outweighs the other",
			[]shot{judged(0, clear64, "anna", 0.7), judged(1, clear64, "ben", 0.2)},
			Match{"anna", "ben", 0.5, 0.3},
			clear64, Undecided, GateFewAlike, "only 1 of 2 pictures look like anna",
		},
		{
			"twins",
			[]shot{judged(0, clear64, "anna", 0.7), judged(1, clear64, "anna", 0.7)},
			Match{"anna", "hanna", 0.7, 0.02},
			clear64, Undecided, GateMargin, "as much like anna as like hanna",
		},
		{
			"stranger",
			[]shot{judged(0, clear64, "anna", 0.1), judged(1, clear64, "ben", 0.2)},
			Match{"ben", "anna", 0.2, 0.1},
			clear64, Unknown, GateBelow, "2 clear pictures look like nobody enrolled",
		},
		{
			"nobody is enrolled",
			[]shot{judged(0, clear64, "", 0), judged(1, clear64, "", 0)},
			Match{},
			clear64, Unknown, GateEmpty, "nobody is enrolled",
		},
		{
			"one picture is not enough for an alarm",
			[]shot{judged(0, clear64, "", 0), judged(1, small, "", 0)},
			Match{},
			clear64, Undecided, GateFewGood, "only one clear picture",
		},
		{
			"small pictures are never an alarm",
			[]shot{judged(0, small, "", 0), judged(1, small, "", 0), judged(2, small, "", 0)},
			Match{},
			small, Undecided, GateNoGood, "too small: 13 pixels",
		},
		{
			"too far apart",
			[]shot{judged(0, clear64, "", 0), judged(7, clear64, "", 0)},
			Match{},
			clear64, Undecided, GateApart, "more than 6 s apart",
		},
		{
			"the good ones are of different people",
			[]shot{seeing("x", 0), seeing("y", 1)},
			Match{},
			clear64, Undecided, GateDisagree, "do not look like each other",
		},
		{
			"two agree, and far from them a third is somebody else's",
			[]shot{seeing("y", 0), seeing("x", 5), seeing("x", 6)},
			Match{},
			clear64, Unknown, GateEmpty, "2 clear pictures",
		},
		{
			"two that are near in time are not those that agree",
			[]shot{seeing("x", 0), seeing("y", 6), seeing("x", 7)},
			Match{},
			clear64, Undecided, GateApart, "more than 6 s apart",
		},
		{
			"one of them looks like anna",
			[]shot{judged(0, clear64, "anna", 0.45), judged(1, clear64, "ben", 0.1), judged(2, clear64, "ben", 0.1)},
			Match{"anna", "ben", 0.2, 0.1},
			clear64, Undecided, GateOneMatches, "one looks like anna",
		},
		{
			"nearly anna",
			[]shot{judged(0, clear64, "anna", 0.3), judged(1, clear64, "anna", 0.3)},
			Match{"anna", "ben", 0.37, 0.3},
			clear64, Undecided, GateNearMiss, "too much like anna to be a stranger",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := weighing{c.shots, c.fused, c.best, DefaultLimits(), testModel}.decide()
			if d.Outcome != c.want || d.Gate != c.gate || !strings.Contains(d.Reason, c.reason) {
				t.Errorf("got %+v, want %s by %s: %s", d, c.want, c.gate, c.reason)
			}
			if (d.Person != "") != (d.Outcome == Known) || d.Score != c.fused.Score {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func TestAddShotKeepsTheBest(t *testing.T) {
	var shots []shot
	poor := clear64
	poor.Yaw = 40 // usable, not good
	poor.Score = 0.9
	for i := range int64(40) {
		q := clear64
		q.Score = 0.2 + float64(i%10)/20
		if i%2 == 0 {
			q = poor
		}
		shots = addShot(shots, shot{pts: i, e: lookOf("x", i), quality: q, good: DefaultLimits().good(q)})
	}
	if len(shots) != maxShots {
		t.Fatalf("got %d shots, want %d", len(shots), maxShots)
	}
	best := 0.0
	for _, s := range shots {
		if !s.good {
			t.Errorf("kept a shot that is not good before one that is")
		}
		best = max(best, s.quality.Score)
	}
	if best != 0.65 {
		t.Errorf("best has %v, want the best of all, 0.65", best)
	}
}

func TestFuseIsWeighted(t *testing.T) {
	strong, weak := clear64, clear64
	strong.Score, weak.Score = 0.9, 0.3
	shots := []shot{
		{e: Embedding{1, 0, 0}, quality: strong, good: true},
		{e: Embedding{0.8, 0.6, 0}, quality: weak, good: true},
		{e: Embedding{0.6, 0, 0.8}, quality: weak},              // blurred
		{e: Embedding{0, -1, 0}, quality: strong, good: true},   // somebody else
		{e: Embedding{-0.6, 0, 0.8}, quality: weak, good: true}, // somebody else
	}
	got := fuse(weighed(shots, 0.2))
	if want := (Embedding{0.9 + 0.3*0.8, 0.3 * 0.6, 0}).Normalize(); got.Dot(want) < 0.9999 {
		t.Errorf("got %v, want %v: by quality, the good ones that agree", got, want)
	}
	if fuse(weighed(nil, 0.2)) != nil || fuse(agreed(shots[3:], 0.2)) != nil {
		t.Error("nobody to agree: got an embedding")
	}
	if got := fuse(weighed(shots[2:3], 0.2)); got[2] != 0.8 {
		t.Errorf("one blurred shot: got %v", got)
	}
}
