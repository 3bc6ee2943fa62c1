package alerts_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/vision"
)

// feed is an alerts.Batches of what is sent to it, one by one.
type feed[T any] chan T

func (f feed[T]) Consume(ctx context.Context, handle func(context.Context, []T) []error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case message := <-f:
			if err := errors.Join(handle(ctx, []T{message})...); err != nil {
				return err
			}
		}
	}
}

// running runs the desk, in a bubble and on its clock, for as long as work takes.
func (h *house) running(desk *alerts.Desk, work func(sight func(vision.Sighting))) {
	h.t.Helper()
	sightings := make(feed[vision.Sighting])
	desk.Now, desk.Sightings, desk.Clips = time.Now, sightings, make(feed[alerts.ClipDone])
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- desk.Run(ctx) }()
	work(func(s vision.Sighting) {
		sightings <- s
		synctest.Wait()
	})
	cancel()
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
}

// TestLeaseLostAndFoundAgain: what a desk remembers from before it lost its lease is no longer so.
func TestLeaseLostAndFoundAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		desk := h.desk
		h.running(desk, func(sight func(vision.Sighting)) { sight(sighting("door-1", "s-0", 0, 1)) })
		h.restart()
		h.running(h.desk, func(sight func(vision.Sighting)) {
			for s := 3.0; s < 200; s += 3 {
				sight(sighting("door-1", "s-0", 0, s))
				if s > 180 {
					sight(sighting("door-9", "s-9", 180, s))
				}
				time.Sleep(3 * time.Second)
			}
		})
		h.running(desk, func(sight func(vision.Sighting)) {
			time.Sleep(5 * time.Second)
			sight(sighting("yard-9", "s-9", 199, 203))
			sight(sighting("door-1", "s-0", 0, 203))
		})
		h.want("opened 1", "clip 1", "clip 1-2", "clip 1-3", "opened 2")
	})
}

// refuse lets the named operations of the bus fail, and counts all.
func (h *house) refuse(operations ...string) map[string]int {
	count := map[string]int{}
	h.bus.Faults = func(operation string) alertstest.Fault {
		count[operation]++
		if slices.Contains(operations, operation) {
			return alertstest.NotWritten
		}
		return alertstest.None
	}
	return count
}

// try does what must fail and not be acknowledged.
func (h *house) try(what string, err error) {
	h.t.Helper()
	if err == nil {
		h.t.Errorf("%s was acknowledged although not all of it is on the bus", what)
	}
}

func (h *house) visit(s vision.Sighting) alerts.Visit {
	h.t.Helper()
	v, err := h.store.Get(h.t.Context(), alerts.AlertID(s))
	if err != nil {
		h.t.Fatal(err)
	}
	return v
}

func TestRefusedEventsKeepNothingElseWaiting(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-1", 0, 1)
	count := h.refuse("publish")
	h.try("a sighting", h.show(t.Context(), one))
	h.try("its end", h.show(t.Context(), ended(one)))
	h.at(60)
	h.try("the gap", h.desk.Tick(t.Context()))
	id := alerts.AlertID(one)
	want := []string{"home " + id + "-alert-opened", "clip " + id, "home " + id + "-alert-closed"}
	if got := h.bus.Sent(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if v := h.visit(one); v.ClipState != alerts.ClipScheduled || len(v.Pending) != 2 || len(v.Issued) != 0 {
		t.Errorf("got clip %s, %d pending, issued %q", v.ClipState, len(v.Pending), v.Issued)
	}
	if count["request"] != 1 {
		t.Errorf("the clip was asked for %d times", count["request"])
	}
	h.refuse()
	h.tick(61)
	h.want("clip 1", "opened 1", "closed 1")
	if v := h.visit(one); !v.Settled() {
		t.Errorf("got %d pending, want none", len(v.Pending))
	}
}

func TestRefusedClipJobKeepsNoEventWaiting(t *testing.T) {
	h := newHouse(t)
	one := ended(sighting("door-1", "s-1", 0, 1))
	h.refuse("request")
	h.try("a sighting", h.show(t.Context(), one))
	if v := h.visit(one); v.ClipState != alerts.ClipDue || !slices.Equal(v.Issued, []alerts.EventType{alerts.Opened}) {
		t.Errorf("got clip %s, issued %q", v.ClipState, v.Issued)
	}
	h.refuse()
	h.tick(1)
	h.want("opened 1", "clip 1")
}

// TestStagesAreNotRepeated: the bus recognises what is sent again for two minutes only, and an endpoint may be in
// trouble for longer.
func TestStagesAreNotRepeated(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-1", 0, 1)
	count := h.refuse("enqueue")
	h.try("a sighting", h.show(t.Context(), one))
	for range 3 {
		h.try("a tick", h.desk.Tick(t.Context()))
		h.restart()
	}
	if count["publish"] != 1 || count["enqueue"] != 4 {
		t.Errorf("got %v, want 1 publish and 4 tries to enqueue", count)
	}
	revision := h.visit(one).Revision
	h.try("a tick", h.desk.Tick(t.Context()))
	if got := h.visit(one).Revision; got != revision {
		t.Errorf("nothing has changed, but revision %d was saved after %d", got, revision)
	}
	count = h.refuse()
	h.tick(1)
	if got := h.bus.Sent(); count["publish"] != 0 || len(got) != 2 || !strings.HasPrefix(got[1], "home ") {
		t.Errorf("got %q after %v", got, count)
	}
}

// erased is a store of which somebody has erased one alert.
type erased struct {
	alerts.Store
	alert string
}

func (e erased) Get(ctx context.Context, alert string) (alerts.Visit, error) {
	if alert == e.alert {
		return alerts.Visit{}, alerts.ErrNotFound
	}
	return e.Store.Get(ctx, alert)
}

// TestErasedWhileOthersAreTaken: that one alert is not there any more makes the desk read them all anew, also those that came
// with it and are not written yet.
func TestErasedWhileOthersAreTaken(t *testing.T) {
	h := newHouse(t)
	gone := sighting("yard-1", "s-9", 0, 1)
	h.sight(gone)
	h.desk.Store = erased{h.store, alerts.AlertID(gone)}
	errs := h.desk.Sight(t.Context(), []vision.Sighting{
		sighting("door-1", "s-1", 2, 3), sighting("yard-1", "s-9", 0, 4), sighting("porch-1", "s-1", 3, 5),
	})
	if errs[0] != nil || !errors.Is(errs[1], alerts.ErrNotFound) || errs[2] != nil {
		t.Errorf("got %v, want the second to fail", errs)
	}
	h.want("opened 1", "opened 2")
}
