package alerts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/vision"
)

// course is what happens at a house, and what must come of it, sorted.
type course struct {
	sightings []vision.Sighting
	want      []string
	second    bool // whether the first alert has a second clip
	rules     []alerts.Rule
}

// TestKilledAtEveryStep runs a visit again and again; each time one operation, the next, fails in one of both ways, and
// the process is killed there. What was not acknowledged comes again. Sightings come one by one, and all at once.
func TestKilledAtEveryStep(t *testing.T) {
	one, other := sighting("door-1", "s-1", 0, 1), sighting("yard-1", "s-1", 2, 3)
	for name, c := range map[string]course{
		"a visit": {
			sightings: []vision.Sighting{one, other, ended(sighting("door-1", "s-1", 0, 4))},
			want:      []string{"clip 1", "clip-ready 1", "closed 1", "opened 1"},
		},
		"a long visit": {
			sightings: []vision.Sighting{one, sighting("door-1", "s-1", 0, 50), sighting("door-1", "s-1", 0, 58), ended(sighting("door-1", "s-1", 0, 70))},
			want:      []string{"clip 1", "clip 1-2", "clip-ready 1", "clip-ready-2 1", "closed 1", "opened 1"},
			second:    true,
		},
		"a correction": {
			sightings: []vision.Sighting{one, other, known(sighting("door-1", "", 0, 4), "Resident")},
			want:      []string{"clip 1", "clip-ready 1", "closed 1", "corrected 1", "opened 1"},
		},
		"a stranger goes on after a correction": {
			sightings: []vision.Sighting{one, other, known(sighting("yard-1", "", 2, 4), "Resident"), sighting("door-1", "s-1", 0, 6)},
			want:      []string{"clip 1", "clip 2", "clip-ready 1", "closed 1", "closed 2", "corrected 1", "opened 1", "opened 2"},
		},
		"a more important rule, and a correction of both": {
			rules:     []alerts.Rule{porch, alerts.Strangers()},
			sightings: []vision.Sighting{one, along(sighting("door-1", "s-1", 2, 3), inside), known(sighting("door-1", "", 0, 4), "Resident")},
			want:      []string{"clip 1", "clip 2", "clip-ready 1", "closed 1", "closed 2", "corrected 1", "corrected 2", "opened 1", "opened 2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, fault := range []alertstest.Fault{alertstest.NotWritten, alertstest.Written} {
				for _, kill := range []bool{true, false} {
					for _, atOnce := range []bool{true, false} {
						step := 0
						for c.runKilled(t, step, fault, kill, atOnce) {
							step++
						}
						if step < 9 {
							t.Errorf("got only %d steps", step)
						}
					}
				}
			}
		})
	}
}

func (c course) runKilled(t *testing.T, step int, fault alertstest.Fault, kill, atOnce bool) (reached bool) {
	t.Helper()
	h := newHouse(t)
	h.byTime = true
	if c.rules != nil {
		h.rules = c.rules
		h.restart()
	}
	left, mu := step, sync.Mutex{}
	inject := func(string) alertstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		left--
		if left == -1 {
			reached = true
			return fault
		}
		return alertstest.None
	}
	h.store.Faults, h.bus.Faults = inject, inject
	again := func(what func(context.Context) error) {
		for err := what(t.Context()); err != nil; err = what(t.Context()) {
			if !errors.Is(err, alertstest.ErrInjected) {
				t.Fatalf("step %d: %v", step, err)
			}
			if kill {
				h.restart()
			}
		}
	}
	sightings := c.sightings
	if atOnce {
		again(func(ctx context.Context) error {
			var failed []vision.Sighting
			errs := h.desk.Sight(ctx, sightings)
			for i, err := range errs {
				if err != nil {
					failed = append(failed, sightings[i])
				}
			}
			sightings = failed
			return errors.Join(errs...)
		})
	}
	for _, s := range sightings {
		again(func(ctx context.Context) error { return h.show(ctx, s) })
	}
	tick := func(ctx context.Context) error { return h.desk.Tick(ctx) }
	for _, seconds := range []float64{20, 31} { // whoever is killed at the first asks for the clip at the second
		h.at(seconds)
		again(tick)
	}
	again(func(ctx context.Context) error { return h.answer(ctx, made(alerts.AlertID(c.sightings[0]))) })
	if c.second {
		again(func(ctx context.Context) error { return h.answer(ctx, piece(alerts.AlertID(c.sightings[0]), 2)) })
	}
	for _, seconds := range []float64{70, 120} {
		h.at(seconds)
		again(tick)
	}
	got := h.sent()
	slices.Sort(got)
	if !slices.Equal(got, c.want) {
		t.Errorf("step %d, fault %d, kill %v, at once %v: got %q", step, fault, kill, atOnce, got)
	}
	events := slices.DeleteFunc(slices.Clone(c.want), func(s string) bool { return strings.HasPrefix(s, "clip ") })
	if n, want := len(h.bus.Sent()), len(c.want)+len(events); n != want { // events go to the bus and to one endpoint
		t.Errorf("step %d: got %d messages, want %d: %q", step, n, want, h.bus.Sent())
	}
	return reached
}
