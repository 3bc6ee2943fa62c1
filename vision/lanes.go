package vision

import (
	"errors"
	"fmt"
)

// Lanes is a number of engines that cameras share: each call borrows one and gives it back, and waits while all are
// lent. Unlike other engines it may be used by several goroutines at a time; Close waits for what is lent.
type Lanes struct {
	free  chan Engine
	model Model
}

var _ Engine = (*Lanes)(nil)

// NewLanes opens n engines. When one cannot be opened, those that were are closed.
func NewLanes(open func() (Engine, error), n int) (*Lanes, error) {
	if n < 1 {
		return nil, fmt.Errorf("lanes: got %d, want at least 1", n)
	}
	l := &Lanes{free: make(chan Engine, n)}
	for i := range n {
		e, err := open()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lanes: open engine %d of %d: %w", i+1, n, err), l.close(i))
		}
		l.model = e.Model()
		l.free <- e
	}
	return l, nil
}

// Detect implements Engine.
func (l *Lanes) Detect(p Picture, faces []Face) ([]Face, error) {
	e := <-l.free
	defer func() { l.free <- e }()
	return e.Detect(p, faces)
}

// Embed implements Engine.
func (l *Lanes) Embed(p Picture, f Face) (Embedding, Quality, error) {
	e := <-l.free
	defer func() { l.free <- e }()
	return e.Embed(p, f)
}

// Model implements Engine: all lanes have the same.
func (l *Lanes) Model() Model { return l.model }

// Close closes all engines. It is called once, when no camera uses them any more.
func (l *Lanes) Close() error { return l.close(cap(l.free)) }

func (l *Lanes) close(n int) error {
	var errs []error
	for range n {
		if err := (<-l.free).Close(); err != nil {
			errs = append(errs, fmt.Errorf("lanes: close engine: %w", err))
		}
	}
	return errors.Join(errs...)
}
