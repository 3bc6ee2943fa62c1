package main

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-4 {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestDETPoints(t *testing.T) {
	var strangers, known []probe
	for i := range 100 {
		strangers = append(strangers, probe{score: float64(i) / 100}) // 0 to 0.99
	}
	for i := range 10 {
		known = append(known, probe{score: 0.905 + float64(i)/100, right: i != 9}) // 0.905 to 0.995, whose name is wrong
	}
	known = append(known, probe{score: -2}) // no face
	points := detPoints(known, strangers, 0.001, 0.01, 0.05, 1)
	want := []struct{ fpir, fnir, threshold float64 }{
		{0, 11. / 11, 0.99}, // above the highest only the wrong one is left
		{0.01, 10. / 11, 0.98},
		{0.05, 6. / 11, 0.94},
		{1, 2. / 11, math.Inf(-1)},
	}
	for i, p := range points {
		if p.FPIR != want[i].fpir || math.Abs(p.FNIR-want[i].fnir) > 1e-9 || !(math.Abs(p.Threshold-want[i].threshold) < 1e-9 || p.Threshold == want[i].threshold) {
			t.Errorf("at most %v: got %+v, want %+v", p.Allowed, p, want[i])
		}
	}
}

func TestRates(t *testing.T) {
	low, high := wilson(0, 100)
	near(t, "none of 100, low", low, 0)
	near(t, "none of 100, high", high, 0.0370)
	low, high = wilson(0.5, 10)
	near(t, "5 of 10, low", low, 0.2366)
	near(t, "5 of 10, high", high, 0.7634)
	low, high = wilson(0, 0)
	near(t, "none of none", high-low, 1)
	if once, often := rateOf(5, 50, 50), rateOf(50, 500, 50); once.Low != often.Low || once.High != often.High {
		t.Errorf("repetitions made the interval another: %+v, %+v", once, often)
	}
}

func TestEqualError(t *testing.T) {
	same := []float64{0.3, 0.5, 0.6, 0.7, 0.8, 0.8, 0.9, 0.9, 0.9, 0.9}
	different := []float64{0, 0, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.3, 0.55}
	threshold, rate := equalError(same, different)
	near(t, "threshold", threshold, 0.5)
	near(t, "rate", rate, 0.1)
	near(t, "below the least", below(same, 0.3), 0)
	near(t, "5 %", quantile(different, 0.05), 0)
	near(t, "all", quantile(different, 1), 0.55)
}

func TestSplits(t *testing.T) {
	splits, again := makeSplits(24, 10, 3, 7), makeSplits(24, 10, 3, 7)
	for i, s := range splits {
		n := 0
		for who, known := range s.known {
			if known {
				n++
			}
			seen := map[int]bool{}
			for k, photo := range s.photos[who] {
				seen[photo] = true
				if photo != again[i].photos[who][k] {
					t.Fatal("the same seed gives other splits")
				}
			}
			if len(seen) != 10 || len(s.probes(who)) != 10-enrolPhotos {
				t.Errorf("split %d: person %d has photos %v", i, who, s.photos[who])
			}
		}
		if n != 12 {
			t.Errorf("split %d: got %d enrolled", i, n)
		}
	}
}
