package alerts_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/vision"
)

// event is what the endpoint was told.
func (h *house) event(first vision.Sighting, name string) alerts.Alert {
	h.t.Helper()
	var n alerts.Notice
	if err := json.Unmarshal(h.bus.Message("home "+alerts.AlertID(first)+"-"+name), &n); err != nil {
		h.t.Fatalf("%s: %v", name, err)
	}
	e, err := n.Event()
	if err != nil {
		h.t.Fatal(err)
	}
	return e.Data.Alert
}

// TestCorrection: what turns out to be wrong is said once, and all that is said later is right.
func TestCorrection(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-7f3a", 0, 1)
	h.sight(one, known(sighting("door-1", "", 0, 4), "Resident"), ended(known(sighting("door-1", "", 0, 9), "Resident")))
	h.want("opened 1", "corrected 1", "clip 1")
	h.wantBody(alerts.AlertID(one), "alert-corrected")
	if err := h.answer(t.Context(), made(alerts.AlertID(one))); err != nil {
		t.Fatal(err)
	}
	h.tick(60)
	h.want("opened 1", "corrected 1", "clip 1", "clip-ready 1", "closed 1")
	corrected := h.event(one, "alert-corrected")
	for _, later := range []string{"alert-clip-ready", "alert-closed"} {
		a := h.event(one, later)
		if a.Decision != vision.Known || *a.Nearest != *corrected.Nearest || a.Score != corrected.Score ||
			a.CorrectedAt == nil || !a.CorrectedAt.Equal(corrected.CorrectedAt.Time) {
			t.Errorf("%s: got %+v, want what was corrected", later, a)
		}
	}
	if v := h.visit(one); !v.Wrong() || !v.Settled() || !v.Seen.Equal(one.Seen) {
		t.Errorf("got corrected %s, %d pending, seen %s", v.Corrected, len(v.Pending), v.Seen)
	}
}

func TestCorrections(t *testing.T) {
	one, yard := sighting("door-1", "s-1", 0, 1), sighting("yard-1", "s-1", 2, 3)
	resident := known(sighting("yard-1", "", 2, 5), "Resident")
	cases := map[string]struct {
		run  func(h *house)
		want []string
	}{
		"after the visit's end": {func(h *house) {
			h.sight(one)
			h.tick(60)
			h.sight(known(sighting("door-1", "", 0, 50), "Resident"))
			h.tick(100)
		}, []string{"opened 1", "closed 1", "clip 1", "corrected 1"}},
		"told again, and after a restart": {func(h *house) {
			h.sight(one, yard, resident, resident)
			h.restart()
			h.sight(one, yard, resident, known(sighting("yard-1", "", 2, 8), "Resident"))
		}, []string{"opened 1", "corrected 1"}},
		"by one track of several, the others were seen before it": {func(h *house) {
			h.sight(one, yard, resident, sighting("door-1", "s-1", 0, 4), ended(sighting("door-1", "s-1", 0, 5)))
		}, []string{"opened 1", "corrected 1", "clip 1"}},
		"by one track of several, the first goes on as a stranger": {func(h *house) {
			h.sight(one, yard, resident, sighting("door-1", "s-1", 0, 6), sighting("door-1", "s-1", 0, 9))
			h.restart()
			h.sight(one, yard, resident, sighting("door-1", "s-1", 0, 6), sighting("door-1", "s-1", 0, 12))
		}, []string{"opened 1", "corrected 1", "opened 2"}},
		"the strangers that go on are one": {func(h *house) {
			h.sight(one, yard, resident, sighting("door-1", "s-1", 0, 6), sighting("door-2", "s-1", 6, 8))
		}, []string{"opened 1", "corrected 1", "opened 2"}},
		"the stranger comes on a new track": {func(h *house) {
			h.sight(one, yard, resident, sighting("gate-1", "s-1", 5, 8))
		}, []string{"opened 1", "corrected 1", "opened 2"}},
		"the one that went on is corrected too": {func(h *house) {
			h.sight(one, yard, resident, sighting("door-1", "s-1", 0, 6), known(sighting("door-1", "", 0, 8), "Resident"))
		}, []string{"opened 1", "corrected 1", "opened 2", "corrected 2", "clip 2"}},
		"another stranger's alert stays": {func(h *house) {
			h.sight(one, sighting("door-2", "s-2", 0, 1), known(sighting("door-1", "", 0, 4), "Resident"),
				sighting("door-2", "s-2", 0, 6))
		}, []string{"opened 1", "opened 2", "corrected 1", "clip 1"}},
		"of no alert": {func(h *house) { h.sight(resident) }, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c.run(h)
			h.want(c.want...)
		})
	}
}

// TestWhoItWasStays: two tracks of one visit turn out to be two people. The first answer was told.
func TestWhoItWasStays(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-1", 0, 1)
	h.sight(one, sighting("yard-1", "s-1", 2, 3))
	h.sight(known(sighting("yard-1", "", 2, 5), strings.Repeat("x", 200)), known(sighting("door-1", "", 0, 6), "Other"))
	if a := h.visit(one).Alert; len(a.Nearest.Person) > 110 || a.Nearest.Person[0] != 'x' || a.Nearest.Score != 0.7 {
		t.Errorf("got %+v", a.Nearest)
	}
	if a := h.event(one, "alert-opened"); a.CorrectedAt != nil || a.Decision != vision.Unknown {
		t.Errorf("the first event: got %+v", a)
	}
}

// TestCorrectedVisitsAreNotTheStrangers: a stranger's count does not hold visits of somebody enrolled.
func TestCorrectedVisitsAreNotTheStrangers(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-1", 0, 1)
	h.sight(one, sighting("yard-1", "s-1", 2, 3), known(sighting("yard-1", "", 2, 5), "Resident"))
	onwards := sighting("door-1", "s-1", 0, 9)
	h.sight(onwards)
	onwards.Start = noon.Add(5 * time.Second) // its alert begins where the correction ended the other
	if v := h.visit(onwards); v.Alert.Visits != 1 || !v.Start.Equal(onwards.Start) {
		t.Errorf("got visit %d since %s", v.Alert.Visits, v.Start)
	}
}

// TestCorrectionWhileTheBusRefuses: a correction is as safe as an alert.
func TestCorrectionWhileTheBusRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		one, resident := sighting("door-1", "s-1", 0, 1), known(sighting("door-1", "", 0, 4), "Resident")
		h.sight(one)
		h.refuse("publish", "enqueue")
		h.try("a correction", h.show(t.Context(), resident))
		h.restart() // killed
		h.refuse()
		h.running(h.desk, func(func(vision.Sighting)) { synctest.Wait() })
		h.tick(1)
		h.want("opened 1", "clip 1", "corrected 1")
		if err := h.show(context.WithoutCancel(t.Context()), resident); err != nil {
			t.Error(err)
		}
		h.want("opened 1", "clip 1", "corrected 1")
	})
}
