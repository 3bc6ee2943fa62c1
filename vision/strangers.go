package vision

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"vigil/frames"
)

// DefaultGap is how long a stranger is remembered after they were last seen: the gap that ends a visit.
const DefaultGap = 30 * time.Second

// maxLooks bounds the templates of one stranger: enough for the views of a visit over several cameras, when no two of
// them show the same.
const maxLooks = 16

// Strangers remembers the unknown people of the current visits, for all cameras of the process, so that the same one
// gets the same identity in each of their tracks. It keeps templates in memory only and forgets them with the visit.
// Its methods may be called from several goroutines.
type Strangers struct {
	threshold float64
	gap       time.Duration

	mu     sync.Mutex
	known  []*stranger        // oldest first
	tracks map[string]*member // whose track it is, whether or not its look was kept
	clocks map[frames.CameraID]clock
}

type stranger struct {
	id    string
	looks []look
	first time.Time // capture time
	last  time.Time // capture time
}

// member is a track of a stranger.
type member struct {
	who  *stranger
	last time.Time // capture time
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
	return &Strangers{threshold: m.Threshold, gap: gap, tracks: make(map[string]*member), clocks: make(map[frames.CameraID]clock)}
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
	m := s.tracks[track]
	if m == nil {
		m = &member{who: s.nearest(e, at)}
		s.tracks[track] = m
	}
	if m.who == nil {
		m.who = &stranger{id: StrangerID(track), first: at, last: at}
		s.known = append(s.known, m.who)
	}
	m.see(at)
	m.who.remember(track, slices.Clone(e))
	return m.who.id
}

// Seen keeps the stranger of the track remembered.
func (s *Strangers) Seen(track string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.tracks[track]; m != nil {
		m.see(at)
	}
}

// Forget takes back what the track looks like, because it turned out to be somebody enrolled. Who has no look left is
// forgotten; other tracks of the same stranger stay what they were.
func (s *Strangers) Forget(track string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.tracks[track]
	if m == nil {
		return
	}
	delete(s.tracks, track)
	m.who.looks = slices.DeleteFunc(m.who.looks, func(l look) bool { return l.track == track })
	if len(m.who.looks) == 0 {
		s.keep(func(who *stranger) bool { return who != m.who })
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
	remembered := func(last time.Time) bool { return len(s.clocks) > 0 && slowest.Sub(last) <= s.gap }
	s.keep(func(who *stranger) bool { return remembered(who.last) })
	maps.DeleteFunc(s.tracks, func(_ string, m *member) bool { return !remembered(m.last) })
}

// keep forgets everybody else, and their tracks.
func (s *Strangers) keep(whom func(*stranger) bool) {
	s.known = slices.DeleteFunc(s.known, func(who *stranger) bool { return !whom(who) })
	maps.DeleteFunc(s.tracks, func(_ string, m *member) bool { return !whom(m.who) })
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

func (m *member) see(at time.Time) {
	m.last = later(m.last, at)
	m.who.last = later(m.who.last, at)
	if at.Before(m.who.first) {
		m.who.first = at
	}
}

// remember keeps the track's latest look, and of more than maxLooks those that differ: of the two most alike the older
// one goes.
func (w *stranger) remember(track string, e Embedding) {
	w.looks = slices.DeleteFunc(w.looks, func(l look) bool { return l.track == track })
	w.looks = append(w.looks, look{track, e})
	if len(w.looks) <= maxLooks {
		return
	}
	drop, most := 0, math.Inf(-1)
	for i, l := range w.looks {
		for _, o := range w.looks[i+1:] {
			if alike := l.e.Dot(o.e); alike > most {
				drop, most = i, alike
			}
		}
	}
	w.looks = slices.Delete(w.looks, drop, drop+1)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
