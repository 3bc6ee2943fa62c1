package vision

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTrail(t *testing.T) {
	var trail trail
	for i := range 50 { // ten seconds of five pictures a second
		trail.mark(time.Duration(i)*200*time.Millisecond, Box{X: float64(i) / 100, Y: 0.25, W: 0.1, H: 0.2})
	}
	got := trail.told()
	if len(got) != 25 || got[0] != (Mark{0, 0, 250, 100, 200}) || got[24] != (Mark{9600, 480, 250, 100, 200}) {
		t.Errorf("got %v", got)
	}
	if len(trail.told()) != 0 {
		t.Error("what was told is told again")
	}
	if b := got[24].Box(); b != (Box{X: 0.48, Y: 0.25, W: 0.1, H: 0.2}) || !got[24].At(time.Unix(1, 0)).Equal(time.Unix(10, 600e6)) {
		t.Errorf("got %+v", b)
	}
	for i := range 36_000 { // two hours without a word
		trail.mark(10*time.Second+time.Duration(i)*200*time.Millisecond, Box{})
	}
	got = trail.told()
	text, err := json.Marshal(got)
	if err != nil || len(got) < trailMost/2 || len(got) > trailMost || got[0][0] != 10_000 || got[len(got)-1][0] < 6_000_000 || len(text) > 2000 {
		t.Errorf("got %d marks of %d bytes, %v: %v", len(got), len(text), err, got)
	}
}
