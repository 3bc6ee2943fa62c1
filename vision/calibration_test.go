package vision

import (
	"math"
	"testing"
)

var measured = Calibration{Points: []CalibrationPoint{{0.1, 0.2}, {0.01, 0.3}, {0.0001, 0.5}}}

func TestThresholdFollowsTheRate(t *testing.T) {
	for _, c := range []struct {
		rate float64
		n    int
		want float64
	}{
		{0.1, 1, 0.2},
		{0.01, 1, 0.3},
		{0.001, 1, 0.4},        // between the points by the logarithm
		{0.001, -1, 0.4},       // as for one
		{0.0952079, 100, 0.4},  // 1 − 0.999^100
		{0.632305, 1000, 0.4},  // 1 − 0.999^1000
		{0.5, 1, 0.2},          // above the table
		{0.00001, 1000, 0.5},   // below it
		{0.003, 0, 0.352287},   // nobody to compare with: as for one
		{0.0099507, 100, 0.5},  // 1 − 0.9999^100, the last point itself
		{0.00995, 1000, 0.5},   // further than the table goes
		{0.0951671, 1000, 0.5}, // 1 − 0.9999^1000
	} {
		if got := measured.Threshold(c.rate, c.n); math.Abs(got-c.want) > 1e-4 {
			t.Errorf("%v of %d comparisons: got %.5f, want %.5f", c.rate, c.n, got, c.want)
		}
	}
}

func TestFalseAcceptIsTheInverse(t *testing.T) {
	for _, n := range []int{1, 7, 500} {
		for _, rate := range []float64{0.05, 0.003} {
			// 500 comparisons at 0.003 are beyond the table: more is accepted than was stated.
			got := measured.FalseAccept(measured.Threshold(rate, n), n)
			if want := max(rate, 1-math.Pow(0.9999, float64(n))); math.Abs(got-want) > 1e-9 {
				t.Errorf("%v of %d: got %v, want %v", rate, n, got, want)
			}
		}
	}
	if got := measured.FalseAccept(0.7, 1); math.Abs(got-0.0001) > 1e-12 {
		t.Errorf("beyond the table: got %v, want the last point's rate", got)
	}
	if got := measured.FalseAccept(0.1, 1); math.Abs(got-0.1) > 1e-12 {
		t.Errorf("below the table: got %v, want the first point's rate", got)
	}
	if got := measured.FalseAccept(0.3, 0); got != 0 {
		t.Errorf("nobody enrolled: got %v", got)
	}
}

func TestEstimate(t *testing.T) {
	c := Estimate(0.363)
	if !c.Estimated {
		t.Error("got a measured calibration")
	}
	for rate, want := range map[float64]float64{0.001: 0.363, 0.0001: 0.453, 0.01: 0.273} {
		if got := c.Threshold(rate, 1); math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: got %v, want %v", rate, got, want)
		}
	}
	if got := Estimate(0.95).Threshold(1e-6, 1); got != 1 {
		t.Errorf("got the cosine %v, want none above 1", got)
	}
}

// A face that is like somebody's is known where the threshold is low, and not where the stated rate raises it.
func TestDecisionUsesTheGallerysThreshold(t *testing.T) {
	steep := testModel
	steep.Calibration.Points = []CalibrationPoint{{0.5, 0.3}, {1e-5, 0.95}}
	for falseAccept, want := range map[float64]Outcome{0: Known, 0.5: Known, 1e-5: Unknown} {
		g, err := NewGallery(steep, falseAccept, []Person{{"anna", []Embedding{lookOf("anna", -1), lookOf("anna", -2)}}})
		if err != nil {
			t.Fatal(err)
		}
		got := newStage(t, g, actor{name: "anna", to: 3, where: stand(0.4, 0.4)}).whole(t, 4)
		if len(got) == 0 || got[len(got)-1].Decision.Outcome != want {
			t.Errorf("%v: got %+v at threshold %.3f, want %s", falseAccept, got, g.Threshold(), want)
		}
	}
}

func TestEmptyGalleryChangesNothing(t *testing.T) {
	g, err := NewGallery(testModel, 1e-5, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := testModel.within(g).Threshold; got != testModel.Threshold {
		t.Errorf("got the threshold %v", got)
	}
	if got := testModel.within(&Gallery{}).Threshold; got != testModel.Threshold {
		t.Errorf("nobody: got the threshold %v", got)
	}
}
