package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	"vigil/internal/bus"
	"vigil/internal/ordered"
)

// terms are what the ledger is started with.
type terms struct {
	Secret   string // of the webhooks
	NATS     string // URL
	Store    string // host:port of the S3 API
	Access   string
	Key      string
	VisitGap time.Duration
}

// The receiver's moods.
const (
	honest = iota
	lying  // takes the webhook and answers 500
	slow   // takes it, and answers after longer than a sender waits
)

const (
	// ownStream is the ledger's own, to see that what is acknowledged is stored once.
	ownStream    = "CHAOS"
	produceEvery = 40 * time.Millisecond
	slowAnswer   = 35 * time.Second
	maxHook      = 1 << 20
)

// ledger is the process that keeps the books. It knows nothing of the program but its webhooks, its streams and its
// objects.
type ledger struct {
	terms    terms
	verifier *standardwebhooks.Webhook
	conn     *bus.Conn
	mood     atomic.Int32

	mu       sync.Mutex
	bodies   map[string][]byte // by webhook-id, of the first delivery
	hooks    map[string]alerts.Event
	repeated int
	refused  []string
	live     map[string]map[string]bool // ids by stream, as they were stored
	produced map[string]bool
	checked  map[string]string // what is wrong with a clip, by key
}

// keep runs the ledger until ctx ends. It says its address in the first line.
func keep(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("ledger: want its terms as one argument")
	}
	l := &ledger{
		bodies: map[string][]byte{}, hooks: map[string]alerts.Event{}, live: map[string]map[string]bool{},
		produced: map[string]bool{}, checked: map[string]string{},
	}
	if err := json.Unmarshal([]byte(args[0]), &l.terms); err != nil {
		return fmt.Errorf("ledger: terms: %w", err)
	}
	var err error
	if l.verifier, err = standardwebhooks.NewWebhook(l.terms.Secret); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if l.conn, err = bus.Connect(ctx, l.terms.NATS, bus.Options{}); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	defer l.conn.Close()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if _, err := fmt.Fprintln(os.Stdout, listener.Addr()); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.serve(ctx, listener) })
	group.Go(func() error { return l.produce(ctx) })
	for _, stream := range []string{bus.Sightings, bus.Events} {
		group.Go(func() error { return l.follow(ctx, stream) })
	}
	return group.Wait()
}

func (l *ledger) serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /hook", l.hook)
	mux.HandleFunc("POST /mood", func(_ http.ResponseWriter, r *http.Request) {
		var mood int32
		_, _ = fmt.Fscan(r.Body, &mood) // the driver wrote it
		l.mood.Store(mood)
	})
	mux.HandleFunc("POST /balance", func(w http.ResponseWriter, r *http.Request) {
		var said struct {
			Faults []fault
			Passes []pass
		}
		err := json.NewDecoder(r.Body).Decode(&said)
		var b *balance
		if err == nil {
			b, err = l.balance(r.Context(), said.Faults, said.Passes)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(b) // the driver asks again
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// hook receives a webhook, as an owner's receiver does.
func (l *ledger) hook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		return // the connection was cut, on purpose
	}
	var event alerts.Event
	id := r.Header.Get("webhook-id")
	err = l.verifier.Verify(body, r.Header)
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err == nil && id != event.ID() {
		err = fmt.Errorf("webhook-id %s of event %s", id, event.ID())
	}
	l.note(id, body, event, err)
	if err != nil {
		http.Error(w, "no", http.StatusBadRequest)
		return
	}
	switch l.mood.Load() {
	case lying:
		http.Error(w, "no", http.StatusInternalServerError)
	case slow:
		_ = rest(r.Context(), slowAnswer)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (l *ledger) note(id string, body []byte, event alerts.Event, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, known := l.bodies[id]
	switch {
	case err != nil:
		l.refused = append(l.refused, fmt.Sprintf("%s: %v", id, err))
	case !known:
		l.bodies[id], l.hooks[id] = body, event
	case !bytes.Equal(before, body):
		l.refused = append(l.refused, id+": another body than before")
	default:
		l.repeated++
	}
}

// follow notes the id of whatever is stored in the stream, as soon as it is.
func (l *ledger) follow(ctx context.Context, stream string) error {
	for ctx.Err() == nil {
		for m, err := range ordered.Follow(ctx, l.conn.JetStream(), ordered.From{Stream: stream}) {
			if err != nil {
				break // it is not declared yet
			}
			l.mu.Lock()
			if l.live[stream] == nil {
				l.live[stream] = map[string]bool{}
			}
			l.live[stream][m.Headers().Get(nats.MsgIdHdr)] = true
			l.mu.Unlock()
		}
		_ = rest(ctx, 200*time.Millisecond)
	}
	return nil
}

// produce publishes messages of its own, each until it is acknowledged.
func (l *ledger) produce(ctx context.Context) error {
	js := l.conn.JetStream()
	for n := 0; ctx.Err() == nil; {
		if n == 0 {
			_, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
				Name: ownStream, Subjects: []string{"chaos.>"}, Storage: jetstream.FileStorage, MaxBytes: 16 << 20,
			})
			if err != nil {
				_ = rest(ctx, produceEvery)
				continue
			}
			n++
		}
		id := fmt.Sprintf("own-%06d", n)
		attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := js.PublishMsg(attempt, &nats.Msg{Subject: "chaos.own", Data: []byte(id)}, jetstream.WithMsgID(id), jetstream.WithRetryAttempts(0))
		cancel()
		if err == nil {
			l.mu.Lock()
			l.produced[id] = true
			l.mu.Unlock()
			n++
		}
		_ = rest(ctx, produceEvery)
	}
	return nil
}
