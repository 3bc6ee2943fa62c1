package bus

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

// job is a message of a work queue.
type job struct{ ID string }

// queue is a work queue with one job that somebody has taken and will never answer, and a second one behind it, which the
// consumer may not deliver before that.
func queue(t *testing.T) *reader[job] {
	t.Helper()
	c, err := New(natsdtest.Start(t, natsd.Config{}).Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	if err := c.Declare(t.Context(), Limits{}); err != nil {
		t.Fatal(err)
	}
	topic := NewTopic(c, TopicConfig[job]{
		Stream: Outbox, Subject: func(job) string { return "vigil.outbox.home" }, ID: func(j job) string { return j.ID },
	})
	for _, id := range []string{"1", "2"} {
		if err := topic.Publish(t.Context(), job{id}); err != nil {
			t.Fatal(err)
		}
	}
	r := &reader[job]{
		topic: topic, cfg: Consumer{Durable: "test", AckWait: time.Hour, MaxPending: 1}, most: 1,
		lookEvery: 10 * time.Millisecond, stuckAfter: 100 * time.Millisecond,
	}
	consumer, err := r.create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consumer.Next(jetstream.FetchMaxWait(apiTimeout)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAStuckConsumerIsMadeAnew(t *testing.T) {
	r := queue(t)
	got := make(chan string, 2)
	r.handle = func(_ context.Context, messages []Message[job]) []error {
		got <- messages[0].Value.ID
		return make([]error, len(messages))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.work(ctx) }()
	for _, want := range []string{"1", "2"} {
		select {
		case id := <-got:
			if id != want {
				t.Errorf("got job %s, want %s", id, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("job %s never came", want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestABusyConsumerIsNotStuck: what a handler of this process has in hand is not given to another.
func TestABusyConsumerIsNotStuck(t *testing.T) {
	r := queue(t)
	r.busy.Add(1)
	ctx, cancel := context.WithTimeout(t.Context(), 5*r.stuckAfter)
	defer cancel()
	r.unstick(ctx)
	info, ok := r.look(t.Context())
	if !ok || info.Delivered.Consumer != 1 || info.NumAckPending != 1 {
		t.Errorf("got %+v, want the consumer as it was", info)
	}
}
