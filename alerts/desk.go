package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/vision"
)

// Errors of a Store.
var (
	// ErrExists says that an alert with this ID is there already: normal when a sighting is told again.
	ErrExists = errors.New("alert exists")
	// ErrNotFound says that there is no such alert.
	ErrNotFound = errors.New("no such alert")
	// ErrConflict says that somebody else has changed the visit since it was read.
	ErrConflict = errors.New("alert was changed meanwhile")
)

// errBehind says that a sighting waits for an earlier one.
var errBehind = errors.New("a sighting before this one has to come again first")

// Store keeps visits by their alert's ID.
type Store interface {
	// Create stores a new visit and returns it with its revision, or ErrExists.
	Create(ctx context.Context, v Visit) (Visit, error)
	// Get returns ErrNotFound when there is none.
	Get(ctx context.Context, alert string) (Visit, error)
	// Update stores v when v.Revision is still the latest, and returns it with the new one; else ErrConflict.
	Update(ctx context.Context, v Visit) (Visit, error)
	// List returns all visits, in no order.
	List(ctx context.Context) ([]Visit, error)
}

// ClipJobs takes jobs to whoever cuts clips, idempotent by the job's alert.
type ClipJobs interface {
	Request(ctx context.Context, job ClipJob) error
}

// Feed hands messages to handle until ctx ends. One for which handle returns an error comes again.
type Feed[T any] interface {
	Consume(ctx context.Context, handle func(ctx context.Context, message T) error) error
}

// Batches is a Feed that hands over at once all messages that have come, in their order. handle returns an error, or nil, for
// each.
type Batches[T any] interface {
	Consume(ctx context.Context, handle func(ctx context.Context, messages []T) []error) error
}

// memory is how long a closed visit's tracks are recognised: as long as sightings are kept on the bus, and could
// come again.
const memory = 7 * 24 * time.Hour

// Desk is where sightings become alerts. One runs at a time; whoever runs it holds the lease. Everything it decides
// is in the store before it shows, and shows before its cause is acknowledged, so it may be killed at any step and
// another goes on. What it holds in memory only tells it where to look.
type Desk struct {
	Evaluator Evaluator
	Store     Store
	Outbox    Outbox
	Jobs      ClipJobs
	Sightings Batches[vision.Sighting]
	Clips     Batches[ClipDone]
	Endpoints []string         // IDs of the endpoints that events go to
	Now       func() time.Time // the wall clock
	Log       *slog.Logger

	mu     sync.Mutex
	loaded bool
	open   map[string]visitor  // open visits by alert
	owed   map[string]bool     // alerts that something is pending of
	tracks map[string]trackRef // the latest alert that a track belongs to, closed visits' included
	whose  map[string]*trail   // by identity, what open and tracks hold of it
	due    due                 // what the messages in hand have left to put on the bus
	last   map[lastKey]lastAlert
	held   map[string]time.Time // tracks that raised nothing because of a cooldown
	tally  map[string]Tally     // by rule
	pruned time.Time
	failed string // the last tick's error, told once
}

// visitor is an open visit and when it was last heard of, on this process's wall clock.
type visitor struct {
	visit Visit
	heard time.Time
}

type trackRef struct {
	alert     string
	rule      string // that raised the alert
	of        vision.Outcome
	stranger  string
	seen      time.Time
	corrected time.Time // of the alert
	span      Span      // of the alert's visit
}

// Run works until ctx ends. It may be called again: what happened meanwhile is in the store.
func (d *Desk) Run(ctx context.Context) error {
	d.forget()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.Sightings.Consume(ctx, d.Sight) })
	g.Go(func() error { return d.Clips.Consume(ctx, d.Film) })
	g.Go(func() error {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
				d.report(ctx, d.Tick(ctx))
			}
		}
	})
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("alerts desk: %w", err)
	} else if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("alerts desk: %w", err)
	}
	return nil
}

// report logs a tick's trouble when it begins and when it is over, not every second.
func (d *Desk) report(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil:
	case err == nil && d.failed != "":
		d.failed = ""
		d.Log.Info("alerts go on")
	case err != nil && err.Error() != d.failed:
		d.failed = err.Error()
		d.Log.Error("alerts wait", "error", err)
	}
}

