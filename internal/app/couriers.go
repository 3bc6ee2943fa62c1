package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	alertsjs "vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	"vigil/internal/config"
)

// couriers take webhooks to the endpoints, one each, so that a slow one delays nobody.
type couriers struct {
	app     *App
	ledger  *alertsjs.Ledger
	crew    *crew
	first   func(webhook.Delivery, time.Time) // of every sender
	senders map[string]*webhook.Sender
}

// change gets the senders of endpoints ready that are new or have changed, and returns what puts them in place of those
// before. What waits for an endpoint that is no more stays in the outbox, for when it is back.
func (c *couriers) change(before, next []config.Endpoint) (commit func(), err error) {
	fresh := map[string]*webhook.Sender{}
	for i, e := range next {
		if slices.Contains(before, e) {
			continue
		}
		sender, err := webhook.New(endpoint(e), c.ledger, c.app.log)
		if err != nil {
			return nil, fmt.Errorf("endpoints[%d]: %w", i, err)
		}
		sender.First = c.first
		fresh[e.ID] = sender
	}
	return func() {
		for _, e := range before {
			if !slices.Contains(next, e) {
				c.crew.remove(e.ID)
				c.senders[e.ID].Close()
				delete(c.senders, e.ID)
			}
		}
		if c.senders == nil {
			c.senders = map[string]*webhook.Sender{}
		}
		for id, sender := range fresh {
			c.senders[id] = sender
			c.crew.add(id, func(ctx context.Context) error {
				if err := alertsjs.Deliver(ctx, c.app.bus, sender); err != nil {
					return fmt.Errorf("webhooks of %s: %w", id, err)
				}
				return nil
			})
		}
	}, nil
}

func (c *couriers) close() {
	for _, sender := range c.senders {
		sender.Close()
	}
}
