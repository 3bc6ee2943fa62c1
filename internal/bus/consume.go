package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"vigil/internal/ordered"
)

// ErrDrop ends a message, when a handler's error wraps it, without another attempt and without the dead-letter queue:
// it needs no handling any more.
var ErrDrop = errors.New("message dropped")

// ErrBury moves a message to the dead-letter queue without another attempt, when a handler's error wraps it.
var ErrBury = errors.New("message given up")

const dlqPrefix = "vigil.dlq."

// Headers of a message in the dead-letter queue, whose data is the original's. One that was put back keeps its id.
const (
	HeaderSubject    = "Vigil-Subject"    // where it was published
	HeaderID         = "Vigil-Id"         // its id
	HeaderReason     = "Vigil-Reason"     // why it was given up
	HeaderDeliveries = "Vigil-Deliveries" // how often it was tried
)

const (
	defaultAckWait    = 30 * time.Second
	defaultMaxPending = 1000
	// Waits before a message that failed is delivered again.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// Consumer is a durable reader of a topic. Processes that use the same durable share its messages.
type Consumer struct {
	// Durable names it on the server: letters, digits, "-" and "_".
	Durable string
	// Filter is a subject, with wildcards; empty takes the whole stream. It must not overlap another consumer's on a
	// work queue.
	Filter string
	// AckWait is how long a process may be dead before another gets its message. While the handler runs the server is
	// told so, however long it takes. Default 30 s.
	AckWait time.Duration
	// MaxDeliver is after how many deliveries a message goes to the dead-letter queue; 0 never gives up.
	MaxDeliver int
	// Concurrency is how many handlers run at once in this process. Default 1.
	Concurrency int
	// MaxPending is how many messages may be with handlers or waiting for their next delivery, over all processes.
	// Messages that wait long stop the others when it is reached. Default 1000; 1 keeps the stream's order strictly.
	MaxPending int
}

// Meta is what the bus knows of a message.
type Meta struct {
	ID         string
	Seq        uint64    // its place in the stream
	Deliveries int       // how often it was delivered, this time included
	Published  time.Time // when the server stored it
}

// RetryAfter makes a handler's error ask for the next delivery after d. It counts as a delivery like any other.
func RetryAfter(d time.Duration, err error) error { return &retryError{after: d, err: err} }

type retryError struct {
	after time.Duration
	err   error
}

func (e *retryError) Error() string { return e.err.Error() }
func (e *retryError) Unwrap() error { return e.err }

// Message is a value and what the bus knows of it.
type Message[T any] struct {
	Value T
	Meta  Meta
}

// Consume hands the topic's messages to handle until ctx ends, and then returns nil. It outlives restarts of the server;
// an error means that it could not begin.
//
// When handle returns nil the message is acknowledged. An error that wraps ErrDrop ends the message, one that wraps ErrBury
// moves it to the dead-letter queue; RetryAfter delivers
// it again when asked; any other error delivers it again after 1 s, then 2 s and so on up to a minute. After MaxDeliver
// deliveries, or when its JSON cannot be read, it goes to the dead-letter queue. A handler sees a message more than once
// when a process dies or an acknowledgement is lost, so it must not mind.
func (t *Topic[T]) Consume(ctx context.Context, c Consumer, handle func(ctx context.Context, v T, m Meta) error) error {
	return t.ConsumeBatches(ctx, c, 1, func(ctx context.Context, messages []Message[T]) []error {
		return []error{handle(ctx, messages[0].Value, messages[0].Meta)}
	})
}

// ConsumeBatches is Consume for a handler that takes at once all messages that have come, most of them at the most, in their
// order. It returns an error, or nil, for each.
func (t *Topic[T]) ConsumeBatches(
	ctx context.Context, c Consumer, most int, handle func(ctx context.Context, messages []Message[T]) []error,
) error {
	if c.AckWait <= 0 {
		c.AckWait = defaultAckWait
	}
	if c.MaxPending <= 0 {
		c.MaxPending = defaultMaxPending
	}
	r := &reader[T]{topic: t, cfg: c, most: most, handle: handle, lookEvery: lookEvery, stuckAfter: stuckAfter}
	if err := r.work(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("consume %s as %s: %w", t.cfg.Stream, c.Durable, err)
	}
	return nil
}

// reader is one Consume. Its methods are called by all of its workers.
type reader[T any] struct {
	topic  *Topic[T]
	cfg    Consumer
	most   int // messages that handle takes at once
	handle func(context.Context, []Message[T]) []error
	begun  atomic.Bool  // the consumer could be created once
	down   atomic.Bool  // an interruption was logged
	busy   atomic.Int32 // handlers that run

	lookEvery, stuckAfter time.Duration
}

// work runs the workers, and who looks after the consumer, until ctx ends or one of them fails.
func (r *reader[T]) work(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for range max(r.cfg.Concurrency, 1) {
		group.Go(func() error { return r.run(ctx) })
	}
	group.Go(func() error {
		r.unstick(ctx)
		return nil
	})
	return group.Wait()
}

// run is one worker: it makes its iterator anew whenever the old one fails.
func (r *reader[T]) run(ctx context.Context) error {
	log := r.topic.conn.log().With("stream", r.topic.cfg.Stream, "consumer", r.cfg.Durable)
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		n, err := r.iterate(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it failed because ctx ended, which is how this is stopped
		}
		if errors.Is(err, nats.ErrConnectionClosed) || !r.begun.Load() && hopeless(err) {
			return err
		}
		if !r.down.Swap(true) {
			log.Warn("consumer interrupted", "error", err)
		}
		if n > 0 {
			wait = firstWait
		}
		sleep(ctx, wait)
	}
}

