package vision

import (
	"slices"
	"strings"
	"testing"
)

// angled are photos in the plane, whose cosines follow from their angles: with this model two photos within 60° are
// alike, and within 53° of somebody enrolled they reach the threshold.
var angled = Model{ID: "m", Threshold: 0.6667, Margin: 0.05}

func directions(t *testing.T, names map[string][]float64) *Gallery {
	t.Helper()
	var everybody []Person
	for name, degrees := range names {
		p := Person{Name: name}
		for _, d := range degrees {
			p.Templates = append(p.Templates, direction(d))
		}
		everybody = append(everybody, p)
	}
	g, err := NewGallery(Model{ID: "m", Threshold: 0.6}, 0, everybody)
	if err != nil {
		t.Fatal(err)
	}
	g.model = angled
	return g
}

func candidates(degrees ...float64) []Candidate {
	var all []Candidate
	for _, d := range degrees {
		all = append(all, Candidate{Verdict: Verdict{File: "p.jpg", Finding: PhotoOK}, Template: direction(d)})
	}
	return all
}

func TestAdmit(t *testing.T) {
	for name, c := range map[string]struct {
		enrolled map[string][]float64
		photos   []float64
		want     []Finding
	}{
		"one":                     {nil, []float64{0}, []Finding{PhotoOK}},
		"two alike":               {nil, []float64{0, 30}, []Finding{PhotoOK, PhotoOK}},
		"two that differ":         {nil, []float64{0, 90}, []Finding{PhotosDiffer, PhotosDiffer}},
		"an outlier":              {nil, []float64{0, 120, 20}, []Finding{PhotoOK, FaceUnlike, PhotoOK}},
		"alike through another":   {nil, []float64{0, 100, 50}, []Finding{PhotoOK, PhotoOK, PhotoOK}},
		"two against two":         {nil, []float64{0, 10, 180, 190}, []Finding{PhotosDiffer, PhotosDiffer, PhotosDiffer, PhotosDiffer}},
		"three against two":       {nil, []float64{0, 180, 10, 190, 20}, []Finding{PhotoOK, FaceUnlike, PhotoOK, FaceUnlike, PhotoOK}},
		"enrolled before":         {map[string][]float64{"Ann": {0}}, []float64{20, 120, 130}, []Finding{PhotoOK, FaceUnlike, FaceUnlike}},
		"only one, another comes": {map[string][]float64{"Ann": {0}}, []float64{90}, []Finding{FaceUnlike}},
		"somebody else":           {map[string][]float64{"Bob": {0}}, []float64{40}, []Finding{FaceOfOther}},
		"a little like them":      {map[string][]float64{"Bob": {0}}, []float64{58}, []Finding{PhotoOK}},
		"alike, and somebody else": {
			map[string][]float64{"Bob": {0}, "Ann": {80}}, []float64{50, 70, 300}, []Finding{FaceOfOther, PhotoOK, FaceUnlike},
		},
	} {
		photos := candidates(c.photos...)
		directions(t, c.enrolled).Admit("Ann", photos)
		var got []Finding
		for _, p := range photos {
			got = append(got, p.Finding)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestAdmitPassesOverPhotosWithoutAFace(t *testing.T) {
	photos := append(candidates(0), Candidate{Verdict: Verdict{Finding: NoFace}})
	directions(t, nil).Admit("Ann", photos)
	if !photos[0].OK() || photos[1].Finding != NoFace {
		t.Errorf("got %+v", photos)
	}
}

func TestOverrule(t *testing.T) {
	photos := candidates(30, 90)
	directions(t, map[string][]float64{"Bob": {0}, "Ann": {30}}).Admit("Ann", photos)
	if got := photos[0].Remedy(); !strings.Contains(got, "enrol it as Bob, or use --force") {
		t.Errorf("got %q", got)
	}
	if got := photos[0].Text(); !strings.Contains(got, "resembles Bob, cosine 0.87") {
		t.Errorf("got %q", got)
	}
	for _, p := range photos {
		p.Overrule()
		if !p.OK() || !strings.HasPrefix(p.Text(), "ok") {
			t.Errorf("got %s (%q)", p.Finding, p.Text())
		}
	}
	photos[0].Overrule()
	if got := photos[0].Remedy(); got != "" {
		t.Errorf("overruled: got %q", got)
	}
	if got := photos[0].Text(); !strings.Contains(got, "although it resembles Bob") {
		t.Errorf("got %q, want the doubt in it", got)
	}
	blurred := Verdict{Finding: FaceBlurred}
	if blurred.Overrule(); blurred.OK() {
		t.Error("a blurred face was overruled")
	}
}
