package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
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
	Sightings Feed[vision.Sighting]
	Clips     Feed[ClipDone]
	Endpoints []string         // IDs of the endpoints that events go to
	Now       func() time.Time // the wall clock
	Log       *slog.Logger

	mu     sync.Mutex
	loaded bool
	open   map[string]visitor  // open visits by alert
	owed   map[string]bool     // alerts that something is pending of
	tracks map[string]trackRef // the latest alert that a track belongs to, closed visits' included
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

// Sight takes a sighting. When it returns nil, all that follows from it is on the bus.
func (d *Desk) Sight(ctx context.Context, s vision.Sighting) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(ctx); err != nil {
		return err
	}
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

// Film takes the answer to a clip job.
func (d *Desk) Film(ctx context.Context, done ClipDone) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(ctx); err != nil {
		return err
	}
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(ctx); err != nil {
		return err
	}
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
}

// begin opens a visit by the rule, after closing one that the sighting shows to be over; or goes on with before, whose alert
// the rule outranks. A track that goes on after a correction begins there, as far as its next alert is concerned.
func (d *Desk) begin(ctx context.Context, s vision.Sighting, r Rule, from time.Time, before *Visit) error {
	s.Start = later(from, d.tracks[s.Track].corrected)
	for id, o := range d.open {
		if !d.Evaluator.Outlasts(o.visit, s) {
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
	created, err := d.Store.Create(ctx, v)
	if errors.Is(err, ErrExists) {
		_, err = d.join(ctx, v.Alert.ID, s)
		return err
	}
	if err != nil {
		d.loaded = false // it may be there all the same
		return fmt.Errorf("save alert %s: %w", v.Alert.ID, err)
	}
	d.Log.Info("alert opened", "alert", v.Alert.ID, "rule", r.Name, "camera", s.Camera, "stranger", v.Stranger, "track", s.Track)
	d.count(r.Name, func(t *Tally) { t.Raised++ })
	d.remember(created)
	_, err = d.issue(ctx, created)
	return err
}

// change reads a visit, applies f, saves what f changed, and issues what is pending.
func (d *Desk) change(ctx context.Context, id string, f func(Visit) (Visit, error)) (Visit, error) {
	v, err := d.Store.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		d.loaded = false // somebody erased it
	}
	if err != nil {
		return Visit{}, fmt.Errorf("read alert %s: %w", id, err)
	}
	next, err := f(v)
	if err != nil {
		return Visit{}, err
	}
	if !reflect.DeepEqual(v, next) {
		if next, err = d.save(ctx, next); err != nil {
			return Visit{}, err
		}
		if v.Open() && !next.Open() {
			d.Log.Info("alert closed", "alert", id, "camera", v.Alert.Camera, "stranger", v.Stranger)
		}
		if !v.Wrong() && next.Wrong() {
			d.Log.Warn("alert corrected, the stranger is enrolled", "alert", id, "camera", v.Alert.Camera, "stranger", v.Stranger)
		}
	}
	d.remember(next)
	return d.issue(ctx, next)
}

// issue puts on the bus what is pending and notes what is there. What is refused keeps nothing else waiting, and is
// an error.
func (d *Desk) issue(ctx context.Context, v Visit) (Visit, error) {
	if v.Settled() {
		return v, nil
	}
	next, refused := d.put(ctx, v)
	if reflect.DeepEqual(v, next) {
		return Visit{}, refused
	}
	next, err := d.save(ctx, next)
	if err != nil {
		return Visit{}, errors.Join(refused, err)
	}
	d.remember(next)
	if refused != nil {
		return Visit{}, refused
	}
	return next, nil
}

// put tries all that is pending and returns v with what is left of it.
func (d *Desk) put(ctx context.Context, v Visit) (Visit, error) {
	stages, pending := Stages(d.Outbox, v.audience(d.Endpoints)), v.Pending
	v.Pending, v.Issued = nil, slices.Clip(v.Issued)
	var errs []error
	for _, p := range pending {
		p, err := Issue(ctx, stages, p)
		if err != nil {
			v.Pending, errs = append(v.Pending, p), append(errs, err)
			continue
		}
		if v.single(p) {
			v.Issued = append(v.Issued, p.Type)
		}
	}
	if v.ClipState == ClipDue {
		if err := d.Jobs.Request(ctx, *v.Job); err != nil {
			errs = append(errs, fmt.Errorf("request clip of alert %s: %w", v.Alert.ID, err))
		} else {
			v.ClipState = ClipScheduled
		}
	}
	v.More = slices.Clone(v.More)
	for i, p := range v.More {
		if p.State != ClipDue {
			continue
		}
		if err := d.Jobs.Request(ctx, *p.Job); err != nil {
			errs = append(errs, fmt.Errorf("request clip %d of alert %s: %w", p.Job.Piece, v.Alert.ID, err))
		} else {
			v.More[i].State = ClipScheduled
		}
	}
	return v, errors.Join(errs...)
}

func (d *Desk) save(ctx context.Context, v Visit) (Visit, error) {
	saved, err := d.Store.Update(ctx, v)
	if err != nil {
		d.loaded = false // what the store holds now is not certain
		return Visit{}, fmt.Errorf("save alert %s: %w", v.Alert.ID, err)
	}
	return saved, nil
}
