package vision

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"
)

// direction is an embedding in the plane, degrees from the first axis.
func direction(degrees float64) Embedding {
	a := degrees * math.Pi / 180
	return Embedding{float32(math.Cos(a)), float32(math.Sin(a))}
}

// With templates in the plane every score is the cosine of an angle. The threshold 0.9 lies at 25.8°, the margin
// under it at 31.8°.
func TestReport(t *testing.T) {
	g, err := NewGallery(Model{ID: "plane@1", Threshold: 0.9, Margin: 0.05}, 0, []Person{
		{"Ann", []Embedding{direction(0), direction(10), direction(60)}}, // the last is not like the others
		{"Bob", []Embedding{direction(90), direction(100)}},              // 30° from Ann's last
		{"Cid", []Embedding{direction(120)}},                             // 20° from Bob's last
		{"Dan", nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Model != "plane@1" || !r.Estimated || r.People != 4 || r.Templates != 6 || r.Threshold != 0.9 || r.Stated != 0 {
		t.Errorf("got %+v", r)
	}
	if r.FalseAccepts.Count != 2 || r.FalseAccepts.Of != 6 {
		t.Errorf("false accepts: got %+v, want Bob's second and Cid's of six", r.FalseAccepts)
	}
	if r.FalseAlarms.Count != 1 || r.FalseAlarms.Of != 5 || math.Abs(r.FalseAlarms.Rate-0.2) > 1e-9 {
		t.Errorf("false alarms: got %+v, want Ann's third of five", r.FalseAlarms)
	}
	if !slices.Equal(r.Single, []string{"Cid"}) {
		t.Errorf("got %v, want Cid, of whom there is one photo", r.Single)
	}
	want := []Alike{
		{"Bob", "Cid", math.Cos(20 * math.Pi / 180), "may be taken for each other"},
		{"Ann", "Bob", math.Cos(30 * math.Pi / 180), "close to the threshold"},
		{"Ann", "Cid", math.Cos(60 * math.Pi / 180), ""},
	}
	if !slices.EqualFunc(r.Alike, want, func(a, b Alike) bool {
		return a.A == b.A && a.B == b.B && a.Remark == b.Remark && math.Abs(a.Score-b.Score) < 1e-6
	}) {
		t.Errorf("got %+v, want %+v", r.Alike, want)
	}
}

func TestReportNamesTenPairs(t *testing.T) {
	var everybody []Person
	for _, name := range []string{"f", "e", "d", "c", "b", "a"} {
		everybody = append(everybody, Person{name, []Embedding{direction(0)}})
	}
	g, err := NewGallery(measuredModel(), 0.003, everybody)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Report(t.Context())
	if err != nil || len(r.Alike) != 10 || r.Alike[0].A != "b" || r.Alike[0].B != "a" {
		t.Errorf("got %+v, %v, want ten of fifteen pairs, in the same order always", r.Alike, err)
	}
	if r.Estimated || r.Stated != 0.003 || math.Abs(r.Expected-0.003) > 1e-9 || r.FalseAlarms.Of != 0 {
		t.Errorf("got %+v", r)
	}
}

// TestReportOfManyPeople: in a gallery too large to compare everybody in time it is of a part, and says so.
func TestReportOfManyPeople(t *testing.T) {
	everybody := make([]Person, 1000)
	for i := range everybody {
		everybody[i] = Person{Name: strconv.Itoa(i), Templates: []Embedding{direction(float64(i))}}
	}
	g, err := NewGallery(measuredModel(), 0.003, everybody)
	if err != nil {
		t.Fatal(err)
	}
	for most, want := range map[int]int{1000: 1000, 999: 500, 100: 100, 1: 1} {
		r, err := g.report(t.Context(), most)
		if err != nil || r.Templates != 1000 || r.Compared != want || len(r.Single) != 1000 {
			t.Errorf("of %d: got %d templates, %d compared, %d with one photo, %v", most, r.Templates, r.Compared, len(r.Single), err)
		}
		if want > 1 && r.FalseAccepts.Of != want {
			t.Errorf("of %d: got %+v", most, r.FalseAccepts)
		}
	}
	if part := g.ranges(100); part[0].person != 0 || part[1].person != 10 {
		t.Errorf("got %+v, want every tenth", part[:2])
	}
}

func measuredModel() Model {
	return Model{ID: "m", Threshold: 0.4, Margin: 0.05, Calibration: measured}
}

func TestReportOfNobody(t *testing.T) {
	g, err := NewGallery(measuredModel(), 0.003, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Report(t.Context())
	if err != nil || r.FalseAccepts.Of != 0 || r.FalseAlarms.Of != 0 || r.Expected != 0 || r.Alike == nil || r.Single == nil {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestReportEndsWithItsContext(t *testing.T) {
	g, err := NewGallery(measuredModel(), 0.003, []Person{{"Ann", []Embedding{direction(0)}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Report(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The intervals are those of Wilson's formula as published tables give it.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		count, n  int
		low, high float64
	}{
		{0, 10, 0, 0.2775},
		{1, 10, 0.0179, 0.4042},
		{5, 10, 0.2366, 0.7634},
		{10, 10, 0.7225, 1},
		{81, 263, 0.2553, 0.3662},
	} {
		if low, high := wilson(c.count, c.n); math.Abs(low-c.low) > 1e-4 || math.Abs(high-c.high) > 1e-4 {
			t.Errorf("%d of %d: got %.4f to %.4f, want %.4f to %.4f", c.count, c.n, low, high, c.low, c.high)
		}
	}
}
