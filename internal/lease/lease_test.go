package lease_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"vigil/internal/lease"
	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

const (
	ttl      = time.Second
	patience = 20 * time.Second
)

func bucket(t *testing.T, nc *nats.Conn, ttl time.Duration) jetstream.KeyValue {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "leases", TTL: ttl})
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// member is one process that wants the lease.
type member struct {
	active chan uint64 // the epoch, each time it holds the lease
	cancel context.CancelFunc
	done   chan error
}

// join starts a member. running counts those that hold the lease.
func join(t *testing.T, kv jetstream.KeyValue, name string, running *atomic.Int32) *member {
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{active: make(chan uint64, 8), cancel: cancel, done: make(chan error, 1)}
	go func() {
		m.done <- lease.Hold(ctx, kv, "alerts", name, slog.New(slog.NewTextHandler(t.Output(), nil)),
			func(ctx context.Context, epoch uint64) error {
				if n := running.Add(1); n != 1 {
					t.Errorf("%d members hold the lease", n)
				}
				defer running.Add(-1)
				m.active <- epoch
				<-ctx.Done()
				return ctx.Err()
			})
	}()
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { m.stop(t) }) })
	return m
}

func (m *member) stop(t *testing.T) {
	t.Helper()
	m.cancel()
	select {
	case err := <-m.done:
		if err != nil {
			t.Errorf("hold: got %v, want nil when ctx ends", err)
		}
		m.done <- nil
	case <-time.After(patience):
		t.Error("hold does not end with ctx")
	}
}

func (m *member) waitActive(t *testing.T) uint64 {
	t.Helper()
	select {
	case epoch := <-m.active:
		return epoch
	case <-time.After(patience):
		t.Fatal("the lease is not taken")
		return 0
	}
}

func TestHandoverOnStop(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := natsdtest.Start(t, natsd.Config{})
	nc := b.Connect(t)
	kv := bucket(t, nc, time.Hour) // nothing here may depend on the TTL
	var running atomic.Int32
	first := join(t, kv, "a", &running)
	epoch := first.waitActive(t)
	second := join(t, kv, "b", &running)
	select {
	case <-second.active:
		t.Fatal("two members hold the lease")
	case <-time.After(100 * time.Millisecond):
	}
	first.stop(t)
	if next := second.waitActive(t); next <= epoch {
		t.Errorf("got epoch %d after %d, want it to rise", next, epoch)
	}
	second.stop(t)
	nc.Close()
	b.Stop()
}

func TestHandoverOnDeath(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{})
	dying := b.Connect(t)
	kv := bucket(t, dying, ttl)
	var running atomic.Int32
	first := join(t, kv, "a", &running)
	epoch := first.waitActive(t)

	js, err := jetstream.New(b.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	other, err := js.KeyValue(t.Context(), "leases")
	if err != nil {
		t.Fatal(err)
	}
	second := join(t, other, "b", &running)
	dying.Close() // as death does: nothing is given back
	if next := second.waitActive(t); next <= epoch {
		t.Errorf("got epoch %d after %d, want it to rise", next, epoch)
	}
}

func TestLeaseIsKeptOverManyTTLs(t *testing.T) {
	kv := bucket(t, natsdtest.Start(t, natsd.Config{}).Connect(t), 300*time.Millisecond)
	var running atomic.Int32
	m := join(t, kv, "a", &running)
	m.waitActive(t)
	// Ten renewals, seen from outside.
	watcher, err := kv.Watch(t.Context(), "alerts", jetstream.UpdatesOnly())
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		select {
		case e := <-watcher.Updates():
			if e.Operation() != jetstream.KeyValuePut {
				t.Fatalf("got %s, want renewals only", e.Operation())
			}
		case <-time.After(patience):
			t.Fatal("the lease is not renewed")
		}
	}
	if len(m.active) != 0 {
		t.Error("the lease was lost on the way")
	}
}

func TestLostLeaseIsTakenAgain(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{})
	kv := bucket(t, b.Connect(t), ttl)
	var running atomic.Int32
	m := join(t, kv, "a", &running)
	epoch := m.waitActive(t)
	if _, err := kv.Put(t.Context(), "alerts", []byte("somebody else")); err != nil {
		t.Fatal(err)
	}
	if next := m.waitActive(t); next <= epoch {
		t.Errorf("got epoch %d after %d, want it to rise", next, epoch)
	}
}

func TestRunsErrorIsReturnedAndTheLeaseGivenBack(t *testing.T) {
	kv := bucket(t, natsdtest.Start(t, natsd.Config{}).Connect(t), time.Hour)
	want := errors.New("broken")
	for range 2 {
		err := lease.Hold(t.Context(), kv, "alerts", "a", slog.New(slog.DiscardHandler),
			func(context.Context, uint64) error { return want })
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	err := lease.Hold(t.Context(), kv, "alerts", "a", slog.New(slog.DiscardHandler),
		func(context.Context, uint64) error { return nil })
	if err != nil {
		t.Errorf("got %v, want nil as run returned", err)
	}
}

func TestBucketWithoutTTL(t *testing.T) {
	kv := bucket(t, natsdtest.Start(t, natsd.Config{}).Connect(t), 0)
	err := lease.Hold(t.Context(), kv, "alerts", "a", slog.New(slog.DiscardHandler),
		func(context.Context, uint64) error { return nil })
	if err == nil {
		t.Error("got no error for leases that never end")
	}
}
