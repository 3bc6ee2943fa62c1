package vision

import (
	"context"
	"time"

	"vigil/frames"
)

// Limits of how a camera's two streams wait for each other.
const (
	// mainSlack is how far the main stream may end before a fragment for analysis does: fragments of the two are cut at
	// different times, and to wait for the rest would delay alerts.
	mainSlack = 100 * time.Millisecond
	// mainWait is how long a fragment for analysis waits for the main stream.
	mainWait = 300 * time.Millisecond
	// aheadMost is how far the main stream goes ahead of the other, and aheadWait how long it then waits.
	aheadMost, aheadWait = 2 * time.Second, time.Second
	// firstWait is how long each waits for the other's first fragment.
	firstWait = 2 * time.Second
)

// merge puts the fragments of a camera's two streams into one order: those for analysis, each when the main stream has
// come as far. A stream of which nothing comes does not keep the other waiting.
type merge struct {
	main, detect lineup
}

// lineup is one stream in a merge.
type lineup struct {
	in    <-chan *frames.Fragment
	head  *frames.Fragment // the next one
	since time.Time        // when it came
	end   time.Time        // capture time at which the one before ended; zero: there was none
	late  bool             // the other waits for it no more
}

// run merges until ctx ends.
func (m *merge) run(ctx context.Context, out chan<- *frames.Fragment) {
	for ctx.Err() == nil {
		if f := m.next(); f != nil {
			select {
			case out <- f:
			case <-ctx.Done():
			}
			continue
		}
		var late <-chan time.Time
		slow, wait := m.waits()
		if slow != nil {
			late = time.After(wait)
		}
		select {
		case f := <-m.main.open():
			m.main.take(f)
		case f := <-m.detect.open():
			m.detect.take(f)
		case <-late:
			slow.late = true
		case <-ctx.Done():
		}
	}
}

// next takes the fragment whose turn it is; nil while that is not known.
func (m *merge) next() *frames.Fragment {
	detect, main := m.detect.head, m.main.head
	switch {
	case detect != nil && m.covered(detect.End().Add(-mainSlack)):
		m.detect.late = false
		return m.detect.pass()
	case main != nil && (detect != nil || m.detect.late || main.End().Sub(m.detect.end) <= aheadMost):
		f := m.main.pass()
		// It keeps no fragment waiting again before it has caught up.
		m.main.late = m.main.late && f.End().Before(m.detect.end.Add(-mainSlack))
		return f
	}
	return nil
}

// covered reports whether the main stream has come as far as t, or is not waited for.
func (m *merge) covered(t time.Time) bool {
	next := m.main.head
	return m.main.late || !m.main.end.Before(t) || next != nil && !next.Start.Before(t)
}

// waits says which stream the other waits for, and how long still.
func (m *merge) waits() (slow *lineup, left time.Duration) {
	var fast *lineup
	var wait time.Duration
	switch {
	case m.detect.head != nil:
		fast, slow, wait = &m.detect, &m.main, mainWait
	case m.main.head != nil:
		fast, slow, wait = &m.main, &m.detect, aheadWait
	default:
		return nil, 0
	}
	if slow.end.IsZero() {
		wait = firstWait
	}
	return slow, time.Until(fast.since.Add(wait))
}

// open is where the stream's next fragment comes from; nil while there is one.
func (l *lineup) open() <-chan *frames.Fragment {
	if l.head != nil {
		return nil
	}
	return l.in
}

func (l *lineup) take(f *frames.Fragment) { l.head, l.since = f, time.Now() }

func (l *lineup) pass() *frames.Fragment {
	f := l.head
	l.head, l.end = nil, f.End()
	return f
}
