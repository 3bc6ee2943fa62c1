package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"
)

// noteTimeout bounds the noting of an attempt.
const noteTimeout = 5 * time.Second

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

// Sender delivers to one endpoint. It may be used by several goroutines.
type Sender struct {
	// Now and Random can be replaced before the first delivery.
	Now    func() time.Time
	Random func() float64 // in [0, 1), for the jitter
	// First, unless nil, is told of each delivery's first attempt when it begins.
	First func(d Delivery, at time.Time)

	endpoint string
	url      string
	format   Format
	sign     sign // keeps the key out of what can be printed
	client   *http.Client
	ledger   Ledger
	log      *slog.Logger
}

// New checks the endpoint and makes its sender.
func New(e Endpoint, ledger Ledger, log *slog.Logger) (*Sender, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	signer, err := e.signer()
	if err != nil {
		return nil, err
	}
	return &Sender{
		Now: time.Now, Random: rand.Float64,
		endpoint: e.ID, url: e.URL, format: e.Format, client: client(e.AllowPrivate), ledger: ledger, log: log.With("endpoint", e.ID),
		sign: signer,
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
	standing, err := s.ledger.Standing(ctx, s.endpoint)
	if err != nil {
		return fmt.Errorf("look up endpoint %s: %w", s.endpoint, err)
	}
	if standing.Disabled(s.url) {
		return &DeadError{Reason: "the endpoint has answered 410 Gone and takes nothing any more"}
	}
	rec, err := s.ledger.Get(ctx, d.Key())
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return fmt.Errorf("look up %s: %w", d.Key(), err)
	}
	if rec.Delivered {
		return nil
	}
	if wait := rec.Next.Sub(s.now()); wait > 0 && !standing.excuses(rec) && !setBack(rec.Updated, s.now()) {
		return &LaterError{After: wait, Reason: rec.Reason}
	}
	if err := s.admit(ctx, d, rec, standing); err != nil {
		return err
	}
	begun := s.now()
	if s.First != nil && rec.Attempts == 0 && rec.Begun.IsZero() {
		s.First(d, begun)
	}
	result := s.attempt(ctx, d)
	if err := ctx.Err(); err != nil && result.Outcome != Delivered {
		return fmt.Errorf("deliver %s: %w", d.Key(), err) // our end, not the receiver's failure
	}
	rec.Type = d.Type
	now := s.now()
	rec = rec.note(Attempt{At: now, Took: now.Sub(begun), Status: result.Status, Reason: result.Reason})
	return s.conclude(ctx, d, rec, result, standing)
}

// admit keeps a delivery back while its endpoint is not to be asked. Of those that wait for one that is only probed, one
// at a time is let through.
func (s *Sender) admit(ctx context.Context, d Delivery, rec Record, standing Standing) error {
	now := s.now()
	waited := now.Sub(latest(d.Created, rec.Begun))
	isFresh := rec.Attempts == 0 && waited < fresh
	wait := standing.wait(now, isFresh)
	if wait <= 0 && standing.Probed() {
		mine, err := s.claim(ctx, now, isFresh)
		if err != nil || mine {
			return err
		}
		wait = probing
		if isFresh {
			wait = freshProbe
		}
	}
	if wait <= 0 {
		return nil
	}
	if waited > longest {
		return &DeadError{Reason: fmt.Sprintf("the endpoint was away for %s, the last: %s", waited.Round(time.Hour), standing.Reason)}
	}
	spread := time.Duration(s.Random() * float64(time.Second))
	return &LaterError{After: wait + spread, Reason: "the endpoint is away: " + standing.Reason}
}

// claim takes the right to probe the endpoint, which one of all senders gets.
func (s *Sender) claim(ctx context.Context, now time.Time, isFresh bool) (mine bool, err error) {
	err = s.ledger.Amend(ctx, s.endpoint, func(st Standing) Standing {
		mine = st.wait(now, isFresh) <= 0
		if mine && st.Probed() {
			st.Next, st.Last = now.Add(probing), now
		}
		return st
	})
	if err != nil {
		return false, fmt.Errorf("probe endpoint %s: %w", s.endpoint, err)
	}
	return mine, nil
}

// conclude records the attempt, which began when the endpoint was in that standing, and says what follows.
func (s *Sender) conclude(ctx context.Context, d Delivery, rec Record, r Result, standing Standing) error {
	log := s.log.With("event", d.ID, "attempt", rec.Attempts, "status", r.Status)
	wait, more := Next(rec.Attempts, r.After, s.Random())
	rec.Next = rec.Updated.Add(wait)
	rec.Delivered = r.Outcome == Delivered
	rec.GivenUp = r.Outcome == Gone || r.Outcome == Retry && !more
	// An attempt that was made is noted even when the program is ending.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTimeout)
	defer cancel()
	if err := s.ledger.Put(noting, d.Key(), rec); err != nil {
		// What the receiver said stands. At worst an attempt is not counted.
		log.Warn("record webhook attempt", "error", err)
	}
	if standing.tells(r, rec.Updated) {
		if err := s.judge(noting, r, rec.Updated); err != nil && r.Outcome == Gone {
			return err
		} else if err != nil {
			log.Warn("record how the endpoint is doing", "error", err)
		}
	}
	switch {
	case r.Outcome == Delivered:
		log.Info("webhook delivered", "after", rec.Updated.Sub(d.Created).Round(time.Millisecond))
		return nil
	case r.Outcome == Gone:
		return &DeadError{Reason: r.Reason}
	case !more:
		return &DeadError{Reason: fmt.Sprintf("%d attempts, the last: %s", rec.Attempts, r.Reason)}
	default:
		log.Warn("webhook not delivered, will be tried again", "after", wait.Round(time.Second), "reason", r.Reason)
		return &LaterError{After: wait, Reason: fmt.Sprintf("attempt %d: %s", rec.Attempts, r.Reason)}
	}
}

// judge brings the endpoint's standing up to date, and says loudly when it changes for the worse.
func (s *Sender) judge(ctx context.Context, r Result, now time.Time) error {
	var before, after Standing
	random := s.Random()
	err := s.ledger.Amend(ctx, s.endpoint, func(st Standing) Standing {
		before, after = st, st.after(r, digest(s.url), now, random)
		return after
	})
	switch {
	case err != nil:
		return fmt.Errorf("note how endpoint %s is doing: %w", s.endpoint, err)
	case r.Outcome == Gone:
		s.log.Error("endpoint disabled: it answered 410 Gone; give it another url, or enable it, to use it again")
	case !before.Probed() && after.Probed():
		s.log.Error("endpoint is away: it is probed, and its deliveries wait", "since", after.Since, "reason", r.Reason)
	case before.Probed() && !after.Probed():
		s.log.Info("endpoint is back: its deliveries go on", "away", now.Sub(before.Since).Round(time.Second))
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