// Sight takes sightings, in their order, and returns an error for each, or nil when all that follows from it is on the bus.
// After one that fails, those of the same track, person or visit wait for it to come again.
func (d *Desk) Sight(ctx context.Context, sightings []vision.Sighting) []error {
	failed := make(map[string]bool)
	return d.each(ctx, len(sightings), func(i int) error {
		s := sightings[i]
		alert, _ := d.find(s)
		keys := []string{s.Track, identity(s), alert}
		err := errBehind
		if !slices.ContainsFunc(keys, func(key string) bool { return failed[key] }) {
			err = d.sight(ctx, s)
		}
		for _, key := range keys {
			failed[key] = failed[key] || err != nil && key != ""
		}
		return err
	})
}

func (d *Desk) sight(ctx context.Context, s vision.Sighting) error {
	id, ok := d.find(s)
	if !ok {
		return d.raise(ctx, s)
	}
	v, err := d.join(ctx, id, s)
	switch {
	case err != nil:
		return err
	case v.Shows(s):
		return d.outrank(ctx, v, s)
	case s.Decision.Outcome == vision.Known:
		return d.recognise(ctx, s) // the track of a stranger who was none
	default:
		return nil
	}
}

// Film takes the answers to clip jobs, as Sight does sightings.
func (d *Desk) Film(ctx context.Context, answers []ClipDone) []error {
	return d.each(ctx, len(answers), func(i int) error { return d.film(ctx, answers[i]) })
}

func (d *Desk) film(ctx context.Context, done ClipDone) error {
	if done.Clip == nil {
		d.Log.Warn("no clip could be made", "alert", done.Alert, "camera", done.Camera, "reason", done.Reason)
	}
	_, err := d.change(ctx, done.Alert, func(v Visit) (Visit, error) { return d.Evaluator.Filmed(v, done) })
	if errors.Is(err, ErrNotFound) {
		d.Log.Warn("a clip of no alert", "alert", done.Alert, "camera", done.Camera)
		return nil
	}
	return err
}

// Tick does what is due by the clock, and issues again what a crash or an error left pending. One visit's trouble
// does not keep the others waiting.
func (d *Desk) Tick(ctx context.Context) error {
	return errors.Join(d.each(ctx, 1, func(int) error {
		now := d.Now()
		var errs []error
		for id := range d.owed {
			_, err := d.change(ctx, id, func(v Visit) (Visit, error) { return v, nil })
			errs = append(errs, err)
		}
		for id, o := range d.open {
			passed := func(v Visit) (Visit, error) { return d.Evaluator.Passed(v, o.heard, now) }
			next, err := passed(o.visit)
			if err == nil && (next.asked() != o.visit.asked() || next.Open() != o.visit.Open()) {
				_, err = d.change(ctx, id, passed)
			}
			errs = append(errs, err)
		}
		d.prune(now)
		return errors.Join(errs...)
	})...)
}

// begin opens a visit by the rule, after closing one that the sighting shows to be over; or goes on with before, whose alert
// the rule outranks. A track that goes on after a correction begins there, as far as its next alert is concerned.
func (d *Desk) begin(ctx context.Context, s vision.Sighting, r Rule, from time.Time, before *Visit) error {
	s.Start = later(from, d.tracks[s.Track].corrected)
	for id := range d.of(s).open {
		if !d.Evaluator.Outlasts(d.open[id].visit, s) {
			continue
		}
		if _, err := d.change(ctx, id, d.Evaluator.Closed); err != nil {
			return err
		}
	}
	visits := d.visits(s) + 1
	if before != nil {
		visits = before.Alert.Visits
	}
	v, err := d.Evaluator.Opened(s, r, visits)
	if err != nil {
		return err
	}
	if before != nil {
		v = v.continues(*before)
	}
	if _, err := d.read(ctx, v.Alert.ID); err == nil { // told again
		_, err = d.join(ctx, v.Alert.ID, s)
		return err
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	d.owe(Visit{}, v)
	return nil
}

// change applies f to a visit, and has written what follows from it.
func (d *Desk) change(ctx context.Context, id string, f func(Visit) (Visit, error)) (Visit, error) {
	v, err := d.read(ctx, id)
	if errors.Is(err, ErrNotFound) {
		d.loaded = false // somebody erased it
	}
	if err != nil {
		return Visit{}, err
	}
	next, err := f(v)
	if err != nil {
		return Visit{}, err
	}
	d.owe(v, next)
	return next, nil
}

// read returns a visit, as the messages in hand have changed it.
func (d *Desk) read(ctx context.Context, id string) (Visit, error) {
	if v, ok := d.due.visits[id]; ok {
		return v.visit, nil
	}
	v, err := d.Store.Get(ctx, id)
	if err != nil {
		return Visit{}, fmt.Errorf("read alert %s: %w", id, err)
	}
	return v, nil
}
