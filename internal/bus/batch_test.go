package bus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"vigil/internal/bus"
)

// together publishes notes at the same time, and returns the error of each.
func together(ctx context.Context, topic *bus.Topic[note], notes []note) []error {
	errs := make([]error, len(notes))
	var publishing sync.WaitGroup
	for i, n := range notes {
		publishing.Go(func() { errs[i] = topic.Publish(ctx, n) })
	}
	publishing.Wait()
	return errs
}

func many(n int) (notes []note) {
	for i := range n {
		notes = append(notes, note{"door", fmt.Sprint("n", i)})
	}
	return notes
}

// kept are the ids of a stream's messages, and how many came in a batch.
func kept(t *testing.T, c *bus.Conn) (ids []string, batched int) {
	t.Helper()
	s, err := c.JetStream().Stream(t.Context(), bus.Sightings)
	if err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq && info.State.Msgs > 0; seq++ {
		m, err := s.GetMsg(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, m.Header.Get("Nats-Msg-Id"))
		if m.Header.Get("Nats-Batch-Id") != "" {
			batched++
		}
	}
	slices.Sort(ids)
	return ids, batched
}

func TestManyArePublishedTogether(t *testing.T) {
	c, _ := declared(t)
	topic, notes := newTopic(c), many(500)
	for range 2 { // again: a batch with an id that is there is refused, and its messages are told apart by themselves
		if err := errors.Join(together(t.Context(), topic, notes)...); err != nil {
			t.Fatal(err)
		}
	}
	ids, batched := kept(t, c)
	if len(ids) != 500 || len(slices.Compact(ids)) != 500 {
		t.Errorf("got %d messages, want 500, each once", len(ids))
	}
	if batched < 250 {
		t.Errorf("got %d messages in batches", batched)
	}
	if got := tail(t, topic, bus.TailOptions{}); len(got) != 500 {
		t.Errorf("read %d messages", len(got))
	}
}

// TestStreamThatTakesNoBatches is one that was declared by somebody else.
func TestStreamThatTakesNoBatches(t *testing.T) {
	c, _ := declared(t)
	cfg := stream(t, c, bus.Sightings).Config
	cfg.AllowAtomicPublish = false
	if _, err := c.JetStream().UpdateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(together(t.Context(), newTopic(c), many(200))...); err != nil {
		t.Fatal(err)
	}
	if ids, batched := kept(t, c); len(ids) != 200 || batched != 0 {
		t.Errorf("got %d messages, %d of them in batches, want 200 and none", len(ids), batched)
	}
	if err := c.Declare(t.Context(), bus.Limits{}); err != nil {
		t.Fatal(err)
	}
	if !stream(t, c, bus.Sightings).Config.AllowAtomicPublish {
		t.Error("declaring the stream again does not let it take batches")
	}
}

// TestBatchToAFullStream: what has room is stored, and the others are told.
func TestBatchToAFullStream(t *testing.T) {
	c, _ := declared(t)
	full := stream(t, c, bus.Sightings).Config
	full.MaxMsgs, full.Discard = 50, 1 // new messages are refused
	if _, err := c.JetStream().UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, err := range together(t.Context(), newTopic(c), many(100)) {
		if errors.Is(err, bus.ErrFull) {
			refused++
		} else if err != nil {
			t.Error(err)
		}
	}
	if ids, _ := kept(t, c); len(ids) != 50 || refused != 50 {
		t.Errorf("got %d stored and %d refused, want 50 and 50", len(ids), refused)
	}
}

func TestBatchesWhileTheServerIsAway(t *testing.T) {
	c, b := declared(t)
	topic := newTopic(c)
	b.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	for _, err := range together(ctx, topic, many(40)) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	}
	cancel()
	published := make(chan error, 1)
	go func() { published <- errors.Join(together(t.Context(), topic, many(100))...) }()
	b.Start(t)
	if err := receive(t, "the publishes", published); err != nil {
		t.Fatal(err)
	}
	if ids, _ := kept(t, c); len(ids) != 100 {
		t.Errorf("got %d messages, want 100", len(ids))
	}
}
