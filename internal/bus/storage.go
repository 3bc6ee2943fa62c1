package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrStorage says that the server can store nothing now: its disk is full, or fails. What was published is not stored
// for certain, and may be published again.
var ErrStorage = errors.New("the bus cannot store anything")

// stored does something that must be stored. It fails with ErrStorage as soon as the server is known not to store, also
// when it has acknowledged meanwhile.
func (c *Conn) stored(ctx context.Context, do func(context.Context) error) error {
	if c.Healthy == nil {
		return do(ctx)
	}
	healthy := c.Healthy()
	during, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(healthy, cancel)() //nolint:contextcheck // it is the server's health, not a caller's context
	err := do(during)
	if healthy.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrStorage, context.Cause(healthy)) //nolint:contextcheck // likewise
	}
	return err
}

// guarded is JetStream whose publishing is stored, for the log of fragments too.
type guarded struct {
	jetstream.JetStream
	conn *Conn
}

// PublishMsg implements jetstream.JetStream.
func (g guarded) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (ack *jetstream.PubAck, err error) {
	err = g.conn.stored(ctx, func(ctx context.Context) error {
		ack, err = g.JetStream.PublishMsg(ctx, m, opts...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return ack, nil
}
