package vision

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"vigil/frames"
)

// DefaultGap is how long a stranger is remembered after they were last seen: the gap that ends a visit.
const DefaultGap = 30 * time.Second

// maxLooks bounds the templates of one stranger: enough for the views of a visit over several cameras.
const maxLooks = 16

// Strangers remembers the unknown people of the current visits, for all cameras of the process, so that the same one
// gets the same identity in each of their tracks. It keeps templates in memory only and forgets them with the visit.
// Its methods may be called from several goroutines.
type Strangers struct {
	threshold float64
	gap       time.Duration

	mu     sync.Mutex
	known  []*stranger // oldest first
	clocks map[frames.CameraID]clock
}

type stranger struct {
	id    string
	looks []look
	first time.Time // capture time
	last  time.Time // capture time
}

type look struct {
	track string
	e     Embedding
}

// clock is how far a camera's analysis is in capture time, and when it said so.
type clock struct {
	at   time.Time
	wall time.Time
}

// NewStrangers returns a memory that takes two faces for the same stranger by the model's threshold and forgets
// somebody gap after they were last seen; DefaultGap when that is 0.
func NewStrangers(m Model, gap time.Duration) *Strangers {
	if gap <= 0 {
		gap = DefaultGap
	}
	return &Strangers{threshold: m.Threshold, gap: gap, clocks: make(map[frames.CameraID]clock)}
}

// StrangerID is the identity of the stranger whose first track this is. It follows from the track, so that the same
// video analysed again mints the same one.
func StrangerID(track string) string {
	sum := sha256.Sum256([]byte(track))
	return "s-" + hex.EncodeToString(sum[:4])
}

// Identify returns who the unknown of the track is: who they were before, whom they look like among those seen
// within the gap of at, or somebody new. It remembers e as what the track looks like.
func (s *Strangers) Identify(e Embedding, track string, at time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.ofTrack(track)
	if who == nil {
		who = s.nearest(e, at)
	}
	if who == nil {
		who = &stranger{id: StrangerID(track), first: at, last: at}
		s.known = append(s.known, who)
	}
	who.remember(track, append(Embedding(nil), e...), at)
	return who.id
}

// Seen keeps the stranger of the track remembered.
func (s *Strangers) Seen(track string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who := s.ofTrack(track); who != nil {
		who.last = later(who.last, at)
	}
}

// Forget takes back what the track looks like, because it turned out to be somebody enrolled.
func (s *Strangers) Forget(track string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, who := range s.known {
		for k, l := range who.looks {
			if l.track != track {
				continue
			}
			who.looks = append(who.looks[:k:k], who.looks[k+1:]...)
			if len(who.looks) == 0 {
				s.known = append(s.known[:i:i], s.known[i+1:]...)
			}
			return
		}
	}
}

// Advance says how far a camera's analysis is. Somebody is forgotten only when every camera that is being analysed
// is past the gap: one that reads recorded video again must find the strangers of that time.
func (s *Strangers) Advance(camera frames.CameraID, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clocks[camera] = clock{at: at, wall: time.Now()}
	s.sweep()
}

// Quiet reports whether nobody is remembered.
func (s *Strangers) Quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	return len(s.known) == 0
}

// sweep forgets who was not seen for the gap. A camera that has said nothing for the gap no longer counts; when none
// is left, time that cannot be measured has passed and everybody is forgotten.
func (s *Strangers) sweep() {
	var slowest time.Time
	for camera, c := range s.clocks {
		if time.Since(c.wall) > s.gap {
			delete(s.clocks, camera)
		} else if slowest.IsZero() || c.at.Before(slowest) {
			slowest = c.at
		}
	}
	kept := s.known[:0]
	for _, who := range s.known {
		if len(s.clocks) > 0 && slowest.Sub(who.last) <= s.gap {
			kept = append(kept, who)
		}
	}
	clear(s.known[len(kept):])
	s.known = kept
}

func (s *Strangers) ofTrack(track string) *stranger {
	for _, who := range s.known {
		for _, l := range who.looks {
			if l.track == track {
				return who
			}
		}
	}
	return nil
}

func (s *Strangers) nearest(e Embedding, at time.Time) *stranger {
	var best *stranger
	score := s.threshold
	for _, who := range s.known {
		if at.Sub(who.last) > s.gap || who.first.Sub(at) > s.gap {
			continue
		}
		for _, l := range who.looks {
			if len(l.e) == len(e) && l.e.Dot(e) >= score {
				best, score = who, l.e.Dot(e)
			}
		}
	}
	return best
}

func (w *stranger) remember(track string, e Embedding, at time.Time) {
	w.last = later(w.last, at)
	if at.Before(w.first) {
		w.first = at
	}
	for i := range w.looks {
		if w.looks[i].track == track {
			w.looks[i].e = e
			return
		}
	}
	w.looks = append(w.looks, look{track, e})
	if len(w.looks) > maxLooks {
		w.looks = w.looks[1:]
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
