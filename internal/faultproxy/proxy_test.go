package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers every connection with what it sends, and returns its address.
func echo(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return l.Addr().String()
}

func start(t *testing.T) *Proxy {
	t.Helper()
	p, err := Listen(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange sends n bytes and returns what comes back.
func exchange(c net.Conn, n int) ([]byte, error) {
	sent := bytes.Repeat([]byte{7}, n)
	go func() { _, _ = c.Write(sent) }()
	got := make([]byte, n)
	_, err := io.ReadFull(c, got)
	return got, err
}

func TestPasses(t *testing.T) {
	got, err := exchange(dial(t, start(t)), 100_000)
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte{7}, 100_000)) {
		t.Errorf("got %d bytes, %v, want those that were sent", len(got), err)
	}
}

func TestSilentHolds(t *testing.T) {
	p := start(t)
	c := dial(t, p)
	if _, err := exchange(c, 10); err != nil {
		t.Fatal(err)
	}
	p.Set(Silent)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if n, err := c.Read(got); err == nil {
		t.Errorf("got %q through silence", got[:n])
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	p.Set(None)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v, want what was held", got, err)
	}
}

func TestRefusedResets(t *testing.T) {
	p := start(t)
	c := dial(t, p)
	if _, err := exchange(c, 10); err != nil {
		t.Fatal(err)
	}
	p.Set(Refused)
	for _, c := range []net.Conn{c, dial(t, p)} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("got %v, want a reset", err)
		}
	}
	p.Set(None)
	if _, err := exchange(dial(t, p), 10); err != nil {
		t.Errorf("when it is over: %v", err)
	}
}

func TestSlow(t *testing.T) {
	p := start(t)
	p.Set(Slow)
	began := time.Now()
	if _, err := exchange(dial(t, p), 2*slowBytes); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*slowEvery {
		t.Errorf("took %v, want at least %v", took, 2*slowEvery)
	}
}

func TestDamaged(t *testing.T) {
	p := start(t)
	p.Set(Damaged)
	got, err := exchange(dial(t, p), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	// Both ways damage the same places, which makes them whole again, unless what arrived is cut differently: count
	// one way only.
	once := bytes.Repeat([]byte{7}, 10_000)
	damage(once[:3000], 0)
	damage(once[3000:], 3000)
	if n := bytes.Count(once, []byte{^byte(7)}); n != 10 {
		t.Errorf("got %d damaged bytes in 10,000, want 10", n)
	}
	if !bytes.Equal(got, bytes.Repeat([]byte{7}, 10_000)) {
		t.Error("damaged twice in the same places, got something else than what was sent")
	}
}

// TestTruncated breaks a connection off in the middle of what passes, and lets short ones through.
func TestTruncated(t *testing.T) {
	p := start(t)
	p.Set(Truncated)
	for size, whole := range map[int]bool{4 << 10: true, 256 << 10: false} {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = c.Write(bytes.Repeat([]byte("x"), size)) }()
		n, _ := io.ReadFull(c, make([]byte, size))
		if got := n == size; got != whole {
			t.Errorf("%d bytes: got %d of them, want all: %v", size, n, whole)
		}
		_ = c.Close()
	}
}
