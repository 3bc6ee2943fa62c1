package ingest

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is how long to wait between attempts: doubling from first to most, a fifth more or less by chance so that
// many cameras do not come back in step.
type backoff struct {
	first, most time.Duration
	next        time.Duration
}

// step returns the next wait.
func (b *backoff) step() time.Duration {
	if b.next == 0 {
		b.next = b.first
	}
	d := b.next
	b.next = min(2*b.next, b.most)
	return jitter(d)
}

// reset makes the next wait the first one again.
func (b *backoff) reset() { b.next = 0 }

func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
