package alerts_test

import (
	"encoding/json"
	"testing"
	"time"

	"vigil/alerts"
)

// second is a visit whose first clip ends at 55 s and whose second was asked for up to 105 s.
func second(t *testing.T) (h *house, id string) {
	h = newHouse(t)
	first := sighting("door-1", "s-1", 0, 1)
	h.sight(first, sighting("door-1", "s-1", 0, 50), sighting("door-1", "s-1", 0, 58), ended(sighting("door-1", "s-1", 0, 100)))
	return h, alerts.AlertID(first)
}

func (h *house) film(done ...alerts.ClipDone) {
	h.t.Helper()
	for _, d := range done {
		if err := h.answer(h.t.Context(), d); err != nil {
			h.t.Fatal(err)
		}
	}
}

// told is the event of that id on the bus.
func (h *house) told(id string) alerts.Event {
	h.t.Helper()
	var n alerts.Notice
	if err := json.Unmarshal(h.bus.Message("event "+id), &n); err != nil {
		h.t.Fatalf("%s: %v", id, err)
	}
	e, err := n.Event()
	if err != nil || e.Data.Clip == nil {
		h.t.Fatalf("got %s, %v, want an event with a clip", n.Body, err)
	}
	return e
}

func piece(id string, n int) alerts.ClipDone {
	d := made(id)
	d.Piece, d.ShotKey, d.Clip.Key = n, "", "clips/"+(alerts.ClipJob{Alert: id, Piece: n}).Name()+".mp4"
	return d
}

func TestSecondPieceJob(t *testing.T) {
	h, id := second(t)
	var one, two alerts.ClipJob
	for name, job := range map[string]*alerts.ClipJob{id: &one, id + "-2": &two} {
		if err := json.Unmarshal(h.bus.Message("clip "+name), job); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	if one.Piece != 0 || two.Piece != 2 || two.Alert != id || two.ShotKey != "" || len(two.Record) == 0 {
		t.Errorf("got %+v and %+v", one, two)
	}
	if !two.Start.Equal(one.End) || !two.End.Equal(noon.Add(105*time.Second)) {
		t.Errorf("got %s to %s, want from %s to 105 s after noon", two.Start, two.End, one.End)
	}
}

// Whatever the order of the answers, each piece has one event of its own, and the first has the one that there always was.
func TestPiecesAreTold(t *testing.T) {
	for name, order := range map[string][]int{"in order": {1, 2}, "the second first": {2, 1}, "twice": {2, 2, 1, 2, 1}} {
		t.Run(name, func(t *testing.T) {
			h, id := second(t)
			for _, n := range order {
				done := piece(id, n)
				if n == 1 {
					done = made(id)
				}
				h.film(done)
			}
			for n, event := range map[int]string{1: id + "-alert-clip-ready", 2: id + "-alert-clip-ready-2"} {
				e := h.told(event)
				if e.Type != alerts.ClipReady || e.Data.Clip.Piece != n || e.Data.Alert.ID != id || e.ID() != event {
					t.Errorf("%s: got %+v of %+v", event, e, e.Data.Clip)
				}
			}
			h.tick(300) // the end tells the first clip, as ever
			if closed := h.told(id + "-alert-closed"); closed.Data.Clip.Piece != 1 {
				t.Errorf("got %+v", closed.Data.Clip)
			}
			v, err := h.store.Get(t.Context(), id)
			if err != nil || v.Filming() || len(v.Clips()) != 2 || v.Clips()[1].Piece != 2 {
				t.Errorf("got %+v, %v", v.Clips(), err)
			}
		})
	}
}

func TestPieceFails(t *testing.T) {
	h, id := second(t)
	v, err := h.store.Get(t.Context(), id)
	if err != nil || !v.Filming() {
		t.Errorf("got %+v, %v, want both clips to be on their way", v, err)
	}
	failed := piece(id, 2)
	failed.Clip, failed.Reason = nil, "no video"
	h.film(made(id), failed, piece(id, 7)) // of a seventh nothing is known
	v, err = h.store.Get(t.Context(), id)
	if err != nil || v.Filming() || len(v.Clips()) != 1 || v.More[0].State != alerts.ClipFailed || v.More[0].Reason != "no video" {
		t.Errorf("got %+v, %v", v, err)
	}
	h.film(piece(id, 2)) // later it could be made after all
	if v, err := h.store.Get(t.Context(), id); err != nil || len(v.Clips()) != 2 {
		t.Errorf("got %+v, %v", v, err)
	}
}
