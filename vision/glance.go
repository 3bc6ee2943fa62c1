package vision

import (
	"cmp"
	"fmt"
	"slices"
)

// glance embeds the faces of one picture, each at most once.
type glance struct {
	engine  Engine
	limits  Limits
	picture Picture
	faces   []Face
	looks   map[int]looked
	errs    []error
}

func newGlance(engine Engine, limits Limits, p Picture, faces []Face) *glance {
	g := &glance{engine: engine, limits: limits, picture: p, looks: make(map[int]looked)}
	for _, f := range faces {
		if f.Box.sane() {
			g.faces = append(g.faces, f)
		} else {
			g.errs = append(g.errs, fmt.Errorf("detect: face with the box %+v", f.Box))
		}
	}
	// A track's number counts from left to right, whatever order the detector has.
	slices.SortStableFunc(g.faces, func(a, b Face) int { return cmp.Compare(a.Box.X, b.Box.X) })
	return g
}

type looked struct {
	e       Embedding
	quality Quality
	ok      bool
}

func (g *glance) has(i int) bool { return g.looks[i].ok }

// look embeds face i; it is false when that was not possible.
func (g *glance) look(i int) (looked, bool) {
	l, done := g.looks[i]
	if done {
		return l, l.ok
	}
	e, q, err := g.engine.Embed(g.picture, g.faces[i])
	if err != nil {
		g.errs = append(g.errs, fmt.Errorf("embed face %d of %d: %w", i+1, len(g.faces), err))
	}
	l = looked{e: e, quality: q, ok: err == nil}
	g.looks[i] = l
	return l, l.ok
}

// clear is what face i looks like when that can be told apart from others, else nil.
func (g *glance) clear(i int) Embedding {
	if l, ok := g.look(i); ok && g.limits.good(l.quality) {
		return l.e
	}
	return nil
}
