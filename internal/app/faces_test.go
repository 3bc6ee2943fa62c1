package app

import (
	"math"
	"testing"
	"time"

	"vigil/vision"
)

func TestFacesInView(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	book := &faceBook{now: func() time.Time { return now }}
	if got := book.at("door"); len(got) != 0 {
		t.Errorf("got %v before anybody was seen", got)
	}
	see := func(track string, outcome vision.Outcome, ended bool, x int32) {
		book.note(vision.Sighting{
			Camera: "door", Track: track, Decision: vision.Decision{Outcome: outcome, Person: "Ann"}, Start: now, Seen: now, Ended: ended,
			Trail: []vision.Mark{{0, 100, 100, 50, 50}, {900, x, 250, 100, 200}},
		})
	}
	see("door/e1/1-1", vision.Known, false, 500)
	now = now.Add(2 * time.Second)
	see("door/e1/2-1", vision.Unknown, false, 100)
	got := book.at("door")
	if len(got) != 2 || got[0].Person != "Ann" || got[0].Age != 2 || got[0].Box.X != 0.5 || got[0].Box.H != 0.2 || math.Abs(got[0].Moves.X-0.425/0.9) > 1e-9 || got[1].Decision != vision.Unknown {
		t.Errorf("got %+v, want Ann 2 s ago and a stranger now", got)
	}
	if got := book.at("yard"); len(got) != 0 {
		t.Errorf("got %v at another camera", got)
	}
	see("door/e1/2-1", vision.Unknown, true, 100)
	if got := book.at("door"); len(got) != 1 {
		t.Errorf("got %+v, want Ann only: the stranger has left", got)
	}
	now = now.Add(inView)
	if got := book.at("door"); len(got) != 0 {
		t.Errorf("got %+v of somebody who was not seen for %s", got, inView)
	}
}
