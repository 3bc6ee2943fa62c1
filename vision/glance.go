package vision

import (
	"cmp"
	"fmt"
	"slices"
)

// glance is what is seen of one picture: its faces, each embedded at most once. Its analysis has one and uses it for one
// picture after the other; what it holds is of the latest, and overwritten by the next.
type glance struct {
	engine  Engine
	limits  Limits
	picture Picture
	faces   []Face
	looks   []looked // of the faces
	errs    []error
}

// looked is what embedding a face gave.
type looked struct {
	e       Embedding
	quality Quality
	done    bool // it was tried
	ok      bool // it worked
}

// begin takes the next picture and what was found in it, which may lie in its own room. It orders the faces from left to
// right: a track's number counts so, whatever order the detector has.
func (g *glance) begin(p Picture, found []Face) {
	clear(g.looks) // they hold embeddings
	clear(g.errs)
	g.picture, g.faces, g.errs = p, found[:0], g.errs[:0]
	for _, f := range found {
		if f.Box.sane() {
			g.faces = append(g.faces, f)
		} else {
			g.errs = append(g.errs, fmt.Errorf("detect: face with the box %+v", f.Box))
		}
	}
	slices.SortStableFunc(g.faces, func(a, b Face) int { return cmp.Compare(a.Box.X, b.Box.X) })
	g.looks = resized(g.looks, len(g.faces))
}

func (g *glance) has(i int) bool { return g.looks[i].ok }

// look embeds face i; it is false when that was not possible.
func (g *glance) look(i int) (looked, bool) {
	l := &g.looks[i]
	if l.done {
		return *l, l.ok
	}
	e, q, err := g.engine.Embed(g.picture, g.faces[i])
	if err != nil {
		g.errs = append(g.errs, fmt.Errorf("embed face %d of %d: %w", i+1, len(g.faces), err))
	}
	*l = looked{e: e, quality: q, done: true, ok: err == nil}
	return *l, l.ok
}

// clear is what face i looks like when that can be told apart from others, else nil.
func (g *glance) clear(i int) Embedding {
	if l, ok := g.look(i); ok && g.limits.good(l.quality) {
		return l.e
	}
	return nil
}

// resized is s with n elements, all zero. It is made anew only where s has never been that long.
func resized[E any](s []E, n int) []E {
	s = slices.Grow(s[:0], n)[:n]
	clear(s)
	return s
}
