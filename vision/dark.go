package vision

import (
	"time"

	"vigil/frames"
)

// darkAfter is how long nothing may be decodable before it is told of. A loss spoils a group of pictures, not two in a row of the
// usual 10 s at most.
const darkAfter = 20 * time.Second

// darkness is for how long nothing of an epoch could be decoded.
type darkness struct {
	epoch string
	since time.Time // capture time
	until time.Time
}

// add takes the next fragment; failed says that it could not be decoded to its end.
func (d *darkness) add(f *frames.Fragment, failed bool) {
	switch {
	case !failed:
		*d = darkness{}
		return
	case d.epoch != f.Epoch:
		*d = darkness{epoch: f.Epoch, since: f.Start}
	}
	d.until = f.End()
}

// undecodable is the epoch of which nothing was decoded for long enough; empty when there is none.
func (d *darkness) undecodable() string {
	if d.until.Sub(d.since) < darkAfter {
		return ""
	}
	return d.epoch
}
