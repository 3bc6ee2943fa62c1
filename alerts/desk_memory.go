package alerts

import (
	"context"
	"fmt"
	"time"

	"vigil/vision"
)

// forget makes the next load begin anew, silences included: somebody else may have been the desk since.
func (d *Desk) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded, d.open, d.owed, d.tracks, d.whose, d.last = false, nil, nil, nil, nil, nil
}

// load reads all visits, at the start and whenever it is no more certain what the store holds. Time before it does not
// count as silence: what was sighted meanwhile is still on its way.
func (d *Desk) load(ctx context.Context) error {
	if d.loaded {
		return nil
	}
	all, err := d.Store.List(ctx)
	if err != nil {
		return fmt.Errorf("load visits: %w", err)
	}
	heard := d.open
	d.open, d.owed, d.tracks = make(map[string]visitor), make(map[string]bool), make(map[string]trackRef)
	d.whose, d.last = make(map[string]*trail), make(map[lastKey]lastAlert)
	for _, v := range all {
		d.remember(v)
		if o, ok := heard[v.Alert.ID]; ok && v.Open() {
			d.open[v.Alert.ID] = visitor{visit: v, heard: o.heard}
		}
	}
	d.loaded = true
	return nil
}

// trail is where to look for somebody: of thousands who are remembered, a sighting is of one.
type trail struct {
	open   map[string]bool // alerts of their open visits
	tracks map[string]bool // theirs, of closed visits too
}

// of returns the trail of whoever the sighting shows.
func (d *Desk) of(s vision.Sighting) *trail { return d.trail(identity(s)) }

func (d *Desk) trail(identity string) *trail {
	t, ok := d.whose[identity]
	if !ok {
		t = &trail{open: make(map[string]bool), tracks: make(map[string]bool)}
		d.whose[identity] = t
	}
	return t
}

// remember notes where to look for what belongs to v.
func (d *Desk) remember(v Visit) {
	id := v.Alert.ID
	for track, t := range v.Tracks {
		if before := d.tracks[track]; before.alert <= id { // an alert's id begins with its time
			delete(d.trail(before.stranger).tracks, track)
			d.trail(v.Stranger).tracks[track] = true
			d.tracks[track] = trackRef{
				alert: id, rule: v.Alert.Rule, of: v.of(), stranger: v.Stranger, seen: t.Seen, corrected: v.Corrected,
				span: Span{v.Start, v.Seen},
			}
		}
	}
	d.rest(v)
	if v.Settled() {
		delete(d.owed, id)
	} else {
		d.owed[id] = true
	}
	if !v.Open() {
		delete(d.open, id)
		delete(d.trail(v.Stranger).open, id)
		return
	}
	d.trail(v.Stranger).open[id] = true
	heard := d.Now()
	if o, ok := d.open[id]; ok {
		heard = o.heard
	}
	d.open[id] = visitor{visit: v, heard: heard}
}

// hear notes that whoever the visit is of was heard of just now. Somebody else on the same track is not.
func (d *Desk) hear(v Visit, s vision.Sighting) {
	if v.Open() && v.Shows(s) {
		d.open[v.Alert.ID] = visitor{visit: v, heard: d.Now()}
	}
}

// find returns the alert of the visit that the sighting belongs to, by its track or by who it shows.
func (d *Desk) find(s vision.Sighting) (string, bool) {
	if ref, ok := d.tracks[s.Track]; ok && takes(ref.of, ref.stranger, s) && !d.Evaluator.Refutes(s, ref.corrected) {
		return ref.alert, true
	}
	return d.ofWhom(s)
}

// ofWhom returns the alert of the open visit of whoever the sighting shows.
func (d *Desk) ofWhom(s vision.Sighting) (string, bool) {
	theirs := d.of(s)
	for id := range theirs.open {
		if d.Evaluator.Joins(d.open[id].visit, s) {
			return id, true
		}
	}
	for track := range theirs.tracks {
		if ref := d.tracks[track]; ref.corrected.IsZero() && d.Evaluator.Covers(ref.span, ref.rule, s) {
			return ref.alert, true
		}
	}
	return "", false
}

// visits counts the remembered visits of the sighting's stranger. Those of somebody enrolled were none.
func (d *Desk) visits(s vision.Sighting) int {
	alerts := make(map[string]bool)
	for track := range d.of(s).tracks {
		if ref := d.tracks[track]; ref.corrected.IsZero() {
			alerts[ref.alert] = true
		}
	}
	return len(alerts)
}

// prune forgets tracks that cannot come again.
func (d *Desk) prune(now time.Time) {
	if now.Sub(d.pruned) < time.Hour {
		return
	}
	d.pruned = now
	for track, ref := range d.tracks {
		if _, open := d.open[ref.alert]; !open && now.Sub(ref.seen) > memory {
			delete(d.tracks, track)
			delete(d.trail(ref.stranger).tracks, track)
		}
	}
	for whose, t := range d.whose {
		if len(t.open)+len(t.tracks) == 0 {
			delete(d.whose, whose)
		}
	}
	for key, last := range d.last {
		if now.Sub(last.seen) > memory {
			delete(d.last, key)
		}
	}
	for track, at := range d.held {
		if now.Sub(at) > memory {
			delete(d.held, track)
		}
	}
}
