package vision

import (
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestGalleryMatch(t *testing.T) {
	g, err := NewGallery(Model{ID: "m"}, 0, []Person{
		{"anna", []Embedding{{1, 0, 0}, {0, 2, 0}}}, // need not be normalised
		{"ben", []Embedding{{0.8, 0.6, 0}}},
		{"nobody yet", nil},
	})
	if err != nil {
		t.Fatal(err)
	}
	m, err := g.Match(Embedding{0, 1, 0})
	if err != nil {
		t.Fatal(err)
	}
	if m.Person != "anna" || m.Second != "ben" || m.Score != 1 || math.Abs(m.Margin-0.4) > 1e-6 {
		t.Errorf("got %+v, want anna at 1, ben 0.4 behind: her second template does not count as a second person", m)
	}
	if m, err = g.Match(Embedding{-1, 0, 0}); err != nil || m.Person != "anna" || m.Score != 0 {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := g.Match(Embedding{1, 0}); !errors.Is(err, ErrTemplate) {
		t.Errorf("another length: got %v, want ErrTemplate", err)
	}
	if !g.Has("nobody yet") || g.Has("zoe") || g.Templates() != 3 || g.Size() != 3 || len(g.Names()) != 3 || g.Model() != "m" {
		t.Errorf("got %v with %d templates of %d", g.Names(), g.Templates(), g.Size())
	}
}

func TestGalleryOfOneAndOfNone(t *testing.T) {
	one, err := NewGallery(Model{ID: "m"}, 0, []Person{{"anna", []Embedding{{1, 0}}}})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := one.Match(Embedding{0.6, 0.8}); err != nil || m.Second != "" || m.Margin != m.Score || m.Score < 0.59 {
		t.Errorf("got %+v, %v", m, err)
	}
	none, err := NewGallery(Model{ID: "m"}, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := none.Match(Embedding{1, 0}); err != nil || m != (Match{}) {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestGalleryRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, people := range map[string][]Person{
		"another length": {{"anna", []Embedding{{1, 0}}}, {"ben", []Embedding{{1, 0, 0}}}},
		"empty":          {{"anna", []Embedding{{}}}},
		"zero":           {{"anna", []Embedding{{0, 0}}}},
		"not a number":   {{"anna", []Embedding{{nan, 0}}}},
		"infinite":       {{"anna", []Embedding{{float32(math.Inf(1)), 0}}}},
	} {
		if _, err := NewGallery(Model{ID: "m"}, 0, people); !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: got %v, want ErrTemplate", name, err)
		}
	}
	for name, people := range map[string][]Person{
		"twice": {{"anna", nil}, {"anna", nil}}, "nameless": {{"", nil}},
	} {
		if _, err := NewGallery(Model{ID: "m"}, 0, people); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// The search gives what comparing one by one gives.
func TestGalleryIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		size := rapid.IntRange(1, 40).Draw(t, "size")
		var people []Person
		for i := range rapid.IntRange(1, 8).Draw(t, "people") {
			p := Person{Name: strconv.Itoa(i)}
			for range rapid.IntRange(0, 4).Draw(t, "templates") {
				p.Templates = append(p.Templates, random(r, size))
			}
			people = append(people, p)
		}
		g, err := NewGallery(Model{ID: "m"}, 0, people)
		if err != nil {
			t.Fatal(err)
		}
		e := random(r, size)
		m, err := g.Match(e)
		if err != nil {
			t.Fatal(err)
		}
		best, second := -2.0, -2.0
		for _, p := range people {
			own := -2.0
			for _, tpl := range p.Templates {
				own = max(own, tpl.Dot(e))
			}
			best, second = max(best, own), max(second, min(best, own))
		}
		if best == -2 {
			best = 0
		}
		if second == -2 {
			second = 0
		}
		if math.Abs(m.Score-best) > 1e-5 || math.Abs(m.Margin-(best-second)) > 1e-5 {
			t.Fatalf("got %+v, want %v and %v", m, best, second)
		}
	})
}

func TestRoster(t *testing.T) {
	var r Roster
	if r.Gallery() != nil {
		t.Error("a new roster holds a gallery")
	}
	g := enrolled(t, "anna")
	r.Set(g)
	if r.Gallery() != g {
		t.Error("got another gallery")
	}
}
