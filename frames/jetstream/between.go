package jetstream

import (
	"context"
	"fmt"
	"time"

	"vigil/frames"
	"vigil/internal/ordered"
)

// Between implements frames.Log. It looks through headers only to find the window, and reads the payloads of what it
// returns.
func (l *Log) Between(
	ctx context.Context, camera frames.CameraID, start, end time.Time,
) ([]*frames.Fragment, error) {
	found, err := l.between(ctx, window{camera, start, end})
	if err != nil {
		return nil, fmt.Errorf("fragments of %s between %s and %s: %w",
			camera, start.Format(time.RFC3339Nano), end.Format(time.RFC3339Nano), err)
	}
	return found, nil
}

type window struct {
	camera     frames.CameraID
	start, end time.Time
}

func (w window) overlaps(f *frames.Fragment) bool {
	return f.Start.Before(w.end) && f.End().After(w.start)
}

func (l *Log) between(ctx context.Context, w window) ([]*frames.Fragment, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stream, err := l.js.Stream(ctx, Stream)
	if err != nil {
		return nil, err
	}
	last := stream.CachedInfo().State.LastSeq
	near := ordered.From{Stream: Stream, Subject: Subject(w.camera), Time: w.start.Add(-slack), Headers: true}
	heads, before, err := l.scan(ctx, w, near, last)
	if err != nil {
		return nil, err
	}
	if !before {
		// Nothing shows that the window's beginning was reached: the camera's clock may be ahead of the server's.
		all := ordered.From{Stream: Stream, Subject: near.Subject, Headers: true}
		if heads, _, err = l.scan(ctx, w, all, last); err != nil {
			return nil, err
		}
	}
	if len(heads) == 0 {
		return nil, frames.ErrNotFound
	}
	return l.payloads(ctx, w.camera, heads, last)
}

// scan reads headers up to the sequence last and returns the fragments that overlap the window, and whether it came
// past one that ends before it.
func (l *Log) scan(
	ctx context.Context, w window, from ordered.From, last uint64,
) (heads []piece, before bool, err error) {
	for m, err := range ordered.Read(ctx, l.js, from, last) {
		if err != nil {
			return nil, false, err
		}
		p, err := read(m)
		if err != nil {
			return nil, false, err
		}
		switch {
		case p.part > 0:
		case w.overlaps(p.Fragment):
			heads = append(heads, p)
		case len(heads) == 0 && !p.End().After(w.start):
			before = true
		}
	}
	return heads, before, nil
}

// payloads reads the fragments of heads, and in front of them what the first decodes from. Where its key fragment is
// kept no more, nothing can be decoded before the next one. The last one's parts end at the sequence end at the latest.
func (l *Log) payloads(
	ctx context.Context, camera frames.CameraID, heads []piece, end uint64,
) ([]*frames.Fragment, error) {
	wanted := make(map[uint64]bool, len(heads))
	for _, f := range heads {
		wanted[f.Pos] = true
	}
	first, last := heads[0], heads[len(heads)-1]
	from := ordered.From{Stream: Stream, Subject: Subject(camera), Seq: first.Pos}
	if !first.Key && first.KeyPos > 0 && first.KeyPos < first.Pos {
		from.Seq = first.KeyPos
	}
	until := last.Pos
	if last.parts > 1 {
		until = end
	}
	var found []*frames.Fragment
	var making assembler
	for m, err := range ordered.Read(ctx, l.js, from, until) {
		if err != nil {
			return nil, err
		}
		p, err := read(m)
		if err != nil {
			return nil, err
		}
		if p.Pos > last.Pos {
			break
		}
		f := making.add(p)
		if f != nil && (len(found) > 0 || f.Key) && (f.Pos < first.Pos || wanted[f.Pos]) {
			found = append(found, f)
		}
		if f != nil && f.Pos == last.Pos {
			break
		}
	}
	if len(found) == 0 {
		return nil, frames.ErrNotFound
	}
	return found, nil
}