// hopeless tells a wrong declaration from a server that is away.
func hopeless(err error) bool {
	api := (*jetstream.APIError)(nil)
	return errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrInvalidConsumerName) ||
		errors.As(err, &api) && api.Code >= 400 && api.Code < 500
}

// iterate handles messages until the iterator fails, and returns how often.
func (r *reader[T]) iterate(ctx context.Context) (n int, err error) {
	consumer, err := r.create(ctx)
	if err != nil {
		return 0, err
	}
	r.begun.Store(true)
	// A message is asked for when there is a handler for it, never ahead: waiting here would use up its AckWait.
	for msgs, err := range ordered.Pull(ctx, r.topic.conn.nc, consumer, r.most) {
		if err != nil {
			return n, err
		}
		n++
		if r.down.Swap(false) {
			r.topic.conn.log().Info("consumer resumed", "stream", r.topic.cfg.Stream, "consumer", r.cfg.Durable)
		}
		r.deliver(ctx, msgs)
	}
	return n, nil
}

// create declares the consumer. The server counts no deliveries for us: at its own limit a message stays in the stream
// and nobody is told.
func (r *reader[T]) create(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	return r.topic.conn.js.CreateOrUpdateConsumer(ctx, r.topic.cfg.Stream, jetstream.ConsumerConfig{
		Durable:       r.cfg.Durable,
		FilterSubject: r.cfg.Filter,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       r.cfg.AckWait,
		MaxDeliver:    -1,
		MaxAckPending: r.cfg.MaxPending,
	})
}

// deliver sees messages to their end.
func (r *reader[T]) deliver(ctx context.Context, msgs []jetstream.Msg) {
	var deliveries []*delivery
	var messages []Message[T]
	for _, msg := range msgs {
		if d, v, ok := r.open(ctx, msg); ok {
			deliveries, messages = append(deliveries, d), append(messages, Message[T]{v, d.meta})
		}
	}
	if len(messages) == 0 {
		return
	}
	r.busy.Add(1)
	defer r.busy.Add(-1)
	stop := keepAlive(deliveries, r.cfg.AckWait/3)
	errs := r.handle(ctx, messages)
	stop()
	var settling sync.WaitGroup
	for i, d := range deliveries {
		settling.Go(func() { d.settle(ctx, errs[i]) })
	}
	settling.Wait()
}

// open reads a message. One that cannot be handled is given up.
func (r *reader[T]) open(ctx context.Context, msg jetstream.Msg) (d *delivery, v T, ok bool) {
	d, err := newDelivery(r.topic.conn, r.topic.cfg.Stream, r.cfg, msg)
	if err != nil {
		r.topic.conn.log().Error("message without metadata", "subject", msg.Subject(), "error", err)
		return nil, v, false
	}
	if err := json.Unmarshal(msg.Data(), &v); err != nil {
		d.bury(ctx, fmt.Sprintf("not readable: %v", err))
		return nil, v, false
	}
	if r.cfg.MaxDeliver > 0 && d.meta.Deliveries > r.cfg.MaxDeliver {
		// Its handlers never returned: the process died under each of them.
		d.bury(ctx, fmt.Sprintf("not finished in %d deliveries", d.meta.Deliveries-1))
		return nil, v, false
	}
	return d, v, true
}

