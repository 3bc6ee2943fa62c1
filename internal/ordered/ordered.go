// Package ordered reads a JetStream stream in the order in which it was written, without acknowledging anything. The
// client library's ordered consumer does the same but keeps trying on its own clock; here every wait ends with the
// caller's context. Pull is for who does acknowledge. It imports the NATS client and nothing of ours.
package ordered

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// prefetch is how many messages are asked for ahead: of the largest fragments that is 4 MiB.
	prefetch = 8
	// batch is how many messages a bounded read asks for at once.
	batch = 16
	// apiTimeout is how long one request to the server may take.
	apiTimeout    = 5 * time.Second
	removeTimeout = time.Second
	// heartbeat is how often the server must be heard of while nothing is written; two missing ones start over.
	heartbeat = 5 * time.Second
	// inactive is when the server forgets a reader that died.
	inactive = time.Minute
	// Waits between attempts while the server is away.
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

var (
	errReconnected = errors.New("connection was made anew")
	errLostOrder   = errors.New("a message was lost on the way")
)

// From says what to read and where to begin. With neither Seq nor Time that is the oldest message kept.
type From struct {
	Stream  string
	Subject string    // a filter, with wildcards; empty: all
	Seq     uint64    // the first stream sequence of interest
	Time    time.Time // messages stored at or after, by the server's clock; used when Seq is 0
	Headers bool      // leave the messages' data out
}

func (f From) config() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{
		AckPolicy:         jetstream.AckNonePolicy,
		FilterSubject:     f.Subject,
		HeadersOnly:       f.Headers,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: inactive,
	}
	switch {
	case f.Seq > 0:
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, f.Seq
	case !f.Time.IsZero():
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &f.Time
	}
	return c
}

// Follow yields what is kept, then waits for more until ctx ends, through restarts of the server and lost
// connections. An error is its last step, and comes only when waiting cannot help: the stream does not exist, or the
// connection was closed for good. The end of ctx is not an error.
func Follow(ctx context.Context, js jetstream.JetStream, from From) iter.Seq2[jetstream.Msg, error] {
	return func(yield func(jetstream.Msg, error) bool) {
		wait := firstWait
		for ctx.Err() == nil {
			err := follow(ctx, js, &from, func(m jetstream.Msg) bool {
				wait = firstWait
				return yield(m, nil)
			})
			switch {
			case err == nil || ctx.Err() != nil:
				return
			case permanent(err):
				yield(nil, fmt.Errorf("follow stream %s: %w", from.Stream, err))
				return
			case errors.Is(err, errReconnected):
				continue
			}
			if !sleep(ctx, wait) {
				return
			}
			wait = min(2*wait, lastWait)
		}
	}
}

// follow reads with one consumer and moves from on. It returns nil when the caller wants no more.
func follow(
	parent context.Context, js jetstream.JetStream, from *From, yield func(jetstream.Msg) bool,
) (err error) {
	ctx, stop := untilReconnect(parent, js.Conn())
	defer stop()
	consumer, err := create(ctx, js, *from)
	if err != nil {
		return cause(ctx, err)
	}
	defer func() {
		if err == nil || parent.Err() != nil {
			remove(parent, js, from.Stream, consumer)
		}
	}()
	var order sequence
	for m, err := range pull(ctx, consumer, prefetch) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := order.advance(m, from); err != nil {
			return err
		}
		if !yield(m) {
			return nil
		}
	}
	return nil
}

// Pull yields what a consumer delivers, whatever has come by then but no more than most messages at once, until ctx ends or
// something fails, which is its last step in either case. Messages are asked for only when those before are done with. It
// ends when the connection is made anew too: the consumer may be gone.
//
// The client library's own iterator stalls with small batches, until a heartbeat is missed, when the answer to a
// request is quicker than its book-keeping (nats.go 1.55, pullSubscription.checkPending).
func Pull(ctx context.Context, nc *nats.Conn, consumer jetstream.Consumer, most int) iter.Seq2[[]jetstream.Msg, error] {
	return func(yield func([]jetstream.Msg, error) bool) {
		ctx, stop := untilReconnect(ctx, nc)
		defer stop()
		for m, err := range pull(ctx, consumer, 1) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(withFollowers(ctx, consumer, m, most), nil) {
				return
			}
		}
	}
}

// withFollowers returns m and what the server has behind it. An error leaves it at what has come: the next request meets it
// again.
func withFollowers(ctx context.Context, consumer jetstream.Consumer, m jetstream.Msg, most int) []jetstream.Msg {
	meta, err := m.Metadata()
	if most == 1 || err != nil || meta.NumPending == 0 {
		return []jetstream.Msg{m}
	}
	followers, _ := fetch(ctx, consumer, int(min(uint64(most)-1, meta.NumPending)))
	return append([]jetstream.Msg{m}, followers...)
}

