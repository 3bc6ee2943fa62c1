package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

// noteTimeout bounds the noting of an attempt.
const noteTimeout = 5 * time.Second

// ErrNoRecord says that a Ledger holds nothing under the key: normal before the first attempt.
var ErrNoRecord = errors.New("no record")

// Record is what is kept of a delivery between its attempts, and after it was taken: then it says so to a copy that a
// crash left behind. Under an endpoint's own key it says that the endpoint is gone.
type Record struct {
	Attempts  int       `json:"attempts"`
	Next      time.Time `json:"next"` // no attempt before
	Delivered bool      `json:"delivered"`
	Gone      string    `json:"gone,omitempty"` // digest of the URL that wants no more; another URL under the same ID does
	Begun     time.Time `json:"begun,omitzero"` // when it was put back last; its schedule counts from there
	Status    int       `json:"status"`         // of the last attempt; 0 when there was no answer
	Reason    string    `json:"reason"`         // why the last attempt failed
	Updated   time.Time `json:"updated"`
}

// Ledger keeps records, so that a restart goes on with the schedule. Keys are of a-z, A-Z, 0-9, "-" and "_".
type Ledger interface {
	// Get returns ErrNoRecord when there is none.
	Get(ctx context.Context, key string) (Record, error)
	Put(ctx context.Context, key string, r Record) error
}

// LaterError says that a delivery has to wait. It is normal.
type LaterError struct {
	After  time.Duration
	Reason string
}

// Error implements error.
func (e *LaterError) Error() string { return fmt.Sprintf("again in %s: %s", e.After, e.Reason) }

// DeadError says that a delivery will not be attempted any more.
type DeadError struct{ Reason string }

// Error implements error.
func (e *DeadError) Error() string { return "given up: " + e.Reason }

// Restart begins the schedule of a delivery that was given up anew. One that was taken stays so.
func Restart(ctx context.Context, l Ledger, key string, now time.Time) error {
	rec, err := l.Get(ctx, key)
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return fmt.Errorf("look up %s: %w", key, err)
	}
	if rec.Delivered {
		return nil
	}
	rec.Attempts, rec.Next, rec.Begun, rec.Updated = 0, now, now, now
	if err := l.Put(ctx, key, rec); err != nil {
		return fmt.Errorf("restart %s: %w", key, err)
	}
	return nil
}

// Sender delivers to one endpoint. It may be used by several goroutines.
type Sender struct {
	// Now and Random can be replaced before the first delivery.
	Now    func() time.Time
	Random func() float64 // in [0, 1), for the jitter

	endpoint string
	url      string
	sign     func(id string, at time.Time, body []byte) string // keeps the key out of what can be printed
	client   *http.Client
	ledger   Ledger
	log      *slog.Logger
}

// New checks the endpoint and makes its sender.
func New(e Endpoint, ledger Ledger, log *slog.Logger) (*Sender, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	key, err := e.Secret.key()
	if err != nil {
		return nil, err
	}
	return &Sender{
		Now: time.Now, Random: rand.Float64,
		endpoint: e.ID, url: e.URL, client: client(e.AllowPrivate), ledger: ledger, log: log.With("endpoint", e.ID),
		sign: func(id string, at time.Time, body []byte) string { return signature(key, id, at, body) },
	}, nil
}

// Endpoint is the ID of the endpoint that the sender delivers to.
func (s *Sender) Endpoint() string { return s.endpoint }

// Close gives up idle connections.
func (s *Sender) Close() { s.client.CloseIdleConnections() }

func (s *Sender) now() time.Time { return s.Now() }

// Deliver makes the attempt that is due, if one is. Nil means that the receiver has taken the delivery, now or before;
// *LaterError that there is a next attempt; *DeadError that there is none; any other error that nothing could be
// looked up, and nothing was sent.
func (s *Sender) Deliver(ctx context.Context, d Delivery) error {
	if gone, err := s.gone(ctx); err != nil {
		return err
	} else if gone {
		return &DeadError{Reason: "the endpoint has answered 410 Gone and takes nothing any more"}
	}
	rec, err := s.record(ctx, d.Key())
	if err != nil {
		return err
	}
	if rec.Delivered {
		return nil
	}
	if wait := rec.Next.Sub(s.now()); wait > 0 {
		return &LaterError{After: wait, Reason: rec.Reason}
	}
	result := s.attempt(ctx, d)
	if err := ctx.Err(); err != nil && result.Outcome != Delivered {
		return fmt.Errorf("deliver %s: %w", d.Key(), err) // our end, not the receiver's failure
	}
	return s.conclude(ctx, d, rec, result)
}

// conclude records the attempt and says what follows.
func (s *Sender) conclude(ctx context.Context, d Delivery, rec Record, r Result) error {
	rec.Attempts++
	rec.Status, rec.Reason, rec.Updated = r.Status, r.Reason, s.now()
	log := s.log.With("event", d.ID, "attempt", rec.Attempts, "status", r.Status)
	wait, more := Next(rec.Attempts, r.After, s.Random())
	rec.Next = rec.Updated.Add(wait)
	rec.Delivered = r.Outcome == Delivered
	// An attempt that was made is noted even when the program is ending.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	if err := s.ledger.Put(noting, d.Key(), rec); err != nil {
		// What the receiver said stands. At worst an attempt is not counted.
		log.Warn("record webhook attempt", "error", err)
	}
	switch {
	case r.Outcome == Delivered:
		log.Info("webhook delivered", "after", rec.Updated.Sub(d.Created).Round(time.Millisecond))
		return nil
	case r.Outcome == Gone:
		return s.disable(ctx, r)
	case !more:
		return &DeadError{Reason: fmt.Sprintf("%d attempts, the last: %s", rec.Attempts, r.Reason)}
	default:
		log.Warn("webhook not delivered, will be tried again", "after", wait.Round(time.Second), "reason", r.Reason)
		return &LaterError{After: wait, Reason: fmt.Sprintf("attempt %d: %s", rec.Attempts, r.Reason)}
	}
}

// disable remembers that the endpoint's URL wants no more, and says so loudly.
func (s *Sender) disable(ctx context.Context, r Result) error {
	rec := Record{Gone: s.digest(), Status: r.Status, Reason: r.Reason, Updated: s.now()}
	if err := s.ledger.Put(ctx, s.endpoint, rec); err != nil {
		return fmt.Errorf("disable endpoint %s: %w", s.endpoint, err)
	}
	s.log.Error("endpoint disabled: it answered 410 Gone; give it another url, or enable it, to use it again")
	return &DeadError{Reason: r.Reason}
}

// Enable takes back that the endpoint is gone.
func (s *Sender) Enable(ctx context.Context) error {
	if err := s.ledger.Put(ctx, s.endpoint, Record{Updated: s.now()}); err != nil {
		return fmt.Errorf("enable endpoint %s: %w", s.endpoint, err)
	}
	return nil
}

func (s *Sender) gone(ctx context.Context) (bool, error) {
	rec, err := s.record(ctx, s.endpoint)
	return err == nil && rec.Gone == s.digest(), err
}

func (s *Sender) record(ctx context.Context, key string) (Record, error) {
	rec, err := s.ledger.Get(ctx, key)
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return Record{}, fmt.Errorf("look up %s: %w", key, err)
	}
	return rec, nil
}

func (s *Sender) digest() string {
	sum := sha256.Sum256([]byte(s.url))
	return hex.EncodeToString(sum[:8])
}
