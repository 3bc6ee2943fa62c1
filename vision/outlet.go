package vision

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Limits of what leaves a worker.
const (
	// shotWait is how long a sighting waits for its shot to be stored, so that whoever reads the sighting finds it. A
	// store that is away does not hold up alarms.
	shotWait = time.Second
	// shotTimeout bounds the attempts in the background.
	shotTimeout = 20 * time.Second
	// shotsWaiting bounds the shots in memory while the store is away; the oldest is dropped and logged.
	shotsWaiting = 64
	// publishTimeout bounds one attempt: a bus with a full disk does not answer at all.
	publishTimeout = 10 * time.Second
	// publishFirst and publishMost bound the wait before the next.
	publishFirst, publishMost = 100 * time.Millisecond, 5 * time.Second
)

// outlet stores shots and publishes sightings.
type outlet struct {
	sightings Publisher
	shots     ShotStore
	log       *slog.Logger

	mu      sync.Mutex
	waiting []storing // oldest first; the first may be on its way
	wake    chan struct{}
}

type storing struct {
	key  string
	jpeg []byte
}

func newOutlet(sightings Publisher, shots ShotStore, log *slog.Logger) *outlet {
	return &outlet{sightings: sightings, shots: shots, log: log, wake: make(chan struct{}, 1)}
}

// send publishes the observations in order. It does not give up before ctx ends, and then returns why.
func (o *outlet) send(ctx context.Context, due []Observation) error {
	for _, d := range due {
		if d.JPEG != nil && d.Shot != nil {
			o.store(ctx, storing{d.Shot.Key, d.JPEG})
		}
		if err := o.publish(ctx, d.Sighting); err != nil {
			return err
		}
	}
	return nil
}

func (o *outlet) publish(ctx context.Context, s Sighting) error {
	for wait := publishFirst; ; wait = min(2*wait, publishMost) {
		attempt, cancel := context.WithTimeout(ctx, publishTimeout)
		err := o.sightings.Publish(attempt, s)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			o.log.Warn("publishing a sighting again", "error", err, "sighting", s.ID(), "wait", wait)
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// store puts a shot into the store, or leaves it to run when that takes too long or others wait already.
func (o *outlet) store(ctx context.Context, s storing) {
	if o.pending() == 0 {
		attempt, cancel := context.WithTimeout(ctx, shotWait)
		err := o.shots.Put(attempt, s.key, s.jpeg)
		cancel()
		if err == nil {
			return
		}
		o.log.Warn("storing a shot later", "error", err, "key", s.key)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	// A better shot of the same track replaces the one that waits; one that is on its way is stored first.
	o.waiting = slices.DeleteFunc(o.waiting, func(w storing) bool { return w.key == s.key })
	o.waiting = append(o.waiting, s)
	if len(o.waiting) > shotsWaiting {
		o.log.Warn("dropping a shot, too many wait for the store", "key", o.waiting[0].key)
		o.waiting = o.waiting[1:]
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// pending is how many shots wait.
func (o *outlet) pending() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.waiting)
}

// run stores the shots that wait, until ctx ends.
func (o *outlet) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			if n := o.pending(); n > 0 {
				o.log.Warn("stopping while shots wait for the store", "shots", n)
			}
			return
		case <-o.wake:
			o.drain(ctx)
		}
	}
}

func (o *outlet) drain(ctx context.Context) {
	for wait := retryFirst; ; {
		s, ok := o.first()
		if !ok {
			return
		}
		attempt, cancel := context.WithTimeout(ctx, shotTimeout)
		err := o.shots.Put(attempt, s.key, s.jpeg)
		cancel()
		if err == nil {
			wait = retryFirst
			o.done(s)
			continue
		}
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, retryMost)
	}
}

func (o *outlet) first() (storing, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return storing{}, false
	}
	return o.waiting[0], true
}

// done removes s unless a better one has taken its place.
func (o *outlet) done(s storing) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = slices.DeleteFunc(o.waiting, func(w storing) bool {
		return w.key == s.key && &w.jpeg[0] == &s.jpeg[0]
	})
}
