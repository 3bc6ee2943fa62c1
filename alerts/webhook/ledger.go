package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vigil/alerts"
)

// maxLog is how many attempts a record tells of: all of a schedule, and the latest where it began anew.
const maxLog = 12

// ErrNoRecord says that a Ledger holds nothing under the key: normal before the first attempt.
var ErrNoRecord = errors.New("no record")

// Attempt is a line in a delivery's log.
type Attempt struct {
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
	Status int           `json:"status"`           // 0 when there was no answer
	Reason string        `json:"reason,omitempty"` // why it failed
}

// Record is what is kept of a delivery between its attempts, and after it was taken: then it says so to a copy that a
// crash left behind.
type Record struct {
	Type      alerts.EventType `json:"type,omitempty"`
	Attempts  int              `json:"attempts"`
	Next      time.Time        `json:"next"` // no attempt before
	Delivered bool             `json:"delivered"`
	GivenUp   bool             `json:"given_up,omitempty"`
	Begun     time.Time        `json:"begun,omitzero"` // when it was put back last; its schedule counts from there
	Status    int              `json:"status"`         // of the last attempt; 0 when there was no answer
	Reason    string           `json:"reason"`         // why the last attempt failed
	Updated   time.Time        `json:"updated"`
	Log       []Attempt        `json:"log,omitempty"` // the latest, oldest first
}

// note adds an attempt to the record.
func (r Record) note(a Attempt) Record {
	r.Attempts++
	r.Status, r.Reason, r.Updated = a.Status, a.Reason, a.At
	r.Log = append(r.Log[max(len(r.Log)+1-maxLog, 0):len(r.Log):len(r.Log)], a)
	return r
}

// Ledger keeps records and standings, so that a restart goes on with the schedule. Keys of records are of a-z, A-Z,
// 0-9, "-" and "_".
type Ledger interface {
	// Get returns ErrNoRecord when there is none.
	Get(ctx context.Context, key string) (Record, error)
	Put(ctx context.Context, key string, r Record) error
	// Standing returns the endpoint's standing, which is zero at first.
	Standing(ctx context.Context, endpoint string) (Standing, error)
	// Amend replaces the endpoint's standing by what f makes of it. It calls f again when somebody else was quicker.
	Amend(ctx context.Context, endpoint string, f func(Standing) Standing) error
}

// Note records what came of an attempt at an endpoint that is no URL, so that it is looked at like any other.
func Note(ctx context.Context, l Ledger, d Delivery, a Attempt, r Result) error {
	rec, err := l.Get(ctx, d.Key())
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return fmt.Errorf("look up %s: %w", d.Key(), err)
	}
	rec.Type = d.Type
	rec = rec.note(a)
	rec.Delivered, rec.Next = r.Outcome == Delivered, a.At
	if err := l.Put(ctx, d.Key(), rec); err != nil {
		return fmt.Errorf("record attempt of %s: %w", d.Key(), err)
	}
	err = l.Amend(ctx, d.Endpoint, func(s Standing) Standing { return s.after(r, "", a.At, 0) })
	if err != nil {
		return fmt.Errorf("note how endpoint %s is doing: %w", d.Endpoint, err)
	}
	return nil
}

// Restart begins the schedule of a delivery that was given up anew. One that was taken stays so.
func Restart(ctx context.Context, l Ledger, key string, now time.Time) error {
	rec, err := l.Get(ctx, key)
	if err != nil && !errors.Is(err, ErrNoRecord) {
		return fmt.Errorf("look up %s: %w", key, err)
	}
	if rec.Delivered {
		return nil
	}
	rec.Attempts, rec.GivenUp, rec.Next, rec.Begun, rec.Updated = 0, false, now, now, now
	if err := l.Put(ctx, key, rec); err != nil {
		return fmt.Errorf("restart %s: %w", key, err)
	}
	return nil
}

// Enable takes back that the endpoint wants no more, and lets its deliveries try at once.
func Enable(ctx context.Context, l Ledger, endpoint string, now time.Time) error {
	if err := l.Amend(ctx, endpoint, func(s Standing) Standing { return s.back(now) }); err != nil {
		return fmt.Errorf("enable endpoint %s: %w", endpoint, err)
	}
	return nil
}
