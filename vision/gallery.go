package vision

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
)

// Person is somebody enrolled.
type Person struct {
	Name      string
	Templates []Embedding // all of one model; none for a person whose photos were all refused
}

// Match is the answer of a gallery to one embedding.
type Match struct {
	Person string  // the nearest; empty when the gallery has no template
	Second string  // the second nearest person; empty when there is none
	Score  float64 // cosine to the nearest person's best template, 0 when there is none
	Margin float64 // Score less the second person's; Score itself when there is no second
}

// Gallery is everybody enrolled, as one immutable snapshot. Comparing is exact: every template is looked at.
type Gallery struct {
	model       Model
	falseAccept float64  // as stated; 0: nothing is
	threshold   float64  // that follows from it
	names       []string // a person's place here is what owner holds
	size        int      // length of a template
	// One row of size after the other, so that a search reads memory in order; rows of a person lie together.
	rows   []float32
	owner  []int32 // of each row
	coarse *coarse // the rows once more, to leave out most of them; nil in small galleries
}

// ErrTemplate says that an embedding cannot be compared with the others: wrong length, zero or not finite. It is
// normal after the model was changed; the person's photos have to be embedded again.
var ErrTemplate = errors.New("unusable template")

// NewGallery copies the people's templates, which all come from that model. Its threshold follows from falseAccept, the
// probability that one stranger's track is taken for anybody of it; with 0 it is the model's own. It refuses names that
// are empty or twice there, and templates that differ in length, are zero or are not finite.
func NewGallery(model Model, falseAccept float64, people []Person) (*Gallery, error) {
	g := &Gallery{model: model, falseAccept: falseAccept, threshold: model.Threshold}
	seen := make(map[string]bool, len(people))
	for _, p := range people {
		if p.Name == "" || seen[p.Name] {
			return nil, fmt.Errorf("gallery: person %q: want names that are not empty and not twice there", p.Name)
		}
		seen[p.Name] = true
		for i, t := range p.Templates {
			if err := g.add(t); err != nil {
				return nil, fmt.Errorf("gallery: person %q, template %d: %w", p.Name, i, err)
			}
		}
		g.names = append(g.names, p.Name)
	}
	if falseAccept > 0 {
		g.threshold = model.calibrated().Threshold(falseAccept, g.Templates())
	}
	if len(g.owner) >= coarseFrom && g.size <= coarseLongest {
		g.coarse = newCoarse(g.rows, g.size)
	}
	return g, nil
}

func (g *Gallery) add(t Embedding) error {
	if g.size == 0 {
		g.size = len(t)
	}
	if len(t) == 0 || len(t) != g.size {
		return fmt.Errorf("%w: got length %d, want %d", ErrTemplate, len(t), g.size)
	}
	var norm float64
	for _, v := range t {
		norm += float64(v) * float64(v)
	}
	if norm == 0 || math.IsNaN(norm) || math.IsInf(norm, 0) {
		return fmt.Errorf("%w: squared length %v", ErrTemplate, norm)
	}
	start := len(g.rows)
	g.rows = append(g.rows, t...)
	Embedding(g.rows[start:]).Normalize()
	g.owner = append(g.owner, int32(len(g.names)))
	return nil
}

// Model is the id of the model that made the templates.
func (g *Gallery) Model() string { return g.model.ID }

// Threshold is the cosine from which a face is somebody of this gallery.
func (g *Gallery) Threshold() float64 { return g.threshold }

// Size is the length of a template, 0 when there is none.
func (g *Gallery) Size() int { return g.size }

// Templates is how many templates there are.
func (g *Gallery) Templates() int { return len(g.owner) }

// Has reports whether somebody of that name is enrolled.
func (g *Gallery) Has(name string) bool { return slices.Contains(g.names, name) }

// Names lists everybody, in the order given to NewGallery.
func (g *Gallery) Names() []string { return append([]string(nil), g.names...) }

// Match finds the nearest and the second nearest person. Of people with the same score the one enrolled first counts
// as nearer, so that the answer is always the same. An embedding whose length is not the templates', or that is not
// finite, is ErrTemplate.
func (g *Gallery) Match(e Embedding) (Match, error) {
	if len(g.owner) == 0 {
		return Match{}, nil
	}
	if len(e) != g.size {
		return Match{}, fmt.Errorf("match: %w: got length %d, want %d", ErrTemplate, len(e), g.size)
	}
	var p podium
	if g.coarse != nil {
		p = g.coarse.search(g, e)
	} else {
		p = g.search(e)
	}
	if p.first.person < 0 {
		return Match{}, fmt.Errorf("match: %w: no score is a number", ErrTemplate)
	}
	m := Match{Person: g.names[p.first.person], Score: float64(p.first.score), Margin: float64(p.first.score)}
	if p.second.person >= 0 {
		m.Second = g.names[p.second.person]
		m.Margin = float64(p.first.score) - float64(p.second.score)
	}
	return m, nil
}

// search compares e with every template.
func (g *Gallery) search(e Embedding) podium {
	p := newPodium()
	for row := 0; row < len(g.owner); {
		person := g.owner[row]
		best := lowest
		for ; row < len(g.owner) && g.owner[row] == person; row++ {
			best = max(best, dot(g.rows[row*g.size:(row+1)*g.size], e))
		}
		p.offer(person, best)
	}
	return p
}

// lowest is below every score.
const lowest float32 = -math.MaxFloat32

// podium is the two nearest people; -1 where there is none.
type podium struct{ first, second scored }

type scored struct {
	person int32
	score  float32
}

func newPodium() podium { return podium{scored{-1, lowest}, scored{-1, lowest}} }

// offer takes people in the order of the gallery, each once.
func (p *podium) offer(person int32, best float32) {
	switch {
	case best > p.first.score:
		p.first, p.second = scored{person, best}, p.first
	case best > p.second.score:
		p.second = scored{person, best}
	}
}

// dot keeps eight sums so that the additions do not wait for each other.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3, s4, s5, s6, s7 float32
	for len(a) >= 8 && len(b) >= 8 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		s4 += a[4] * b[4]
		s5 += a[5] * b[5]
		s6 += a[6] * b[6]
		s7 += a[7] * b[7]
		a, b = a[8:], b[8:]
	}
	for i, v := range a {
		s0 += v * b[i]
	}
	return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
}

// Roster holds the gallery in force, so that it can be replaced while cameras are being watched. Its zero value holds
// nobody.
type Roster struct{ current atomic.Pointer[Gallery] }

// Set replaces the gallery.
func (r *Roster) Set(g *Gallery) { r.current.Store(g) }

// Gallery returns the gallery in force, nil when none was set yet.
func (r *Roster) Gallery() *Gallery { return r.current.Load() }
