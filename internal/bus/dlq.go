package bus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/ordered"
)

// Dead is a message that was given up.
type Dead struct {
	Seq        uint64 // its place in the dead-letter queue
	Stream     string // where it was
	Consumer   string // who gave it up
	Subject    string // where it was published
	ID         string
	Reason     string
	Deliveries int
	Since      time.Time // when it was given up
	Data       []byte    // the message's; nil in a list
}

// ListDead returns what was given up and is still kept, oldest first.
func (c *Conn) ListDead(ctx context.Context) ([]Dead, error) {
	var all []Dead
	for m, err := range ordered.Read(ctx, c.js, ordered.From{Stream: DLQ, Headers: true}, math.MaxUint64) {
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, fmt.Errorf("list dead letters: %w", err)
		}
		all = append(all, newDead(meta.Sequence.Stream, meta.Timestamp, m.Subject(), m.Headers()))
	}
	return all, nil
}

// GetDead returns the message at a place in the dead-letter queue, or ErrNotFound.
func (c *Conn) GetDead(ctx context.Context, seq uint64) (Dead, error) {
	stream, err := c.js.Stream(ctx, DLQ)
	if err != nil {
		return Dead{}, fmt.Errorf("read dead letter %d: %w", seq, err)
	}
	m, err := stream.GetMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		err = ErrNotFound
	}
	if err != nil {
		return Dead{}, fmt.Errorf("read dead letter %d: %w", seq, err)
	}
	d := newDead(m.Sequence, m.Time, m.Subject, m.Header)
	d.Data = m.Data
	return d, nil
}

func newDead(seq uint64, since time.Time, subject string, h nats.Header) Dead {
	stream, consumer, _ := strings.Cut(strings.TrimPrefix(subject, dlqPrefix), ".")
	deliveries, _ := strconv.Atoi(h.Get(HeaderDeliveries)) // bury wrote it
	return Dead{
		Seq: seq, Stream: stream, Consumer: consumer, Subject: h.Get(HeaderSubject), ID: h.Get(HeaderID),
		Reason: h.Get(HeaderReason), Deliveries: deliveries, Since: since,
	}
}

// Bury puts something that was given up into the dead-letter queue. Seq and Since are the queue's to set.
func (c *Conn) Bury(ctx context.Context, d Dead) error {
	msg := &nats.Msg{
		Subject: dlqPrefix + d.Stream + "." + d.Consumer, Data: d.Data,
		Header: nats.Header{
			HeaderSubject: {d.Subject}, HeaderID: {d.ID}, HeaderReason: {oneLine(d.Reason)}, HeaderDeliveries: {strconv.Itoa(d.Deliveries)},
		},
	}
	if err := c.publish(ctx, DLQ, d.Stream+"/"+d.Consumer+"/"+d.ID, msg); err != nil {
		return fmt.Errorf("bury %s: %w", d.ID, err)
	}
	return nil
}

// Revive puts a message of GetDead back where it was published, with the same data and id, and takes it out of the
// dead-letter queue. It may be called again after an error: within the window of duplicates nothing is stored twice.
func (c *Conn) Revive(ctx context.Context, d Dead) error {
	// The server must not take it for the message that it once was, so its id there is another.
	msg := &nats.Msg{Subject: d.Subject, Data: d.Data, Header: nats.Header{HeaderID: {d.ID}}}
	if err := c.publish(ctx, d.Stream, "replay/"+strconv.FormatUint(d.Seq, 10), msg); err != nil {
		return fmt.Errorf("replay dead letter %d: %w", d.Seq, err)
	}
	stream, err := c.js.Stream(ctx, DLQ)
	if err == nil {
		err = stream.DeleteMsg(ctx, d.Seq)
	}
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
		if _, gone := stream.GetMsg(ctx, d.Seq); errors.Is(gone, jetstream.ErrMsgNotFound) {
			return nil // somebody else has replayed it too
		}
	}
	if err != nil {
		return fmt.Errorf("take dead letter %d out of the queue: %w", d.Seq, err)
	}
	return nil
}

// Outstanding is how many messages a durable consumer has not settled yet: none when it has never been there.
func (c *Conn) Outstanding(ctx context.Context, stream, durable string) (int, error) {
	consumer, err := c.js.Consumer(ctx, stream, durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at consumer %s of %s: %w", durable, stream, err)
	}
	info := consumer.CachedInfo()
	return info.NumAckPending + int(info.NumPending), nil
}

// CountDead is how many messages lie in the dead-letter queue.
func (c *Conn) CountDead(ctx context.Context) (uint64, error) {
	stream, err := c.js.Stream(ctx, DLQ)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return stream.CachedInfo().State.Msgs, nil
}
