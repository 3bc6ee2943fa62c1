package mediatest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"vigil/alerts"
)

// maxBody bounds a webhook's body, which is a few kilobytes (Standard Webhooks 1.0.0 asks for less than 20 kB).
const maxBody = 1 << 20

// Delivery is one webhook that arrived with a good signature.
type Delivery struct {
	ID       string // the webhook-id
	Event    alerts.Event
	Body     []byte // as it came
	Received time.Time
}

// Receiver is an endpoint for webhooks, as an owner would run one: it takes those whose signature the reference
// library accepts, answers 204, and keeps them in the order of their arrival. Others get 401, or 400 when the
// body is no event, and are counted.
type Receiver struct {
	secret *standardwebhooks.Webhook
	ln     net.Listener

	mu         sync.Mutex
	deliveries []Delivery
	refused    []error
	changed    chan struct{} // closed, and replaced, when something was added
}

// NewReceiver listens on a free port of this machine for webhooks that are signed with secret, "whsec_…".
func NewReceiver(secret string) (*Receiver, error) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, errors.New("webhook receiver: secret: want whsec_ and base64")
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("webhook receiver: %w", err)
	}
	return &Receiver{secret: verifier, ln: ln, changed: make(chan struct{})}, nil
}

// URL is the address to configure as the endpoint.
func (r *Receiver) URL() string { return "http://" + r.ln.Addr().String() + "/hook" }

// Run serves until ctx ends, and then returns nil. It may be called once.
func (r *Receiver) Run(ctx context.Context) error {
	srv := &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(r.ln); err != nil && ctx.Err() == nil {
		return fmt.Errorf("webhook receiver: %w", err)
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodPost {
		http.Error(w, "webhooks are POSTed", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxBody))
	if err != nil {
		r.refuse(fmt.Errorf("body: %w", err))
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	if err := r.secret.Verify(body, req.Header); err != nil {
		r.refuse(fmt.Errorf("signature: %w", err))
		http.Error(w, "bad signature", http.StatusUnauthorized)
		return
	}
	d := Delivery{ID: req.Header.Get(standardwebhooks.HeaderWebhookID), Body: body, Received: time.Now()}
	if err := json.Unmarshal(body, &d.Event); err != nil {
		r.refuse(fmt.Errorf("body: %w", err))
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.deliveries = append(r.deliveries, d)
	r.announce()
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

func (r *Receiver) refuse(err error) {
	r.mu.Lock()
	r.refused = append(r.refused, err)
	r.announce()
	r.mu.Unlock()
}

// announce wakes everybody who waits; the caller holds mu.
func (r *Receiver) announce() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// Deliveries returns what arrived so far, oldest first, repeated ones included.
func (r *Receiver) Deliveries() []Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.deliveries)
}

// Events returns the events that arrived so far, oldest first, each once: deliveries with the same webhook-id are
// repetitions.
func (r *Receiver) Events() []alerts.Event {
	seen := map[string]bool{}
	var events []alerts.Event
	for _, d := range r.Deliveries() {
		if !seen[d.ID] {
			seen[d.ID] = true
			events = append(events, d.Event)
		}
	}
	return events
}

// Refused returns why requests were refused so far.
func (r *Receiver) Refused() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.refused)
}

// Wait returns the first event that match accepts, of those that arrived and those that will. The error says what
// arrived instead when ctx ends first.
func (r *Receiver) Wait(ctx context.Context, match func(alerts.Event) bool) (alerts.Event, error) {
	for seen := 0; ; {
		r.mu.Lock()
		fresh, changed := r.deliveries[seen:], r.changed
		seen = len(r.deliveries)
		r.mu.Unlock()
		for _, d := range fresh {
			if match(d.Event) {
				return d.Event, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return alerts.Event{}, r.missing(ctx)
		}
	}
}

// missing explains a Wait that ended without its event.
func (r *Receiver) missing(ctx context.Context) error {
	types := []alerts.EventType{}
	for _, e := range r.Events() {
		types = append(types, e.Type)
	}
	refused := errors.Join(r.Refused()...)
	if refused == nil {
		return fmt.Errorf("wait for a webhook: got %v: %w", types, context.Cause(ctx))
	}
	return fmt.Errorf("wait for a webhook: got %v, refused: %w: %w", types, refused, context.Cause(ctx))
}

// OfType matches events of one type, for Wait.
func OfType(t alerts.EventType) func(alerts.Event) bool {
	return func(e alerts.Event) bool { return e.Type == t }
}
