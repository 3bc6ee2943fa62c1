package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/ordered"
)

// TailOptions say what of a topic to read.
type TailOptions struct {
	// Filter is a subject, with wildcards; empty takes the whole stream.
	Filter string
	// From leaves out what was stored before; zero takes all that is kept.
	From time.Time
	// Last leaves out all but the last so many of what is kept; 0 takes all.
	Last int
	// Follow waits for more until ctx ends.
	Follow bool
}

// Tail yields the topic's messages in the order in which they were stored, without consuming them. A message that
// cannot be read is an error like any other step; going on yields the rest. An error of the bus is the last step. The
// end of ctx is an error unless Follow is set.
func (t *Topic[T]) Tail(ctx context.Context, o TailOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		fail := func(err error) {
			var zero T
			yield(zero, fmt.Errorf("tail: %w", err))
		}
		stream, err := t.conn.js.Stream(ctx, t.cfg.Stream)
		if err != nil {
			if !o.Follow || ctx.Err() == nil {
				fail(fmt.Errorf("stream %s: %w", t.cfg.Stream, err))
			}
			return
		}
		last := stream.CachedInfo().State.LastSeq
		from := ordered.From{Stream: t.cfg.Stream, Subject: o.Filter, Time: o.From}
		history := ordered.Read(ctx, t.conn.js, from, last)
		if o.Last > 0 {
			history = keepLast(history, o.Last)
		}
		for m, err := range history {
			if err != nil {
				if !o.Follow || ctx.Err() == nil {
					fail(err)
				}
				return
			}
			if !yield(decode[T](m)) {
				return
			}
		}
		if !o.Follow {
			return
		}
		from.Seq = last + 1
		for m, err := range ordered.Follow(ctx, t.conn.js, from) {
			if err != nil {
				fail(err)
				return
			}
			if !yield(decode[T](m)) {
				return
			}
		}
	}
}

func decode[T any](m jetstream.Msg) (v T, err error) {
	if err := json.Unmarshal(m.Data(), &v); err != nil {
		return v, fmt.Errorf("message on %s: %w", m.Subject(), err)
	}
	return v, nil
}

// keepLast holds the last n messages back until the end. Messages of one subject lie anywhere in a stream, so the n-th
// from the end is known only then.
func keepLast(messages iter.Seq2[jetstream.Msg, error], n int) iter.Seq2[jetstream.Msg, error] {
	return func(yield func(jetstream.Msg, error) bool) {
		var kept []jetstream.Msg
		for m, err := range messages {
			if err != nil {
				yield(nil, err)
				return
			}
			if kept = append(kept, m); len(kept) > n {
				kept[0] = nil
				kept = kept[1:]
			}
		}
		for _, m := range kept {
			if !yield(m, nil) {
				return
			}
		}
	}
}
