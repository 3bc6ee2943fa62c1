// Package natsdtest gives tests a NATS server of their own that can be restarted under the feet of its clients. It
// imports internal/natsd and the NATS client.
package natsdtest

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"vigil/internal/natsd"
)

// Broker is a NATS server in a temporary directory. Its clients connect in process and come back after a restart.
type Broker struct {
	config natsd.Config

	mu  sync.Mutex
	srv *natsd.Server
}

var _ nats.InProcessConnProvider = (*Broker)(nil)

// Start starts a broker that stops with the test. Dir in config is filled in; the rest is the caller's.
func Start(t testing.TB, config natsd.Config) *Broker {
	t.Helper()
	config.Dir = t.TempDir()
	b := &Broker{config: config}
	b.Start(t)
	t.Cleanup(b.Stop)
	return b
}

// Start starts the server again after Stop, with what it had stored.
func (b *Broker) Start(t testing.TB) {
	t.Helper()
	srv, err := natsd.Start(context.WithoutCancel(t.Context()), b.config)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.srv = srv
}

// Stop stops the server and keeps its directory.
func (b *Broker) Stop() {
	b.mu.Lock()
	srv := b.srv
	b.srv = nil
	b.mu.Unlock()
	if srv != nil {
		srv.Close()
	}
}

// MaxStore is the running server's.
func (b *Broker) MaxStore() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.srv.MaxStore()
}

// SetMaxStore changes the size of the store from the next Start on.
func (b *Broker) SetMaxStore(n int64) { b.config.MaxStore = n }

// InProcessConn implements nats.InProcessConnProvider.
func (b *Broker) InProcessConn() (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.srv == nil {
		return nil, errors.New("the server is down")
	}
	return b.srv.InProcessConn()
}

// Connect opens a connection that is closed with the test and reconnects quickly.
func (b *Broker) Connect(t testing.TB) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(b), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}
