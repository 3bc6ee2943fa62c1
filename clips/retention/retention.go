// Package retention removes from the store what has been kept for long enough: by age, and by bytes where the owner
// set a limit, the oldest first. What must stay all the same, the evidence of an alert that goes on and what an event
// has promised, it is told by its caller. It asks nothing of the store but to list by prefix and to delete, so it works
// the same on any. It imports clips.
package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"vigil/clips"
)

const (
	// every is how often objects are looked at: what is over goes a few minutes later.
	every = 5 * time.Minute
	// runTime bounds a run. The next one goes on where it was ended, since the oldest go first.
	runTime = 4 * time.Minute
	// measureEvery is how often all objects are listed to see what they take: a thousand of them are a request.
	measureEvery = time.Hour
	// deleteTime bounds one deletion.
	deleteTime = 30 * time.Second
	// patience is how many deletions may fail one after the other before the run gives up.
	patience = 5
)

// Kind is one sort of objects: those under a prefix, which is followed by the day, <yyyy>/<mm>/<dd>/. What lies under the
// prefix in no such folder is somebody else's, and stays.
type Kind struct {
	Name   string        // as logs and metrics call it
	Prefix string        // ends with "/"
	Age    time.Duration // how long after they were stored objects go; 0: never
	Bytes  int64         // beyond which the oldest go earlier, when nothing is promised of them any more; 0: no limit
}

// State is what one kind's last run has left, and what all runs of this process have done.
type State struct {
	Kind         string    `json:"kind"`
	Ran          time.Time `json:"ran"` // end of the last complete run; zero: none yet
	Due          time.Time `json:"due"` // since when, at most, something should be gone that is still there; zero: nothing
	Deleted      int64     `json:"deleted"`
	DeletedBytes int64     `json:"deleted_bytes"`
	Failed       int64     `json:"failed"`   // deletions that failed
	Measured     time.Time `json:"measured"` // when Kept and KeptBytes were; zero: never, without a limit of bytes
	Kept         int64     `json:"kept"`
	KeptBytes    int64     `json:"kept_bytes"`
	Over         int64     `json:"over"`  // bytes beyond the limit that may not be deleted yet
	Error        string    `json:"error"` // why the last run was not complete
}

// Lag is for how long, at most, something is there at now that should be gone.
func (s State) Lag(now time.Time) time.Duration {
	if s.Due.IsZero() {
		return 0
	}
	return max(0, now.Sub(s.Due))
}

// Sweeper removes objects. One process runs one.
type Sweeper struct {
	Store   clips.Store
	Kinds   func() []Kind // asked before each sweep: the same ones, in the same order, whose limits may change
	Promise time.Duration // no object goes earlier than this after it was stored
	// Held says which objects must stay whatever their age. It is asked once a run, when something is about to go, and
	// nothing goes when it fails.
	Held func(ctx context.Context) (func(key string) bool, error)
	Tell func(ctx context.Context, states []State) error // takes the states after every run
	Now  func() time.Time                                // default time.Now
	Log  *slog.Logger

	// private
	states []State
	began  time.Time
}

