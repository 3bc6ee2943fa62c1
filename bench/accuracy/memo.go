package main

import (
	"hash/maphash"
	"sync"

	"vigil/vision"
)

// memo is an engine that looks at each picture once: the same drawn picture is part of many tracks.
type memo struct {
	vision.Engine
	seed maphash.Seed

	mu    sync.Mutex
	faces map[uint64][]vision.Face
	looks map[lookKey]look
}

type lookKey struct {
	picture uint64
	face    vision.Face
}

type look struct {
	e       vision.Embedding
	quality vision.Quality
}

func newMemo(e vision.Engine) *memo {
	return &memo{Engine: e, seed: maphash.MakeSeed(), faces: map[uint64][]vision.Face{}, looks: map[lookKey]look{}}
}

// Detect implements vision.Engine.
func (m *memo) Detect(p vision.Picture, faces []vision.Face) ([]vision.Face, error) {
	id := identity(m.seed, p)
	m.mu.Lock()
	found, ok := m.faces[id]
	m.mu.Unlock()
	if ok {
		return append(faces, found...), nil
	}
	found, err := m.Engine.Detect(p, nil)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.faces[id] = found
	m.mu.Unlock()
	return append(faces, found...), nil
}

// Embed implements vision.Engine.
func (m *memo) Embed(p vision.Picture, f vision.Face) (vision.Embedding, vision.Quality, error) {
	key := lookKey{identity(m.seed, p), f}
	m.mu.Lock()
	l, ok := m.looks[key]
	m.mu.Unlock()
	if ok {
		return l.e, l.quality, nil
	}
	e, q, err := m.Engine.Embed(p, f)
	if err != nil {
		return nil, vision.Quality{}, err
	}
	m.mu.Lock()
	m.looks[key] = look{e, q}
	m.mu.Unlock()
	return e, q, nil
}
