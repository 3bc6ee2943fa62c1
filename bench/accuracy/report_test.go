package main

import (
	"strings"
	"testing"
)

// TestWhatIsNotMetIsPrinted: also what could not be measured.
func TestWhatIsNotMetIsPrinted(t *testing.T) {
	tracks := &Tracks{
		Splits: 1, Known: map[Verdict]int{Right: 10, CalledUnknown: 1, NoAnswer: 1}, Strangers: map[Verdict]int{Right: 12},
	}
	tracks.rates(24)
	far := &Tracks{Known: map[Verdict]int{NoAnswer: 12}, Strangers: map[Verdict]int{NoAnswer: 11, NotSeen: 1}}
	far.rates(24)
	r := &Report{
		Pairs: &Pairs{}, Photos: &Photos{Points: []Point{{Allowed: 0.01, FPIR: 0.0093, FNIR: 0.25, Threshold: 0.454}}},
		Tracks: tracks, Ladder: []Rung{{Eyes: 12, Blur: 0.5, Noise: 2, Tracks: far}}, Missing: []string{"VIGIL_VIDEO_DIR is not set"},
	}
	r.Goals = goals(r)
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"FPIR at most 1.0 % FNIR 25.00 % at 0.454, FPIR 0.93 %",
		"met ORL, per track: FPIR 0 0.00 % (0 of 12;",
		"NOT MET ORL, per track: FNIR 0 8.33 % (1 of 12;",
		"enrolled 1 called unknown, 10 right, 1 undecided",
		"met eyes 12 px, blur 0.5 px, noise 2: 95 % undecided or not seen 24 of 24",
		"NOT MEASURED VIGIL_VIDEO_DIR is not set",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	}
}
