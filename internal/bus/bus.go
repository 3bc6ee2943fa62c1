// Package bus is the one place where streams, buckets and consumers on NATS JetStream are declared, and where messages
// are published, acknowledged, retried and buried. It is not a NATS client for everybody: what travels is JSON in a
// Topic, a KV or a request, and only the log of fragments speaks JetStream by itself. It imports the NATS client and
// internal/ordered.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// apiTimeout bounds one request to the server; what matters is tried again.
	apiTimeout = 5 * time.Second
	// reconnectWait is the pause before a lost server is dialled again, reconnectJitter what is added by chance so
	// that the roles of a house do not come back in step.
	reconnectWait   = 500 * time.Millisecond
	reconnectJitter = 500 * time.Millisecond
)

// Options say how to reach an existing NATS.
type Options struct {
	// CredsFile is a NATS credentials file (JWT and seed); empty uses none, or what the URL holds.
	CredsFile string
	// Log takes lost and restored connections and messages that fail. Nil discards them.
	Log *slog.Logger
}

// Conn is a connection to the bus.
type Conn struct {
	// Log takes what a Topic has to say: messages that fail, consumers that are interrupted. Nil discards it. It is
	// set before the first use.
	Log *slog.Logger

	// Healthy is a context that ends when the server can store nothing any more, its cause being the reason. Publishing
	// then fails with ErrStorage at once, where the server itself would not answer. Nil: that is not known. It is set
	// before the first use.
	Healthy func() context.Context

	nc *nats.Conn
	js jetstream.JetStream

	batching sync.Mutex
	batchers map[string]*batcher // by stream
}

// New makes a Conn of an open connection, which stays the caller's to close.
func New(nc *nats.Conn) (*Conn, error) {
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(apiTimeout))
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	c := &Conn{nc: nc}
	c.js = guarded{js, c}
	return c, nil
}

// Connect dials an existing NATS, again and again until it answers or ctx ends. A connection that is lost later comes
// back by itself. Close ends it.
func Connect(ctx context.Context, address string, o Options) (*Conn, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	opts := []nats.Option{
		nats.Name("vigil"),
		nats.RetryOnFailedConnect(true),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectJitter, reconnectJitter),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("NATS connection lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			o.Log.Info("NATS connection restored", "server", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			o.Log.Warn("NATS connection", "error", err)
		}),
	}
	if o.CredsFile != "" {
		if _, err := os.Stat(o.CredsFile); err != nil {
			return nil, fmt.Errorf("NATS credentials: %w", err)
		}
		opts = append(opts, nats.UserCredentials(o.CredsFile))
	}
	nc, err := nats.Connect(address, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS at %s: %w", redact(address), err)
	}
	if err := connected(ctx, nc); err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to NATS at %s: %w", redact(address), err)
	}
	c, err := New(nc)
	if err != nil {
		nc.Close()
		return nil, err
	}
	c.Log = o.Log
	return c, nil
}

// connected waits for the first connection.
func connected(ctx context.Context, nc *nats.Conn) error {
	status := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer nc.RemoveStatusListener(status)
	for !nc.IsConnected() {
		if nc.IsClosed() { // credentials that are refused twice are not tried again
			return errors.Join(nats.ErrConnectionClosed, nc.LastError())
		}
		select {
		case <-status:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), nc.LastError())
		}
	}
	return nil
}

// redact returns the address without user and password.
func redact(address string) string {
	servers := strings.Split(address, ",")
	for i, s := range servers {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil {
			return "an address that is no URL"
		}
		u.User = nil
		servers[i] = u.String()
	}
	return strings.Join(servers, ",")
}

// JetStream is for the log of fragments and for leases, which speak it by themselves.
func (c *Conn) JetStream() jetstream.JetStream { return c.js }

// Close ends the connection, also one that was given to New.
func (c *Conn) Close() { c.nc.Close() }

// Connected says whether the server is reached now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

func (c *Conn) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

// patiently does something until the server answers, or ctx ends: one that is killed while a role starts must not end the
// start, as one that is not there yet does not.
func (c *Conn) patiently(ctx context.Context, do func() error) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		err := do()
		api := (*jetstream.APIError)(nil)
		starting := errors.As(err, &api) && api.Code == http.StatusServiceUnavailable && !errors.Is(err, jetstream.ErrJetStreamNotEnabled)
		if err == nil || ctx.Err() != nil || !away(err) && !starting {
			return err
		}
		c.log().Warn("the bus does not answer, asking again", "error", err)
		sleep(ctx, wait)
	}
}

// sleep waits for about d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
