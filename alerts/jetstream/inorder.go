package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vigil/alerts"
	"vigil/alerts/webhook"
	"vigil/internal/bus"
)

const (
	// again is how long an endpoint that gets its events in order is left alone after one that failed.
	again = time.Second
	// patience is for how long one is kept for it, as for a receiver of webhooks.
	patience = 92 * time.Hour
	noteTime = 5 * time.Second
)

// InOrder is an alerts.Feed of what waits in the outbox for one endpoint, one after the other, as it was put there. One
// that fails comes again until it is taken, and those behind it wait: for an endpoint that fails for all of them or none.
// Others do not notice.
type InOrder struct {
	Endpoint string
	Log      *slog.Logger

	topic  *bus.Topic[webhook.Delivery]
	ledger *Ledger
}

var _ alerts.Feed[alerts.Notice] = (*InOrder)(nil)

// NewInOrder returns the endpoint's feed.
func NewInOrder(c *bus.Conn, l *Ledger, endpoint string, log *slog.Logger) *InOrder {
	return &InOrder{Endpoint: endpoint, Log: log, topic: Deliveries(c), ledger: l}
}

// Consume implements alerts.Feed.
func (f *InOrder) Consume(ctx context.Context, handle func(context.Context, alerts.Notice) error) error {
	consumer := bus.Consumer{Durable: consumerOf(f.Endpoint), Filter: outbox(f.Endpoint), MaxPending: 1}
	return f.topic.Consume(ctx, consumer, func(ctx context.Context, d webhook.Delivery, m bus.Meta) error {
		rec, err := f.ledger.Get(ctx, d.Key())
		if err != nil && !errors.Is(err, webhook.ErrNoRecord) {
			return fmt.Errorf("look up %s: %w", d.Key(), err)
		}
		if rec.Delivered { // a crash has left this copy behind
			return nil
		}
		return f.attempt(ctx, d, m, handle)
	})
}

// attempt hands the delivery over and records what came of it.
func (f *InOrder) attempt(
	ctx context.Context, d webhook.Delivery, m bus.Meta, handle func(context.Context, alerts.Notice) error,
) error {
	notice := alerts.Notice{ID: d.ID, Type: d.Type, Body: d.Body}
	e, err := notice.Event()
	if err != nil {
		return fmt.Errorf("%w: %w", bus.ErrBury, err)
	}
	notice.Camera = e.Data.About()
	begun := time.Now()
	err = handle(ctx, notice)
	if err != nil && ctx.Err() != nil {
		return err // our end, not the endpoint's failure
	}
	result := webhook.Result{Outcome: webhook.Delivered}
	if err != nil {
		result = webhook.Result{Outcome: webhook.Retry, Reason: err.Error()}
	}
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	attempt := webhook.Attempt{At: time.Now(), Took: time.Since(begun), Reason: result.Reason}
	if err := webhook.Note(noting, f.ledger, d, attempt, result); err != nil {
		f.Log.Warn("record attempt", "endpoint", f.Endpoint, "event", d.ID, "error", err) // what the endpoint said stands
	}
	switch {
	case err == nil:
		f.Log.Info("event delivered", "endpoint", f.Endpoint, "event", d.ID, "after", time.Since(d.Created).Round(time.Millisecond))
		return nil
	case time.Since(m.Published) > patience:
		return fmt.Errorf("%w: not taken for %s, the last: %w", bus.ErrBury, patience, err)
	default:
		return bus.RetryAfter(again, err)
	}
}
