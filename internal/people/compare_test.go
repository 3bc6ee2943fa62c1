package people

import (
	"slices"
	"testing"
)

func TestCompare(t *testing.T) {
	s, d, g := house(t)
	enrol(t, d, "Ann", "face:Ann")
	load(t, g)
	for key, text := range map[string]string{
		"probe": "face:Ann#9", "same": "small:Ann", "other": "face:Bob", "wall": "wall", "text": "no picture", "broken": "broken",
	} {
		s.photos[key] = []byte(text)
	}
	got, err := g.Compare(t.Context(), Comparison{Photo: "probe", Among: []string{"same", "other", "wall", "text", "deleted"}})
	if err != nil || !slices.Equal(got.Scores, []float64{1, 0, NotCompared, NotCompared, NotCompared}) || got.Threshold != 0.5 {
		t.Errorf("got %+v, %v", got, err)
	}
	if len(got.People) != 1 || got.People[0].Person != "Ann" || got.People[0].Score != 1 {
		t.Errorf("people: got %+v", got.People)
	}
	for _, key := range []string{"wall", "text"} {
		if got, err := g.Compare(t.Context(), Comparison{Photo: key}); err != nil || got.Verdict != "no face found" {
			t.Errorf("%s: got %+v, %v", key, got, err)
		}
	}
	for _, c := range []Comparison{{Photo: "deleted"}, {Photo: "broken"}, {Photo: "probe", Among: []string{"broken"}}} {
		if got, err := g.Compare(t.Context(), c); err == nil {
			t.Errorf("%+v: got %+v, want an error", c, got)
		}
	}
}
