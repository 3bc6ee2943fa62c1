package vision

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestRankingBeginsAsMatch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var people []Person
	for i := range 40 {
		p := Person{Name: fmt.Sprintf("p%02d", i)}
		for range r.IntN(4) { // some have none
			p.Templates = append(p.Templates, random(r, testSize))
		}
		people = append(people, p)
	}
	people = append(people, Person{"twin of p00", []Embedding{random(r, testSize)}})
	people[0].Templates = people[len(people)-1].Templates
	g, err := NewGallery(Model{ID: "m"}, 0, people)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		e := random(r, testSize)
		m, err := g.Match(e)
		if err != nil {
			t.Fatal(err)
		}
		all, err := g.Ranking(e, len(people))
		if err != nil {
			t.Fatal(err)
		}
		if all[0] != (Likeness{m.Person, m.Score}) || all[1].Person != m.Second || m.Score-all[1].Score != m.Margin {
			t.Fatalf("got %v, want as %+v", all[:2], m)
		}
		for i := range all[1:] {
			if all[i].Score < all[i+1].Score {
				t.Fatalf("got %v, want the nearest first", all)
			}
		}
		top, err := g.Ranking(e, 5)
		if err != nil || !slices.Equal(top, all[:5]) {
			t.Fatalf("got %v, %v, want %v", top, err, all[:5])
		}
	}
}

func TestRankingOfNobody(t *testing.T) {
	if list, err := new(Gallery).Ranking(Embedding{1}, 5); len(list) != 0 || err != nil {
		t.Errorf("nobody enrolled: got %v, %v", list, err)
	}
	if _, err := enrolled(t, "anna").Ranking(Embedding{1}, 5); !errors.Is(err, ErrTemplate) {
		t.Errorf("another model's: got %v, want ErrTemplate", err)
	}
	if list, err := enrolled(t, "anna").Ranking(lookOf("anna", 1), 5); len(list) != 1 || list[0].Person != "anna" || err != nil {
		t.Errorf("one enrolled: got %v, %v", list, err)
	}
}
