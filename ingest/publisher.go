package ingest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"vigil/frames"
)

// What a Publisher holds while the bus is away, and how long it takes to part from it.
const (
	RingDuration = 60 * time.Second
	RingBytes    = 48 << 20 // 60 s of 6.4 Mbit/s: a camera has 64 MiB altogether
	DrainTimeout = 5 * time.Second

	appendTimeout = 10 * time.Second
	appendFirst   = 100 * time.Millisecond
	appendMost    = 5 * time.Second
)

// Publisher appends one camera's fragments to the log, in order, each until it is acknowledged. It keeps 60 s of
// them while the log cannot be reached; then whole groups of pictures are dropped, oldest first, and the next
// fragment that is kept says what is missing. It never blocks the source.
type Publisher struct {
	log    frames.Log
	logger *slog.Logger
	wake   chan struct{}

	mu      sync.Mutex
	ring    []*frames.Fragment
	length  time.Duration
	bytes   int
	waiting bool        // for a key fragment: what it would be decoded from was dropped
	gap     *frames.Gap // in front of that key fragment
	dropped uint64

	keyPos uint64 // of the key fragment acknowledged last; only the running goroutine uses it
}

// NewPublisher returns a publisher of one camera's fragments.
func NewPublisher(log frames.Log, logger *slog.Logger) *Publisher {
	return &Publisher{log: log, logger: logger, wake: make(chan struct{}, 1), waiting: true}
}

// Publish takes over the fragment. It returns at once.
func (p *Publisher) Publish(f *frames.Fragment) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting && !f.Key {
		p.drop(f)
		return
	}
	p.waiting = false
	f.Gap, p.gap = mergeGaps(p.gap, f.Gap, f.Start), nil
	p.ring = append(p.ring, f)
	p.length += f.Duration
	p.bytes += len(f.Payload)
	for p.length > RingDuration || p.bytes > p.room() {
		p.dropGroup()
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// room is how many bytes the ring may hold. Beside it a camera has a fragment that comes in, one that is being packed and one on
// its way to the bus, which counts where pictures are large.
func (p *Publisher) room() int {
	largest := 0
	for _, f := range p.ring {
		largest = max(largest, len(f.Payload))
	}
	return RingBytes - 3*largest
}

// Dropped returns how many fragments were given up.
func (p *Publisher) Dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// dropGroup gives up the oldest fragments up to the next key fragment.
func (p *Publisher) dropGroup() {
	for {
		p.drop(p.ring[0])
		p.pop()
		if len(p.ring) == 0 {
			p.waiting = true
			return
		}
		if next := p.ring[0]; next.Key {
			next.Gap, p.gap = mergeGaps(p.gap, next.Gap, next.Start), nil
			return
		}
	}
}

func (p *Publisher) drop(f *frames.Fragment) {
	p.dropped++
	p.gap = mergeGaps(p.gap, f.Gap, f.Start)
	p.gap = mergeGaps(p.gap, &frames.Gap{From: f.Start, To: f.End(), Reason: GapBusAway}, f.End())
}

func (p *Publisher) pop() {
	f := p.ring[0]
	p.ring[0] = nil // the array outlives the fragment
	p.ring = p.ring[1:]
	p.length -= f.Duration
	p.bytes -= len(f.Payload)
}

// mergeGaps joins what is missing in front of the moment to. A gap of two causes names both.
func mergeGaps(a, b *frames.Gap, to time.Time) *frames.Gap {
	switch {
	case a == nil:
		return b
	case b == nil:
		return &frames.Gap{From: a.From, To: later(a.To, to), Reason: a.Reason}
	default:
		reason := a.Reason
		if !strings.Contains(reason, b.Reason) {
			reason += ", " + b.Reason
		}
		return &frames.Gap{From: a.From, To: later(later(a.To, b.To), to), Reason: reason}
	}
}

// Run appends until ctx ends, then tries for DrainTimeout to part from what is left.
func (p *Publisher) Run(ctx context.Context) error {
	p.work(ctx, p.wait)
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), DrainTimeout)
	defer cancel()
	p.work(rest, p.head)
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.ring); n > 0 {
		p.logger.Error("fragments lost at the end, the bus did not take them", "fragments", n, "duration", p.length)
	}
	return nil
}

// work appends what next returns until it returns nil or ctx ends.
func (p *Publisher) work(ctx context.Context, next func(context.Context) *frames.Fragment) {
	wait := backoff{first: appendFirst, most: appendMost}
	failing := false
	for {
		f := next(ctx)
		if f == nil || ctx.Err() != nil {
			return
		}
		if !f.Key {
			f.KeyPos = p.keyPos
		}
		err := p.append(ctx, f)
		switch {
		case err == nil && failing:
			failing = false
			wait.reset()
			p.logger.Info("the bus takes fragments again", "dropped", p.Dropped())
		case err != nil && ctx.Err() == nil:
			if !failing {
				failing = true
				p.logger.Warn("the bus does not take fragments, keeping them", "error", err)
			}
			pause(ctx, wait.step())
		}
	}
}

func (p *Publisher) append(ctx context.Context, f *frames.Fragment) error {
	ctx, cancel := context.WithTimeout(ctx, appendTimeout)
	defer cancel()
	pos, err := p.log.Append(ctx, f)
	if err != nil {
		return err
	}
	if f.Key {
		p.keyPos = pos
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ring) > 0 && p.ring[0] == f { // else it was dropped in the meantime, and the gap says so
		p.pop()
	}
	return nil
}

// head returns the oldest fragment, nil when there is none.
func (p *Publisher) head(context.Context) *frames.Fragment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.ring) == 0 {
		return nil
	}
	return p.ring[0]
}

// wait is head that waits for one.
func (p *Publisher) wait(ctx context.Context) *frames.Fragment {
	for {
		if f := p.head(ctx); f != nil {
			return f
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
			return nil
		}
	}
}
