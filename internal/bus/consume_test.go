package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

// consume runs a consumer until the test ends or stop is called, which fails the test unless Consume returns nil.
func consume(
	t *testing.T, topic *bus.Topic[note], cfg bus.Consumer, handle func(context.Context, note, bus.Meta) error,
) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	if cfg.Durable == "" {
		cfg.Durable = "test"
	}
	go func() { done <- topic.Consume(ctx, cfg, handle) }()
	var stopped atomic.Bool
	stop = func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		if err := receive(t, "consume to end", done); err != nil {
			t.Errorf("consume: got %v, want nil when ctx ends", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// settled waits until the consumer has nothing left to do.
func settled(t *testing.T, c *bus.Conn) {
	t.Helper()
	eventually(t, "every message to be settled", func() bool {
		consumer, err := c.JetStream().Consumer(t.Context(), bus.Sightings, "test")
		if err != nil {
			return false
		}
		info := consumer.CachedInfo()
		return info.NumAckPending == 0 && info.NumPending == 0 && info.Delivered.Consumer > 0 &&
			info.AckFloor.Consumer == info.Delivered.Consumer
	})
}

func TestConsume(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := natsdtest.Start(t, natsd.Config{})
	c := open(t, b)
	if err := c.Declare(t.Context(), bus.Limits{}); err != nil {
		t.Fatal(err)
	}
	topic := newTopic(c)
	begin := time.Now()
	publish(t, topic, note{"door", "1"}, note{"door", "2"})
	type seen struct {
		note
		bus.Meta
	}
	got := make(chan seen, 2)
	stop := consume(t, topic, bus.Consumer{}, func(_ context.Context, n note, m bus.Meta) error {
		got <- seen{n, m}
		return nil
	})
	for i := range 2 {
		s := receive(t, "a message", got)
		if id := fmt.Sprint(i + 1); s.note.ID != id || s.Meta.ID != id || s.Seq != uint64(i+1) || s.Deliveries != 1 {
			t.Errorf("got %+v, want message %s, first delivery", s, id)
		}
		if d := s.Published.Sub(begin); d < -time.Second || d > patience {
			t.Errorf("got published %s after the start", d)
		}
	}
	settled(t, c)
	stop()
	c.Close()
	b.Stop()
}

func TestFailedMessagesComeAgain(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "plain"}, note{"door", "after"})
	done := make(chan string, 4)
	consume(t, topic, bus.Consumer{}, func(_ context.Context, n note, m bus.Meta) error {
		if m.Deliveries == 2 {
			done <- n.ID
			return nil
		}
		err := errors.New("not yet")
		if n.ID == "after" {
			return fmt.Errorf("wrapped: %w", bus.RetryAfter(20*time.Millisecond, err))
		}
		return err
	})
	if got := receive(t, "the retry", done); got != "after" {
		t.Errorf("got %s first, want the one that asked for 20 ms", got)
	}
	if got := receive(t, "the retry", done); got != "plain" {
		t.Errorf("got %s, want plain", got)
	}
	settled(t, c)
}

func TestDroppedMessagesEnd(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"})
	var calls atomic.Int32
	consume(t, topic, bus.Consumer{MaxDeliver: 3}, func(context.Context, note, bus.Meta) error {
		calls.Add(1)
		return fmt.Errorf("camera is gone: %w", bus.ErrDrop)
	})
	settled(t, c)
	if got := calls.Load(); got != 1 {
		t.Errorf("got %d deliveries, want 1", got)
	}
	if got := stream(t, c, bus.DLQ).State.Msgs; got != 0 {
		t.Errorf("got %d messages in the dead-letter queue, want none", got)
	}
}

func TestDeadLetters(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "bad"}, note{"door", "good"})
	if _, err := c.JetStream().Publish(t.Context(), "vigil.sightings.porch", []byte("{no json")); err != nil {
		t.Fatal(err)
	}
	good := make(chan struct{}, 1)
	consume(t, topic, bus.Consumer{MaxDeliver: 2}, func(_ context.Context, n note, _ bus.Meta) error {
		if n.ID == "good" {
			good <- struct{}{}
			return nil
		}
		return bus.RetryAfter(time.Millisecond, errors.New("no disk\r\nInjected: yes"))
	})
	receive(t, "the good message", good)
	settled(t, c)
	dlq, err := c.JetStream().Stream(t.Context(), bus.DLQ)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*jetstream.RawStreamMsg{}
	for seq := range dlq.CachedInfo().State.LastSeq {
		m, err := dlq.GetMsg(t.Context(), seq+1)
		if err != nil {
			t.Fatal(err)
		}
		found[m.Header.Get(bus.HeaderSubject)] = m
	}
	bad, broken := found["vigil.sightings.door"], found["vigil.sightings.porch"]
	if len(found) != 2 || bad == nil || broken == nil {
		t.Fatalf("got %v, want the one that failed and the one that is no JSON", found)
	}
	if bad.Subject != "vigil.dlq.SIGHTINGS.test" || string(bad.Data) != `{"camera":"door","id":"bad"}` ||
		bad.Header.Get(bus.HeaderID) != "bad" || bad.Header.Get(bus.HeaderDeliveries) != "2" ||
		bad.Header.Get(bus.HeaderReason) != "no disk Injected: yes" {
		t.Errorf("got %s %v %s", bad.Subject, bad.Header, bad.Data)
	}
	if broken.Header.Get(bus.HeaderDeliveries) != "1" || !strings.Contains(broken.Header.Get(bus.HeaderReason), "not readable") {
		t.Errorf("got %v, want it at once, as not readable", broken.Header)
	}
}

