package child

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Waits before a child is started again: the first is short, and they grow while one after the other ends by itself.
const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
	// goodAfter is how long a child runs until it counts as good, and the waits begin anew.
	goodAfter = time.Minute
)

// Status is how the child is doing.
type Status struct {
	Up       bool      `json:"up"`
	Restarts int       `json:"restarts"`         // since the parent began
	Ended    time.Time `json:"ended,omitzero"`   // when the last one ended
	Reason   string    `json:"reason,omitempty"` // why
}

// Keeper keeps a child running. The first four fields are needed.
type Keeper struct {
	// Begin starts a child and waits until it only wants its Orders.
	Begin func(ctx context.Context) (*Process, error)
	// Bury is told what crashes children, and how. It returns when that is kept, or ctx ends.
	Bury func(ctx context.Context, w Work, reason string)
	// Tell is told how the child is doing.
	Tell func(ctx context.Context, s Status)
	Log  *slog.Logger

	mu       sync.Mutex
	process  *Process
	suspects Suspects
	status   Status
	next     *Process // of Replace, until it is at work
}

// LeaveOut says what crashed children of earlier parents.
func (k *Keeper) LeaveOut(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.suspects.LeaveOut(id)
}

// Ready starts a child that waits for Run.
func (k *Keeper) Ready(ctx context.Context) error {
	p, err := k.Begin(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.next == nil {
		k.process = p
		return err
	}
	k.process, k.next = k.next, nil // Replace came meanwhile
	if p != nil {
		p.Stop()
	}
	return nil
}

// PID is the running child's process id, 0 when there is none.
func (k *Keeper) PID() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process == nil {
		return 0
	}
	return k.process.PID()
}

// Replace ends the child and goes on with next, which is as Begin returns one.
func (k *Keeper) Replace(next *Process) {
	k.mu.Lock()
	before, earlier := k.process, k.next
	k.next = next
	k.mu.Unlock()
	for _, p := range []*Process{before, earlier} {
		if p != nil {
			p.Stop()
		}
	}
}

// Close ends the child. It may be called again.
func (k *Keeper) Close() {
	k.mu.Lock()
	all := []*Process{k.process, k.next}
	k.process, k.next = nil, nil
	k.mu.Unlock()
	for _, p := range all {
		if p != nil {
			p.Stop()
		}
	}
}

// Run keeps a child at work until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	var burying sync.WaitGroup
	defer burying.Wait()
	defer k.Close()
	wait := firstWait
	for ctx.Err() == nil {
		began := time.Now()
		end, replaced := k.once(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) >= goodAfter || replaced || end.Outside {
			wait = firstWait
		}
		if replaced {
			continue
		}
		k.note(ctx, end, &burying)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastWait)
	}
	return nil
}

// once lets a child work, and tells how it ended.
func (k *Keeper) once(ctx context.Context) (end End, replaced bool) {
	k.mu.Lock()
	p, orders := k.process, k.suspects.Orders()
	k.mu.Unlock()
	if p == nil {
		if err := k.Ready(ctx); err != nil {
			return k.ended(End{Reason: err.Error()})
		}
		k.mu.Lock()
		p = k.process
		k.mu.Unlock()
	}
	if err := p.Send(orders); err == nil {
		if last := k.status.Ended; !last.IsZero() {
			k.Log.Info("another process is at work", "pid", p.PID(), "after", time.Since(last).Round(time.Millisecond))
		}
		k.tell(ctx, func(s *Status) { s.Up = true })
		k.watch(ctx, p)
	}
	p.Stop()
	return k.ended(p.End())
}

// ended forgets the process, and says whether there is one already in its place.
func (k *Keeper) ended(e End) (End, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.process, k.next = k.next, nil
	return e, k.process != nil
}

// watch looks at the child until it or ctx ends.
func (k *Keeper) watch(ctx context.Context, p *Process) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.Ended():
			return
		case now := <-tick.C:
			p.look(now)
		}
	}
}

// note keeps why a child ended, and buries what is guilty of it.
func (k *Keeper) note(ctx context.Context, end End, burying *sync.WaitGroup) {
	var guilty *Work
	if end.Crash {
		k.mu.Lock()
		guilty = k.suspects.Crashed(end.Work)
		k.mu.Unlock()
	}
	ids := make([]string, 0, len(end.Work))
	for _, w := range end.Work {
		if w.ID != "" {
			ids = append(ids, w.ID)
		}
	}
	k.Log.Error("the process ended, starting another", "reason", end.Reason, "crash", end.Crash, "work", ids)
	if end.Words != "" {
		k.Log.Error("its last words", "text", end.Words)
	}
	k.tell(ctx, func(s *Status) { *s = Status{Restarts: s.Restarts + 1, Ended: time.Now().UTC(), Reason: end.Reason} })
	if guilty != nil {
		k.Log.Error("left out from now on: it has crashed the process twice", "fragment", guilty.ID, "reason", end.Reason)
		burying.Go(func() { k.Bury(ctx, *guilty, end.Reason) })
	}
}

func (k *Keeper) tell(ctx context.Context, change func(*Status)) {
	k.mu.Lock()
	change(&k.status)
	s := k.status
	k.mu.Unlock()
	k.Tell(ctx, s)
}
