package jetstream

import (
	"context"
	"time"

	"vigil/alerts/webhook"
	"vigil/internal/bus"
)

// Replay puts a message that was given up back where it was. A webhook keeps its id and its bytes, and begins its
// schedule anew. It may be called again after an error.
func Replay(ctx context.Context, c *bus.Conn, l *Ledger, d bus.Dead) error {
	if d.Stream == bus.Outbox {
		if err := webhook.Restart(ctx, l, d.ID, time.Now()); err != nil {
			return err
		}
	}
	return c.Revive(ctx, d)
}

// Outstanding is how many deliveries of an endpoint are neither taken nor given up.
func Outstanding(ctx context.Context, c *bus.Conn, endpoint string) (int, error) {
	return c.Outstanding(ctx, bus.Outbox, consumerOf(endpoint))
}
