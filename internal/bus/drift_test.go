package bus_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/bus"
)

func TestDrift(t *testing.T) {
	c, b := declared(t)
	limits := bus.Limits{Store: b.MaxStore()}
	want := func(what ...string) {
		t.Helper()
		got, err := c.Drift(t.Context(), limits)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(what) {
			t.Fatalf("got %q, want %d lines", got, len(what))
		}
		for i := range what {
			if !strings.Contains(got[i], what[i]) {
				t.Errorf("got %q, want %q in it", got[i], what[i])
			}
		}
	}
	want()
	changed := stream(t, c, bus.Outbox).Config
	changed.MaxAge = time.Hour
	if _, err := c.JetStream().UpdateStream(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	told := stream(t, c, "KV_"+bus.Told).Config
	told.MaxMsgsPerSubject = 5
	if _, err := c.JetStream().UpdateStream(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	want("stream OUTBOX: max_age is 1h0m0s, want 336h0m0s", "bucket told: history is 5, want 1")
	if err := c.JetStream().DeleteStream(t.Context(), bus.DLQ); err != nil {
		t.Fatal(err)
	}
	want("OUTBOX", "stream DLQ is not there", "told")
	if err := c.Declare(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	want()
	if _, err := c.JetStream().CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHERS", Subjects: []string{"others"}}); err != nil {
		t.Fatal(err)
	}
	want()
}

// TestStartOutlivesTheServer has the server killed while a role starts.
func TestStartOutlivesTheServer(t *testing.T) {
	c, b := declared(t)
	b.Stop()
	ended := make(chan error, 2)
	go func() { ended <- c.Declare(t.Context(), bus.Limits{Store: 1 << 30}) }()
	go func() {
		_, err := bus.OpenKV[note](t.Context(), c, bus.People)
		ended <- err
	}()
	b.Start(t)
	for range 2 {
		if err := receive(t, "the start", ended); err != nil {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	b.Stop()
	if _, err := bus.OpenKV[note](ctx, c, bus.People); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that it ends with its context", err)
	}
}
