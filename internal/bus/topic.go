package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrFull says that a stream has no room. It comes when a consumer has been away for long; what was published stays.
var ErrFull = errors.New("stream is full")

// codeStoreFailed is the server's answer when a stream that discards new messages is full (JSStreamStoreFailedF).
const codeStoreFailed jetstream.ErrorCode = 10077

// Waits between attempts to publish, and between attempts to consume.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

// TopicConfig says where values of one type travel.
type TopicConfig[T any] struct {
	// Stream is the stream that keeps them.
	Stream string
	// Subject is where a value is published, without wildcards.
	Subject func(T) string
	// ID names a value for ever: publishing it again within the stream's window of duplicates stores nothing.
	ID func(T) string
}

// Topic is a stream of JSON messages of one type.
type Topic[T any] struct {
	conn *Conn
	cfg  TopicConfig[T]
}

// NewTopic returns the topic. The stream is declared by Declare.
func NewTopic[T any](c *Conn, cfg TopicConfig[T]) *Topic[T] { return &Topic[T]{conn: c, cfg: cfg} }

// Publish stores v and waits until the server has it. It tries again while the server does not answer, until ctx ends;
// the id makes that safe. ErrFull is not waited out.
func (t *Topic[T]) Publish(ctx context.Context, v T) error {
	subject, id := t.cfg.Subject(v), t.cfg.ID(v)
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("publish %s: %w", id, err)
	}
	msg := &nats.Msg{Subject: subject, Data: data, Header: nats.Header{}}
	if err := t.conn.publish(ctx, t.cfg.Stream, id, msg); err != nil {
		return fmt.Errorf("publish %s on %s: %w", id, subject, err)
	}
	return nil
}

func (c *Conn) publish(ctx context.Context, stream, id string, msg *nats.Msg) error {
	var last error
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, last)
		}
		last = c.batcher(stream).publish(ctx, id, msg)
		if last == nil || ctx.Err() == nil && !c.mayPass(ctx, stream, last) {
			return last
		}
		sleep(ctx, wait)
	}
}

func (c *Conn) publishOnce(ctx context.Context, stream, id string, msg *nats.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	_, err := c.js.PublishMsg(ctx, msg,
		jetstream.WithMsgID(id), jetstream.WithExpectStream(stream), jetstream.WithRetryAttempts(0))
	if api := (*jetstream.APIError)(nil); errors.As(err, &api) && api.ErrorCode == codeStoreFailed {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// mayPass reports whether the error of a publish can go away by itself.
func (c *Conn) mayPass(ctx context.Context, stream string, err error) bool {
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) {
		// Nobody listens: the server is starting, or there is no such stream.
		_, err := c.js.Stream(ctx, stream)
		return !errors.Is(err, jetstream.ErrStreamNotFound)
	}
	if api := (*jetstream.APIError)(nil); errors.As(err, &api) {
		return api.Code == http.StatusServiceUnavailable && api.ErrorCode != codeStoreFailed
	}
	return away(err)
}

// away reports whether the error says that the server does not answer.
func away(err error) bool {
	for _, passing := range []error{
		context.DeadlineExceeded, nats.ErrTimeout, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
		nats.ErrReconnectBufExceeded, nats.ErrStaleConnection,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
