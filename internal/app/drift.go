package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"vigil/internal/web"
)

// driftEvery is how often the streams are compared with what the start made of them.
const driftEvery = time.Minute

// watchStreams tells when somebody changes a stream or a bucket while the program runs: a queue that forgets early, or
// discards what is old, would lose alerts in silence. The next start sets it right.
func (a *App) watchStreams() {
	var mu sync.Mutex
	var found []string
	a.task("streams", func(ctx context.Context) error {
		tick := time.NewTicker(driftEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			now, err := a.bus.Drift(ctx, a.limits(*a.live.Load()))
			if err != nil {
				a.log.Debug("streams", "error", err) // a bus that is away is told of elsewhere
				continue
			}
			mu.Lock()
			if !slices.Equal(now, found) {
				for _, line := range now {
					a.log.Error("somebody has changed a stream, alerts may be lost: a restart sets it right", "drift", line)
				}
			}
			found = now
			mu.Unlock()
		}
	})
	a.checks = append(a.checks, web.Check{Name: "streams", Probe: func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if len(found) > 0 {
			return web.Notice(fmt.Sprintf("%d streams were changed by somebody, the log says how; a restart sets them right", len(found)))
		}
		return nil
	}})
}