// Run sweeps every few minutes until ctx ends, and returns nil. What goes wrong is tried again.
func (s *Sweeper) Run(ctx context.Context) error {
	for {
		states := s.Sweep(ctx)
		if ctx.Err() == nil {
			if err := s.Tell(ctx, states); err != nil && ctx.Err() == nil {
				s.Log.Warn("saying what was deleted", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(every):
		}
	}
}

// Sweep removes what is over, logs what it did, and returns how it stands.
func (s *Sweeper) Sweep(ctx context.Context) []State {
	told := ctx
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	kinds := s.Kinds()
	if s.states == nil {
		s.began = s.now()
		for _, k := range kinds {
			s.states = append(s.states, State{Kind: k.Name})
		}
	}
	held := &holding{ask: s.Held}
	for i, k := range kinds {
		before := s.states[i]
		run := &run{sweeper: s, kind: k, held: held, now: s.now(), state: before}
		err := run.do(ctx)
		if told.Err() != nil {
			break // the program ends
		}
		s.states[i] = run.ended(err, s.now())
		s.report(ctx, before, s.states[i], s.now().Sub(run.now), err)
	}
	return append([]State(nil), s.states...)
}

// Preview tells what a sweep would remove now, as deleted, and removes nothing. The sweeper must not be running.
func (s *Sweeper) Preview(ctx context.Context) []State {
	dry := Sweeper{
		Store: untouched{s.Store}, Kinds: s.Kinds, Promise: s.Promise, Held: s.Held, Now: s.Now, Log: slog.New(slog.DiscardHandler),
	}
	return dry.Sweep(ctx)
}

// untouched is a store that says that it deletes.
type untouched struct{ clips.Store }

// Delete implements clips.Store.
func (untouched) Delete(context.Context, string) error { return nil }

func (s *Sweeper) report(ctx context.Context, before, after State, took time.Duration, err error) {
	level := slog.LevelDebug
	if after.Deleted > before.Deleted {
		level = slog.LevelInfo
	}
	if err != nil || after.Over > before.Over {
		level = slog.LevelWarn
	}
	args := []any{
		"kind", after.Kind, "deleted", after.Deleted - before.Deleted, "bytes", after.DeletedBytes - before.DeletedBytes,
		"lag", after.Lag(s.now()).Round(time.Second), "took", took.Round(time.Millisecond),
	}
	if after.Over > 0 {
		args = append(args, "bytes_over_limit", after.Over)
	}
	if err != nil {
		args = append(args, "error", err)
	}
	s.Log.Log(ctx, level, "retention", args...)
}

func (s *Sweeper) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// holding asks once what is held, and only when it matters.
type holding struct {
	ask   func(ctx context.Context) (func(key string) bool, error)
	holds func(key string) bool
	err   error
}

func (h *holding) of(ctx context.Context, it item) (bool, error) {
	if h.holds == nil && h.err == nil {
		if h.holds, h.err = h.ask(ctx); h.err != nil {
			h.err = fmt.Errorf("what must stay: %w", h.err)
		}
	}
	return h.err == nil && h.holds(it.objects[0].Key), h.err
}

// run is one kind's part of a sweep.
type run struct {
	sweeper  *Sweeper
	kind     Kind
	held     *holding
	now      time.Time
	state    State
	due      time.Time // since when the oldest that could not be deleted should be gone
	failures int       // one after the other
}

// do removes what is over by age, and what is beyond the limit of bytes. Only for the latter everything is listed.
func (r *run) do(ctx context.Context) error {
	measures := r.kind.Bytes > 0 && r.now.Sub(r.state.Measured) >= measureEvery
	if r.kind.Age == 0 && !measures {
		return nil
	}
	kept, bytes := int64(0), int64(0)
	err := r.each(ctx, func(d day) (bool, error) {
		if !measures && (r.kind.Age == 0 || d.date.Add(r.kind.Age).After(r.now)) {
			return false, nil
		}
		for _, it := range d.items() {
			if r.old(it) {
				gone, err := r.remove(ctx, it, it.stored.Add(r.kind.Age))
				if err != nil {
					return false, err
				}
				if gone {
					continue
				}
			}
			kept, bytes = kept+int64(len(it.objects)), bytes+it.bytes
		}
		return true, nil
	})
	if err != nil || !measures {
		return err
	}
	r.state.Measured, r.state.Kept, r.state.KeptBytes = r.now, kept, bytes
	return r.shrink(ctx)
}

// shrink removes the oldest until the limit of bytes is kept, or nothing is left that may go.
func (r *run) shrink(ctx context.Context) error {
	r.state.Over = max(0, r.state.KeptBytes-r.kind.Bytes)
	if r.state.Over == 0 {
		return nil
	}
	return r.each(ctx, func(d day) (bool, error) {
		if d.date.Add(r.sweeper.Promise).After(r.now) {
			return false, nil
		}
		for _, it := range d.items() {
			if r.old(it) { // it was tried already
				continue
			}
			gone, err := r.remove(ctx, it, time.Time{})
			if err != nil {
				return false, err
			}
			if !gone {
				continue
			}
			r.state.Kept -= int64(len(it.objects))
			r.state.KeptBytes -= it.bytes
			if r.state.Over = max(0, r.state.KeptBytes-r.kind.Bytes); r.state.Over == 0 {
				return false, nil
			}
		}
		return true, nil
	})
}

// old says that the item is over by its age.
func (r *run) old(it item) bool {
	return r.kind.Age > 0 && !it.stored.Add(r.kind.Age).After(r.now)
}

// each calls f with every day that has objects, the oldest first, until f returns false or an error.
func (r *run) each(ctx context.Context, f func(day) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a listing that is left early
	for d, err := range days(ctx, r.sweeper.Store, r.kind.Prefix) {
		if err != nil {
			return err
		}
		if more, err := f(d); err != nil || !more {
			return err
		}
	}
	return nil
}

// remove deletes an item that nothing holds. due is since when it should be gone, by its age.
func (r *run) remove(ctx context.Context, it item, due time.Time) (gone bool, err error) {
	if it.stored.Add(r.sweeper.Promise).After(r.now) {
		return false, nil
	}
	held, err := r.held.of(ctx, it)
	if err == nil && !held {
		err = r.delete(ctx, it)
	}
	switch {
	case err == nil:
		r.failures = 0
		return !held, nil
	case !due.IsZero() && (r.due.IsZero() || due.Before(r.due)):
		r.due = due
	}
	r.failures++
	if r.held.err != nil || ctx.Err() != nil || r.failures >= patience {
		return false, err
	}
	r.sweeper.Log.Warn("retention: object stays", "key", it.objects[0].Key, "error", err)
	return false, nil
}

func (r *run) delete(ctx context.Context, it item) error {
	for _, o := range it.objects {
		attempt, cancel := context.WithTimeout(ctx, deleteTime)
		err := r.sweeper.Store.Delete(attempt, o.Key)
		cancel()
		if err != nil {
			r.state.Failed++
			return err
		}
		r.state.Deleted++
		r.state.DeletedBytes += o.Size
	}
	return nil
}

// ended is the state that the run leaves. What a run did not get to see became due after the last complete one.
func (r *run) ended(err error, now time.Time) State {
	r.state.Due, r.state.Error = r.due, ""
	if err == nil {
		r.state.Ran = now
		return r.state
	}
	r.state.Error = err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		r.state.Error = "not done in time, goes on: " + r.state.Error
	}
	unseen := r.state.Ran
	if unseen.IsZero() {
		unseen = r.sweeper.began
	}
	if r.state.Due.IsZero() || unseen.Before(r.state.Due) {
		r.state.Due = unseen
	}
	return r.state
}