func TestMessageThatKillsItsProcessIsBuried(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"})
	// Two processes took it and died: to the server they look like this.
	raw, err := c.JetStream().CreateConsumer(t.Context(), bus.Sightings, jetstream.ConsumerConfig{
		Durable: "test", AckPolicy: jetstream.AckExplicitPolicy,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m, err := raw.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Nak(); err != nil {
			t.Fatal(err)
		}
	}
	consume(t, topic, bus.Consumer{MaxDeliver: 2}, func(context.Context, note, bus.Meta) error {
		t.Error("the message was handled a third time")
		return nil
	})
	settled(t, c)
	if got := stream(t, c, bus.DLQ).State.Msgs; got != 1 {
		t.Errorf("got %d messages in the dead-letter queue, want 1", got)
	}
}

func TestLongHandlersKeepTheirMessage(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"})
	const ackWait = 300 * time.Millisecond
	var calls atomic.Int32
	consume(t, topic, bus.Consumer{AckWait: ackWait, Concurrency: 2}, func(context.Context, note, bus.Meta) error {
		calls.Add(1)
		<-time.After(4 * ackWait) // the server's clock has to pass, there is nothing else to wait for
		return nil
	})
	settled(t, c)
	if got := calls.Load(); got != 1 {
		t.Errorf("got %d deliveries, want 1", got)
	}
}

func TestConcurrency(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	const n = 4
	for i := range 2 * n {
		publish(t, topic, note{"door", fmt.Sprint(i)})
	}
	entered, leave := make(chan struct{}, 2*n), make(chan struct{})
	var running, most atomic.Int32
	consume(t, topic, bus.Consumer{Concurrency: n}, func(context.Context, note, bus.Meta) error {
		if r := running.Add(1); r > most.Load() {
			most.Store(r)
		}
		defer running.Add(-1)
		entered <- struct{}{}
		<-leave
		return nil
	})
	for range n {
		receive(t, "a handler", entered)
	}
	consumer, err := c.JetStream().Consumer(t.Context(), bus.Sightings, "test")
	if err != nil {
		t.Fatal(err)
	}
	if got := consumer.CachedInfo().NumAckPending; got != n {
		t.Errorf("got %d messages taken, want one for each of %d handlers", got, n)
	}
	close(leave)
	settled(t, c)
	if got := most.Load(); got != n {
		t.Errorf("got %d handlers at once, want %d", got, n)
	}
}

func TestFilter(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"}, note{"porch", "2"})
	got := make(chan string, 2)
	consume(t, topic, bus.Consumer{Filter: "vigil.sightings.porch"}, func(_ context.Context, n note, _ bus.Meta) error {
		got <- n.ID
		return nil
	})
	if id := receive(t, "a message", got); id != "2" {
		t.Errorf("got %s, want 2", id)
	}
	settled(t, c)
}

func TestConsumeOutlivesARestart(t *testing.T) {
	c, b := declared(t)
	topic := newTopic(c)
	got := make(chan string, 8)
	consume(t, topic, bus.Consumer{Concurrency: 2}, func(_ context.Context, n note, _ bus.Meta) error {
		got <- n.ID
		return nil
	})
	for i := range 3 {
		id := fmt.Sprint(i)
		publish(t, topic, note{"door", id})
		if seen := receive(t, "message "+id, got); seen != id {
			t.Errorf("got %s, want %s", seen, id)
		}
		settled(t, c)
		b.Stop()
		b.Start(t)
	}
}

func TestInterruptedHandlerGivesItsMessageBack(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"})
	entered := make(chan struct{}, 1)
	stop := consume(t, topic, bus.Consumer{MaxDeliver: 1}, func(ctx context.Context, _ note, _ bus.Meta) error {
		entered <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	receive(t, "the handler", entered)
	stop()
	if got := stream(t, c, bus.DLQ).State.Msgs; got != 0 {
		t.Errorf("got %d messages in the dead-letter queue, want none: stopping is no failure", got)
	}
	again := make(chan int, 1)
	consume(t, topic, bus.Consumer{MaxDeliver: 5}, func(_ context.Context, _ note, m bus.Meta) error {
		again <- m.Deliveries
		return nil
	})
	if got := receive(t, "the message", again); got != 2 {
		t.Errorf("got delivery %d, want 2", got)
	}
}

func TestConsumeThatCannotBegin(t *testing.T) {
	c := open(t, natsdtest.Start(t, natsd.Config{}))
	handle := func(context.Context, note, bus.Meta) error { return nil }
	err := newTopic(c).Consume(t.Context(), bus.Consumer{Durable: "test"}, handle)
	if !errors.Is(err, jetstream.ErrStreamNotFound) || !strings.Contains(err.Error(), bus.Sightings) {
		t.Errorf("got %v, want %v with the stream's name", err, jetstream.ErrStreamNotFound)
	}
	if err := c.Declare(t.Context(), bus.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := newTopic(c).Consume(t.Context(), bus.Consumer{Durable: "a.b"}, handle); err == nil {
		t.Error("got no error for a name that the server does not take")
	}
}
