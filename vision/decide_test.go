package vision

import (
	"strings"
	"testing"

	"vigil/frames"
)

// judged is a shot at second s with that quality and own match.
func judged(s float64, q Quality, person string, score float64) shot {
	return shot{
		pts: int64(s * frames.ClockRate), e: lookOf("x", int64(s*10)), quality: q, own: Match{Person: person, Score: score},
	}
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
		reason string
	}{
		{"nothing", nil, Match{}, Quality{}, Undecided, "none could be compared"},
		{"only a tiny face", nil, Match{}, Quality{EyeDistance: 9}, Undecided, "too small: 9 pixels"},
		{
			"two look like anna",
			[]shot{judged(0, clear64, "anna", 0.5), judged(1, clear64, "anna", 0.38)},
			Match{"anna", "ben", 0.55, 0.3},
			clear64, Known, "2 pictures look like anna",
		},
		{
			"small pictures may say who it is",
			[]shot{judged(0, small, "anna", 0.5), judged(1, small, "anna", 0.5)},
			Match{"anna", "ben", 0.55, 0.3},
			small, Known, "anna",
		},
		{
			"one picture is not enough for a name",
			[]shot{judged(0, clear64, "anna", 0.5)},
			Match{"anna", "ben", 0.5, 0.3},
			clear64, Undecided, "only 1 of 1 pictures look like anna",
		},
		{
			"one outweighs the other",
			[]shot{judged(0, clear64, "anna", 0.7), judged(1, clear64, "ben", 0.2)},
			Match{"anna", "ben", 0.5, 0.3},
			clear64, Undecided, "only 1 of 2 pictures look like anna",
		},
		{
			"twins",
			[]shot{judged(0, clear64, "anna", 0.7), judged(1, clear64, "anna", 0.7)},
			Match{"anna", "hanna", 0.7, 0.02},
			clear64, Undecided, "as much like anna as like hanna",
		},
		{
			"stranger",
			[]shot{judged(0, clear64, "anna", 0.1), judged(1, clear64, "ben", 0.2)},
			Match{"ben", "anna", 0.2, 0.1},
			clear64, Unknown, "2 clear pictures look like nobody enrolled",
		},
		{
			"nobody is enrolled",
			[]shot{judged(0, clear64, "", 0), judged(1, clear64, "", 0)},
			Match{},
			clear64, Unknown, "nobody is enrolled",
		},
		{
			"one picture is not enough for an alarm",
			[]shot{judged(0, clear64, "", 0), judged(1, small, "", 0)},
			Match{},
			clear64, Undecided, "only one clear picture",
		},
		{
			"small pictures are never an alarm",
			[]shot{judged(0, small, "", 0), judged(1, small, "", 0), judged(2, small, "", 0)},
			Match{},
			small, Undecided, "too small: 13 pixels",
		},
		{
			"too far apart",
			[]shot{judged(0, clear64, "", 0), judged(7, clear64, "", 0)},
			Match{},
			clear64, Undecided, "more than 6 s apart",
		},
		{
			"one of them looks like anna",
			[]shot{judged(0, clear64, "anna", 0.45), judged(1, clear64, "ben", 0.1), judged(2, clear64, "ben", 0.1)},
			Match{"anna", "ben", 0.2, 0.1},
			clear64, Undecided, "one looks like anna",
		},
		{
			"nearly anna",
			[]shot{judged(0, clear64, "anna", 0.3), judged(1, clear64, "anna", 0.3)},
			Match{"anna", "ben", 0.37, 0.3},
			clear64, Undecided, "too much like anna to be a stranger",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := decide(c.shots, c.fused, c.best, testModel)
			if d.Outcome != c.want || !strings.Contains(d.Reason, c.reason) {
				t.Errorf("got %+v, want %s: %s", d, c.want, c.reason)
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
		shots = addShot(shots, shot{pts: i, e: lookOf("x", i), quality: q})
	}
	if len(shots) != maxShots {
		t.Fatalf("got %d shots, want %d", len(shots), maxShots)
	}
	best := 0.0
	for _, s := range shots {
		if !s.good() {
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
	blurred := weak
	blurred.Sharpness = 1
	shots := []shot{
		{e: Embedding{1, 0, 0}, quality: strong},
		{e: Embedding{0, 1, 0}, quality: weak},
		{e: Embedding{0, 0, 1}, quality: blurred},
	}
	got := fuse(shots)
	if want := (Embedding{3, 1, 0}).Normalize(); got.Dot(want) < 0.9999 {
		t.Errorf("got %v, want %v: by quality, without the blurred one", got, want)
	}
	if fuse(nil) != nil {
		t.Error("no shots: got an embedding")
	}
	if got := fuse(shots[2:]); got[2] != 1 {
		t.Errorf("one blurred shot: got %v", got)
	}
}
