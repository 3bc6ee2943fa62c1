package framestest

import (
	"bytes"
	"context"
	"iter"
	"sync"
	"time"

	"vigil/frames"
)

// Log is a frames.Log in memory. The zero value is an unbounded log, ready for use.
type Log struct {
	// Max is how many fragments are kept, of all cameras together; the oldest go first. 0 keeps all.
	Max int

	mu      sync.Mutex
	kept    []*frames.Fragment
	ids     map[string]uint64
	last    uint64
	changed chan struct{} // closed by the next Append
}

var _ frames.Log = (*Log)(nil)

// NewLog returns an unbounded log.
func NewLog() *Log { return &Log{} }

// Append implements frames.Log.
func (l *Log) Append(ctx context.Context, f *frames.Fragment) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if pos, ok := l.ids[f.ID()]; ok {
		return pos, nil
	}
	l.last++
	stored := clone(f)
	stored.Pos = l.last
	l.kept = append(l.kept, stored)
	if l.ids == nil {
		l.ids = map[string]uint64{}
	}
	l.ids[f.ID()] = l.last
	if l.Max > 0 && len(l.kept) > l.Max {
		l.kept = l.kept[len(l.kept)-l.Max:]
	}
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	return l.last, nil
}

// Expire forgets every fragment before position pos, as age does.
func (l *Log) Expire(pos uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.kept) > 0 && l.kept[0].Pos < pos {
		l.kept = l.kept[1:]
	}
}

// Follow implements frames.Log.
func (l *Log) Follow(ctx context.Context, camera frames.CameraID, from uint64) iter.Seq2[*frames.Fragment, error] {
	return func(yield func(*frames.Fragment, error) bool) {
		for ctx.Err() == nil {
			f, changed := l.next(camera, from)
			if f == nil {
				select {
				case <-changed:
				case <-ctx.Done():
				}
				continue
			}
			if !yield(f, nil) {
				return
			}
			from = f.Pos + 1
		}
	}
}

// next returns the camera's first fragment at or after a position, or what to wait for.
func (l *Log) next(camera frames.CameraID, from uint64) (*frames.Fragment, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.kept {
		if f.Camera == camera && f.Pos >= from {
			return clone(f), nil
		}
	}
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return nil, l.changed
}

// Between implements frames.Log.
func (l *Log) Between(
	ctx context.Context, camera frames.CameraID, start, end time.Time,
) ([]*frames.Fragment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var found, group []*frames.Fragment // group is what was read since the last key fragment
	for _, f := range l.kept {
		if f.Camera != camera {
			continue
		}
		if f.Key {
			group = nil
		} else if len(group) == 0 && len(found) == 0 {
			continue // its key fragment is kept no more
		}
		if !f.Start.Before(end) || !f.End().After(start) {
			if len(found) == 0 {
				group = append(group, f)
			}
			continue
		}
		if len(found) == 0 {
			found = group
		}
		found = append(found, f)
	}
	if len(found) == 0 {
		return nil, frames.ErrNotFound
	}
	copies := make([]*frames.Fragment, len(found))
	for i, f := range found {
		copies[i] = clone(f)
	}
	return copies, nil
}

func clone(f *frames.Fragment) *frames.Fragment {
	c := *f
	c.Payload = bytes.Clone(f.Payload)
	if f.Gap != nil {
		gap := *f.Gap
		c.Gap = &gap
	}
	return &c
}