// delivery is one delivery of one message.
type delivery struct {
	conn   *Conn
	stream string
	cfg    Consumer
	msg    jetstream.Msg
	meta   Meta
}

func newDelivery(c *Conn, stream string, cfg Consumer, msg jetstream.Msg) (*delivery, error) {
	m, err := msg.Metadata()
	if err != nil {
		return nil, err
	}
	return &delivery{conn: c, stream: stream, cfg: cfg, msg: msg, meta: Meta{
		ID:         cmp.Or(msg.Headers().Get(HeaderID), msg.Headers().Get(nats.MsgIdHdr)),
		Seq:        m.Sequence.Stream,
		Deliveries: int(m.NumDelivered),
		Published:  m.Timestamp,
	}}, nil
}

// keepAlive tells the server now and then that the messages' handler runs, until stop.
func keepAlive(deliveries []*delivery, every time.Duration) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				for _, d := range deliveries {
					_ = d.msg.InProgress() // the next one is soon; without the server none of them matters
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}

// settle is the one place where a handler's answer becomes an acknowledgement.
func (d *delivery) settle(ctx context.Context, err error) {
	retry := (*retryError)(nil)
	switch {
	case err == nil:
		d.acknowledge(ctx)
	case errors.Is(err, ErrDrop):
		d.answered("drop", d.msg.TermWithReason(oneLine(err.Error())))
	case errors.Is(err, ErrBury):
		d.bury(ctx, err.Error())
	case ctx.Err() != nil:
		// The handler was interrupted; that is no failure of the message, and the next process should have it soon.
		d.answered("give back", d.msg.NakWithDelay(firstRetry))
	case d.cfg.MaxDeliver > 0 && d.meta.Deliveries >= d.cfg.MaxDeliver:
		d.bury(ctx, err.Error())
	case errors.As(err, &retry) && retry.after > 0:
		// The handler knows why it waits, and has said so if it is worth saying.
		d.log().Debug("message waits, will be delivered again", "after", retry.after, "reason", err)
		d.answered("retry", d.msg.NakWithDelay(retry.after))
	default:
		d.again(backOff(d.meta.Deliveries), err)
	}
}

// backOff is how long a message waits after its n-th delivery failed.
func backOff(n int) time.Duration {
	if n > 6 {
		return lastRetry
	}
	return min(firstRetry<<max(n-1, 0), lastRetry)
}

func (d *delivery) again(after time.Duration, err error) {
	d.log().Warn("message failed, will be delivered again", "after", after, "error", err)
	d.answered("retry", d.msg.NakWithDelay(after))
}

// acknowledge waits until the server has the acknowledgement, also when the program is ending.
func (d *delivery) acknowledge(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), apiTimeout)
	defer cancel()
	d.answered("acknowledge", d.msg.DoubleAck(ctx))
}

// answered logs an answer that did not reach the server: the message will come again.
func (d *delivery) answered(what string, err error) {
	if err != nil {
		d.log().Warn("message may be delivered again", "answer", what, "error", err)
	}
}

// bury moves the message to the dead-letter queue. Where that fails it stays, to be tried again.
func (d *delivery) bury(ctx context.Context, reason string) {
	msg := &nats.Msg{
		Subject: dlqPrefix + d.stream + "." + d.cfg.Durable,
		Data:    d.msg.Data(),
		Header: nats.Header{
			HeaderSubject:    {d.msg.Subject()},
			HeaderID:         {d.meta.ID},
			HeaderReason:     {oneLine(reason)},
			HeaderDeliveries: {strconv.Itoa(d.meta.Deliveries)},
		},
	}
	ctx, cancel := context.WithTimeout(ctx, d.cfg.AckWait/2)
	defer cancel()
	id := fmt.Sprintf("%s/%s/%d", d.stream, d.cfg.Durable, d.meta.Seq)
	if err := d.conn.publish(ctx, DLQ, id, msg); err != nil {
		d.again(backOff(d.meta.Deliveries), fmt.Errorf("bury message (%s): %w", reason, err))
		return
	}
	d.log().Error("message moved to the dead-letter queue", "reason", reason)
	d.answered("bury", d.msg.TermWithReason("moved to the dead-letter queue"))
}

func (d *delivery) log() *slog.Logger {
	return d.conn.log().With("stream", d.stream, "consumer", d.cfg.Durable, "id", d.meta.ID, "deliveries", d.meta.Deliveries)
}

// oneLine makes a text fit for a header.
func oneLine(s string) string {
	const most = 512
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "")
}
