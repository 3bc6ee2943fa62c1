package vision

import (
	"context"
	"log/slog"
	"time"

	"vigil/frames"
)

// Limits of progress.
const (
	// saveEvery spares the bus: a quiet camera passes a key frame every second or two.
	saveEvery = 5 * time.Second
	// forceAfter is how much video a restart may have to read again. Where people come and go without a break there is
	// no quiet place; then forceBack of it is kept and no more, and somebody who has been there for longer gets a
	// new track, and as a stranger a new identity, after a restart.
	forceAfter = 2 * time.Minute
	forceBack  = time.Minute
	// saveTimeout bounds the wait for the bus; saving is tried again with the next fragment.
	saveTimeout = 5 * time.Second
)

// place is a key fragment: somewhere to begin again.
type place struct {
	pos   uint64
	epoch string
	pts   int64
	at    time.Time
}

// bookmark decides from where a restart reads the camera's log again, and saves it.
type bookmark struct {
	camera   frames.CameraID
	progress Progress
	log      *slog.Logger

	keys  []place // key fragments since the one to save, oldest first
	ready place   // the one to save; none when its pos is 0
	saved place   // what was saved last; its time is that of the first key fragment before
}

// load returns the position to begin at. It tries until ctx ends, then it returns false.
func (b *bookmark) load(ctx context.Context) (pos uint64, ok bool) {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		pos, err := b.progress.Load(ctx, b.camera)
		if err == nil {
			b.saved.pos = pos
			return pos, true
		}
		if ctx.Err() != nil {
			return 0, false
		}
		b.log.Warn("loading progress again", "error", err, "wait", wait)
		if !sleep(ctx, wait) {
			return 0, false
		}
	}
}

// key says that a key fragment is about to be decoded.
func (b *bookmark) key(p place) {
	if b.saved.at.IsZero() {
		b.saved.at = p.at
	}
	b.keys = append(b.keys, p)
}

// quiet says that nobody is followed or remembered after the analysed picture at pts, and that all that was seen before
// it is published. The newest key fragment not after pts is then a place to begin again: neither it nor the picture
// that a replay leaves out at its start (see Sampler.Resume) shows anybody.
func (b *bookmark) quiet(epoch string, pts int64) {
	for len(b.keys) > 0 {
		k := b.keys[0]
		if k.epoch == epoch && k.pts > pts {
			return
		}
		if k.epoch == epoch {
			b.ready = k
		}
		b.keys = b.keys[1:]
	}
}

// save saves the place to begin again, when it is time; now is the capture time of the fragment just analysed. While
// shots wait for the store the place stays, so that a restart makes them again.
func (b *bookmark) save(ctx context.Context, now time.Time, stored bool) {
	next := b.ready
	switch {
	case next.pos != 0 && next.pos != b.saved.pos && stored && (b.saved.pos == 0 || next.at.Sub(b.saved.at) >= saveEvery):
	case now.Sub(b.saved.at) > forceAfter:
		if next = b.before(now.Add(-forceBack)); next.pos == 0 || next.pos == b.saved.pos {
			return
		}
	default:
		return
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	if err := b.progress.Save(ctx, b.camera, next.pos); err != nil {
		b.log.Warn("saving progress again", "error", err, "position", next.pos)
		return
	}
	b.saved = next
	for len(b.keys) > 0 && b.keys[0].pos <= next.pos {
		b.keys = b.keys[1:]
	}
}

// before is the newest key fragment not after t, the place that is ready included.
func (b *bookmark) before(t time.Time) place {
	newest := b.ready
	for _, k := range b.keys {
		if !k.at.After(t) && k.pos > newest.pos {
			newest = k
		}
	}
	return newest
}
