package alerts

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many visits are issued at the same time.
const atOnce = 64

// due is what some messages, which are taken one after the other, change and have to put on the bus. It is written for all of
// them together: each write is synced to the disk by itself, and those of different people need not wait for each other.
type due struct {
	now    int      // the message that is being taken
	errs   []error  // by message
	order  []string // alerts
	visits map[string]*dueVisit
	of     map[string][]int // messages by alert
}

type dueVisit struct {
	before Visit // as it is stored; zero when it is new
	visit  Visit
	heard  time.Time // as in visitor
	// refused says that something of it is not on the bus, lost that the store may not have it.
	refused, lost error
}

// each takes n messages, and writes what follows from them. It returns an error for each, or nil.
func (d *Desk) each(ctx context.Context, n int, take func(i int) error) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due = due{errs: make([]error, n), visits: make(map[string]*dueVisit), of: make(map[string][]int)}
	var unknown error // what the store holds; then nothing can be taken
	for i := range n {
		d.due.now = i
		if !d.loaded && unknown == nil {
			d.settle(ctx) // what is due is not in the store yet, and would be forgotten
			unknown = d.load(ctx)
		}
		err := unknown
		if err == nil {
			err = take(i)
		}
		d.due.errs[i] = errors.Join(d.due.errs[i], err)
	}
	d.settle(ctx)
	return d.due.errs
}

// owe has the visit written, and what is pending of it put on the bus. before is what the store has of it.
func (d *Desk) owe(before, next Visit) {
	id := next.Alert.ID
	if !slices.Contains(d.due.of[id], d.due.now) {
		d.due.of[id] = append(d.due.of[id], d.due.now)
	}
	if v, ok := d.due.visits[id]; ok {
		v.visit = next
	} else {
		d.due.visits[id] = &dueVisit{before: before, visit: next, heard: d.open[id].heard}
	}
	d.due.order = append(slices.DeleteFunc(d.due.order, func(other string) bool { return other == id }), id)
	d.remember(next)
}

// settle writes what is due. What is told of one person is told in order; what is refused keeps nothing else waiting.
func (d *Desk) settle(ctx context.Context) {
	lanes := make(map[string][]*dueVisit)
	for _, id := range d.due.order {
		v := d.due.visits[id]
		lanes[v.visit.Stranger] = append(lanes[v.visit.Stranger], v)
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, lane := range lanes {
		group.Go(func() error {
			d.write(ctx, lane)
			return nil
		})
	}
	_ = group.Wait() // none of them returns an error
	for _, id := range d.due.order {
		v := d.due.visits[id]
		d.written(v)
		for _, i := range d.due.of[id] {
			d.due.errs[i] = errors.Join(d.due.errs[i], v.refused, v.lost)
		}
	}
	d.due.order = nil
	clear(d.due.visits)
	clear(d.due.of)
}

// flush is settle for a message that must not go on before what it has changed is written.
func (d *Desk) flush(ctx context.Context) error {
	d.settle(ctx)
	return d.due.errs[d.due.now]
}

// write saves visits of one person and puts on the bus what is pending of them. Those behind one that was lost are lost too.
func (d *Desk) write(ctx context.Context, lane []*dueVisit) {
	var lost error
	for _, v := range lane {
		if lost == nil && !reflect.DeepEqual(v.before, v.visit) {
			v.visit, lost = d.save(ctx, v.visit)
		}
		if v.lost = lost; lost != nil || v.visit.Settled() {
			continue
		}
		var next Visit
		if next, v.refused = d.put(ctx, v.visit); !reflect.DeepEqual(v.visit, next) {
			v.visit, v.lost = d.save(ctx, next)
		}
	}
}

// written notes what became of a visit.
func (d *Desk) written(v *dueVisit) {
	if v.lost == nil {
		d.tell(v.before, v.visit)
		d.remember(v.visit)
		return
	}
	d.loaded = false // what the store holds now is not certain
	if v.before.Open() && !v.heard.IsZero() {
		d.open[v.before.Alert.ID] = visitor{visit: v.before, heard: v.heard}
	}
}

func (d *Desk) save(ctx context.Context, v Visit) (saved Visit, err error) {
	if v.Revision == 0 {
		saved, err = d.Store.Create(ctx, v)
	} else {
		saved, err = d.Store.Update(ctx, v)
	}
	if err != nil {
		return Visit{}, fmt.Errorf("save alert %s: %w", v.Alert.ID, err)
	}
	return saved, nil
}

// tell logs and counts what a visit that was saved has come to.
func (d *Desk) tell(before, v Visit) {
	log := d.Log.With("alert", v.Alert.ID, "rule", v.Alert.Rule, "camera", v.Alert.Camera, "stranger", v.Stranger)
	if before.Alert.ID == "" {
		log.Info("alert opened")
		d.count(v.Alert.Rule, func(t *Tally) { t.Raised++ })
	}
	if before.Open() && !v.Open() {
		log.Info("alert closed")
	}
	if !before.Wrong() && v.Wrong() {
		log.Warn("alert corrected, the stranger is enrolled")
	}
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
