package ingest

import (
	"time"

	"vigil/frames"
)

// frozenAfter is how many access units in a row may have one presentation time before the source's clock counts as one
// that stands still: a second of most cameras.
const frozenAfter = 25

// arrival replaces the times of a source whose clock stands still by those of the access units' arrival, for the rest of
// the connection.
type arrival struct {
	pts   int64     // of the latest unit
	since time.Time // arrival of the first unit with it
	same  int       // how many units have followed with it
	on    bool
}

// set sets the unit's time where its own says nothing, from the arrival of the first unit that stood still on.
func (a *arrival) set(u *Unit) {
	switch {
	case a.on:
	case u.PTS != a.pts || a.since.IsZero():
		a.pts, a.since, a.same = u.PTS, u.Received, 0
		return
	default:
		if a.same++; a.same < frozenAfter {
			return
		}
		a.on = true
	}
	u.PTS = a.pts + frames.Ticks(u.Received.Sub(a.since))
}
