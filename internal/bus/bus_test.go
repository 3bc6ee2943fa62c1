package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// note is what travels in these tests.
type note struct {
	Camera string `json:"camera"`
	ID     string `json:"id"`
}

func newTopic(c *bus.Conn) *bus.Topic[note] {
	return bus.NewTopic(c, bus.TopicConfig[note]{
		Stream:  bus.Sightings,
		Subject: func(n note) string { return "vigil.sightings." + n.Camera },
		ID:      func(n note) string { return n.ID },
	})
}

func open(t *testing.T, b *natsdtest.Broker) *bus.Conn {
	t.Helper()
	c, err := bus.New(b.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	return c
}

// declared returns a connection to a fresh server with everything declared.
func declared(t *testing.T) (*bus.Conn, *natsdtest.Broker) {
	t.Helper()
	b := natsdtest.Start(t, natsd.Config{})
	c := open(t, b)
	if err := c.Declare(t.Context(), bus.Limits{Store: b.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	return c, b
}

func publish(t *testing.T, topic *bus.Topic[note], notes ...note) {
	t.Helper()
	for _, n := range notes {
		if err := topic.Publish(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

func receive[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
		panic("unreachable")
	}
}

// eventually waits until f returns true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}

func stream(t *testing.T, c *bus.Conn, name string) *jetstream.StreamInfo {
	t.Helper()
	s, err := c.JetStream().Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo()
}

func TestConnect(t *testing.T) {
	s, err := natsd.Start(t.Context(), natsd.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c, err := bus.Connect(t.Context(), s.URL(), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Declare(t.Context(), bus.Limits{}); err != nil {
		t.Fatal(err)
	}
}

func TestConnectWaitsForTheServer(t *testing.T) {
	dir := t.TempDir()
	s, err := natsd.Start(t.Context(), natsd.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	url := s.URL()
	s.Close()
	connected := make(chan error, 1)
	go func() {
		c, err := bus.Connect(t.Context(), url, bus.Options{})
		if err == nil {
			c.Close()
		}
		connected <- err
	}()
	s, err = natsd.Start(t.Context(), natsd.Config{Dir: dir, Listen: strings.TrimPrefix(url, "nats://")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := receive(t, "the connection", connected); err != nil {
		t.Error(err)
	}
}

func TestConnectErrors(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := bus.Connect(ctx, "nats://user:geheim@127.0.0.1:1", bus.Options{})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("got %v, want the address without the password", err)
	}
	missing := filepath.Join(t.TempDir(), "nats.creds")
	_, err = bus.Connect(t.Context(), "nats://127.0.0.1:1", bus.Options{CredsFile: missing})
	if err == nil || !strings.Contains(err.Error(), missing) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want it to name the missing file", err)
	}
}