// pull yields what a consumer delivers, in requests of batch messages, with a context of untilReconnect. That has no deadline,
// which the library would take for the time to wait for messages.
func pull(ctx context.Context, consumer jetstream.Consumer, batch int) iter.Seq2[jetstream.Msg, error] {
	return func(yield func(jetstream.Msg, error) bool) {
		for {
			got, err := consumer.Fetch(batch, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(heartbeat))
			if err != nil {
				yield(nil, cause(ctx, err))
				return
			}
			for m := range got.Messages() {
				if !yield(m, nil) {
					return
				}
			}
			if err := got.Error(); err != nil || ctx.Err() != nil {
				yield(nil, cause(ctx, err))
				return
			}
		}
	}
}

// Read yields what is kept up to the stream sequence last, and ends. An error is its last step; then what came
// before it is not all there is.
func Read(ctx context.Context, js jetstream.JetStream, from From, last uint64) iter.Seq2[jetstream.Msg, error] {
	return func(yield func(jetstream.Msg, error) bool) {
		if err := read(ctx, js, from, last, func(m jetstream.Msg) bool { return yield(m, nil) }); err != nil {
			yield(nil, fmt.Errorf("read stream %s: %w", from.Stream, err))
		}
	}
}

func read(ctx context.Context, js jetstream.JetStream, from From, last uint64, yield func(jetstream.Msg) bool) error {
	consumer, err := create(ctx, js, from)
	if err != nil {
		return err
	}
	defer remove(ctx, js, from.Stream, consumer)
	if consumer.CachedInfo().NumPending == 0 {
		return nil
	}
	var order sequence
	for {
		msgs, err := fetch(ctx, consumer, batch)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			if err := order.advance(m, &from); err != nil {
				return err
			}
			seq := from.Seq - 1
			if seq > last || !yield(m) || seq == last {
				return nil
			}
		}
		if len(msgs) == batch {
			continue
		}
		if done, err := order.complete(ctx, consumer); done || err != nil {
			return err
		}
	}
}

// fetch takes what is there, up to n messages. Fewer can also mean that the server did not answer. What has come is returned
// beside an error.
func fetch(ctx context.Context, consumer jetstream.Consumer, n int) ([]jetstream.Msg, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	got, err := consumer.FetchNoWait(n)
	if err != nil {
		return nil, err
	}
	var msgs []jetstream.Msg
	for {
		select {
		case m, ok := <-got.Messages():
			if !ok {
				return msgs, got.Error()
			}
			msgs = append(msgs, m)
		case <-ctx.Done():
			return msgs, ctx.Err()
		}
	}
}

// sequence checks that nothing was lost between the server and this process.
type sequence struct{ delivered uint64 }

func (s *sequence) advance(m jetstream.Msg, from *From) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	if meta.Sequence.Consumer != s.delivered+1 {
		return errLostOrder
	}
	s.delivered++
	from.Seq = meta.Sequence.Stream + 1
	return nil
}

// complete asks the server whether everything was delivered and received.
func (s *sequence) complete(ctx context.Context, consumer jetstream.Consumer) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	info, err := consumer.Info(ctx)
	if err != nil {
		return false, err
	}
	if info.Delivered.Consumer != s.delivered {
		return false, errLostOrder
	}
	return info.NumPending == 0, nil
}

func create(ctx context.Context, js jetstream.JetStream, from From) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return js.CreateConsumer(ctx, from.Stream, from.config())
}

// remove is a courtesy that must not hold up an end: what is not removed, the server forgets by itself.
func remove(ctx context.Context, js jetstream.JetStream, stream string, consumer jetstream.Consumer) {
	if !js.Conn().IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	_ = js.DeleteConsumer(ctx, stream, consumer.CachedInfo().Name)
}

// untilReconnect returns a context that ends with ctx, but has no deadline, and that also ends when the connection is made anew: the consumer lived in the old
// server's memory and is gone, which would otherwise be noticed only by missing heartbeats.
func untilReconnect(ctx context.Context, nc *nats.Conn) (_ context.Context, stop func()) {
	parent := ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	detach := context.AfterFunc(parent, func() { cancel(context.Cause(parent)) })
	status := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	var wg sync.WaitGroup
	wg.Go(func() {
		select {
		case st := <-status:
			if st == nats.CLOSED {
				cancel(nats.ErrConnectionClosed)
				return
			}
			cancel(errReconnected)
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		detach()
		cancel(nil)
		wg.Wait()
		nc.RemoveStatusListener(status)
	}
}

// cause replaces the error of an ended context by the reason why it ended.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func permanent(err error) bool {
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, nats.ErrConnectionClosed) ||
		errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount)
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
