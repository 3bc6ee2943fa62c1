package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vigil/alerts/webhook"
	"vigil/internal/bus"
)

// amendments is how often a standing is written anew when somebody else is quicker each time.
const amendments = 50

// Ledger is a webhook.Ledger: a bucket of records, and one of standings by endpoint.
type Ledger struct {
	records   *bus.KV[webhook.Record]
	standings *bus.KV[webhook.Standing]
}

var _ webhook.Ledger = (*Ledger)(nil)

// OpenLedger opens the buckets of deliveries and endpoints.
func OpenLedger(ctx context.Context, c *bus.Conn) (*Ledger, error) {
	records, err := bus.OpenKV[webhook.Record](ctx, c, bus.Deliveries)
	if err != nil {
		return nil, err
	}
	standings, err := bus.OpenKV[webhook.Standing](ctx, c, bus.Endpoints)
	if err != nil {
		return nil, err
	}
	return &Ledger{records: records, standings: standings}, nil
}

// Get implements webhook.Ledger.
func (l *Ledger) Get(ctx context.Context, key string) (webhook.Record, error) {
	e, err := l.records.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		return webhook.Record{}, fmt.Errorf("%w: %w", webhook.ErrNoRecord, err)
	}
	return e.Value, err
}

// Put implements webhook.Ledger.
func (l *Ledger) Put(ctx context.Context, key string, r webhook.Record) error {
	_, err := l.records.Put(ctx, key, r)
	return err
}

// Standing implements webhook.Ledger.
func (l *Ledger) Standing(ctx context.Context, endpoint string) (webhook.Standing, error) {
	e, err := l.standings.Get(ctx, endpoint)
	if errors.Is(err, bus.ErrNotFound) {
		err = nil
	}
	return e.Value, err
}

// Amend implements webhook.Ledger.
func (l *Ledger) Amend(ctx context.Context, endpoint string, f func(webhook.Standing) webhook.Standing) error {
	var last error
	for range amendments {
		e, err := l.standings.Get(ctx, endpoint)
		missing := errors.Is(err, bus.ErrNotFound)
		if err != nil && !missing {
			return err
		}
		next := f(e.Value)
		switch {
		case next == e.Value:
			return nil
		case missing:
			_, last = l.standings.Create(ctx, endpoint, next)
		default:
			_, last = l.standings.Update(ctx, endpoint, e.Revision, next)
		}
		if !errors.Is(last, bus.ErrConflict) && !errors.Is(last, bus.ErrExists) {
			return last
		}
	}
	return last
}

// Standings returns the standing of every endpoint that was ever sent to.
func (l *Ledger) Standings(ctx context.Context) (map[string]webhook.Standing, error) {
	entries, err := l.standings.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]webhook.Standing)
	for _, e := range entries {
		all[e.Key] = e.Value
	}
	return all, nil
}

// Records returns what is known of an endpoint's deliveries, by webhook-id.
func (l *Ledger) Records(ctx context.Context, endpoint string) (map[string]webhook.Record, error) {
	entries, err := l.records.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]webhook.Record)
	for _, e := range entries {
		if of, id, _ := strings.Cut(e.Key, "_"); of == endpoint {
			all[id] = e.Value
		}
	}
	return all, nil
}
