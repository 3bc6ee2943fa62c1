package alerts

import (
	"context"
	"maps"
	"time"

	"vigil/vision"
)

// Tally is what became of a rule's matches since the desk began; Last outlives it.
type Tally struct {
	Raised int64     `json:"raised"` // alerts
	Held   int64     `json:"held"`   // tracks that raised none because of the cooldown
	Last   time.Time `json:"last"`   // capture time at which the latest alert was opened; zero: none is kept
}

// Reconfigure takes other rules and endpoints. Visits that go on keep the alert that they have raised; what is still to
// be told goes to those of its endpoints that are there.
func (d *Desk) Reconfigure(e Evaluator, endpoints []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Evaluator, d.Endpoints = e, endpoints
}

// Tallies returns what became of the rules' matches, by rule. ok is false before the desk has read what there is.
func (d *Desk) Tallies() (all map[string]Tally, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.tally), d.loaded
}

func (d *Desk) count(rule string, f func(t *Tally)) {
	t := d.tally[rule]
	f(&t)
	if d.tally == nil {
		d.tally = make(map[string]Tally)
	}
	d.tally[rule] = t
}

// lastKey is of whom, and by which rule, an alert was raised.
type lastKey struct{ identity, rule string }

// lastAlert is the latest one of a key, and when its visit was last seen.
type lastAlert struct {
	alert string
	seen  time.Time
}

// rest notes from when the cooldown after the visit counts. An alert that was wrong keeps nobody quiet.
func (d *Desk) rest(v Visit) {
	key := lastKey{v.Stranger, v.Alert.Rule}
	before := d.last[key]
	switch {
	case v.Wrong() && before.alert == v.Alert.ID:
		delete(d.last, key)
	case !v.Wrong() && !v.Seen.Before(before.seen):
		d.last[key] = lastAlert{v.Alert.ID, v.Seen}
	}
	d.count(v.Alert.Rule, func(t *Tally) { t.Last = later(t.Last, v.Alert.OpenedAt.Time) })
}

// holds says that the rule keeps quiet about the sighting, and tells so once a track.
func (d *Desk) holds(s vision.Sighting, r Rule, from time.Time) bool {
	last, ok := d.last[lastKey{identity(s), r.Name}]
	if !ok || from.Sub(last.seen) >= r.Cooldown {
		return false
	}
	if _, told := d.held[s.Track]; !told {
		if d.held == nil {
			d.held = make(map[string]time.Time)
		}
		d.held[s.Track] = d.Now()
		d.count(r.Name, func(t *Tally) { t.Held++ })
		d.Log.Info("no alert because of the rule's cooldown", "rule", r.Name, "camera", s.Camera, "stranger", identity(s),
			"track", s.Track, "alert_before", last.alert, "cooldown", r.Cooldown)
	}
	return true
}

// raise opens the visit that the sighting begins, if a rule says so.
func (d *Desk) raise(ctx context.Context, s vision.Sighting) error {
	r, from, ok := d.Evaluator.Raises(s)
	if !ok || d.holds(s, r, from) {
		return nil
	}
	return d.begin(ctx, s, r, from, nil)
}

// join adds the sighting to the alert's visit. That it was somebody enrolled corrects the alerts before it in the same visit.
func (d *Desk) join(ctx context.Context, id string, s vision.Sighting) (Visit, error) {
	v, err := d.change(ctx, id, func(v Visit) (Visit, error) { return d.Evaluator.Sighted(v, s) })
	if err != nil {
		return Visit{}, err
	}
	d.hear(v, s)
	if v.Before != "" && s.Decision.Outcome == vision.Known && !v.Shows(s) {
		if _, err := d.join(ctx, v.Before, s); err != nil {
			return Visit{}, err
		}
	}
	return v, nil
}

// outrank goes on with the visit under a rule that matters more than the one that has raised v, if the sighting matches
// one: a quiet alert must not keep a loud one from being told.
func (d *Desk) outrank(ctx context.Context, v Visit, s vision.Sighting) error {
	r, from, ok := d.Evaluator.Outranks(v, s)
	if !ok || d.holds(s, r, from) {
		return nil
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	if err := d.begin(ctx, s, r, from, &v); err != nil {
		return err
	}
	if err := d.flush(ctx); err != nil { // one that is closed is outranked by none
		return err
	}
	_, err := d.change(ctx, v.Alert.ID, d.Evaluator.Closed)
	return err
}

// recognise takes what is seen of somebody known on a track of somebody else's visit: it may raise an alert of their own.
func (d *Desk) recognise(ctx context.Context, s vision.Sighting) error {
	id, ok := d.ofWhom(s)
	if !ok {
		return d.raise(ctx, s)
	}
	v, err := d.join(ctx, id, s)
	if err != nil {
		return err
	}
	return d.outrank(ctx, v, s)
}
