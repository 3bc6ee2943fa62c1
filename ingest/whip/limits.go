package whip

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Bounds of what one endpoint takes.
const (
	maxBody       = 64 << 10 // bytes of an offer or an SDP fragment
	maxPending    = 20       // sessions that are not connected yet, over all cameras
	maxCandidates = 64       // of one peer's ICE session, over its offer or restart and all its fragments
	maxSections   = 16       // media sections of an offer, of which two can be taken
	maxStrangers  = 256      // ICE-TCP connections, over all sessions
	maxBuckets    = 4096     // keys that one rate limit remembers
)

// limit is how often something may be done: a burst, then so many a second.
type limit struct{ burst, perSecond float64 }

// The limits (RFC 9725, 5).
var (
	publishLimit = limit{20, 10}  // POST, per camera, with the right token
	patchLimit   = limit{40, 10}  // PATCH, per session
	refusedLimit = limit{20, 0.2} // wrong tokens and unknown sessions, per address and camera
)

// restartCost is what an ICE restart weighs as a PATCH: all candidates are gathered anew.
const restartCost = 8

// bucket is a token bucket.
type bucket struct {
	limit
	tokens float64
	last   time.Time
}

func newBucket(l limit, now time.Time) *bucket { return &bucket{limit: l, tokens: l.burst, last: now} }

// ready says whether there is enough for cost.
func (b *bucket) ready(cost float64, now time.Time) bool {
	b.tokens = min(b.burst, b.tokens+b.perSecond*now.Sub(b.last).Seconds())
	b.last = now
	return b.tokens >= cost
}

// take takes cost if there is enough.
func (b *bucket) take(cost float64, now time.Time) bool {
	if !b.ready(cost, now) {
		return false
	}
	b.tokens -= cost
	return true
}

// buckets are token buckets by key. Those that are full again are forgotten when there are too many; when none is,
// all are.
type buckets[K comparable] struct {
	limit limit

	mu  sync.Mutex
	all map[K]*bucket
}

// ready says whether key has one left.
func (s *buckets[K]) ready(key K, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.all[key]
	return b == nil || b.ready(1, now)
}

// take takes one of key's, if it has one left.
func (s *buckets[K]) take(key K, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.all[key]
	if b == nil {
		s.makeRoom(now)
		b = newBucket(s.limit, now)
		s.all[key] = b
	}
	return b.take(1, now)
}

func (s *buckets[K]) makeRoom(now time.Time) {
	if s.all == nil {
		s.all = map[K]*bucket{}
	}
	if len(s.all) < maxBuckets {
		return
	}
	for key, b := range s.all {
		if b.ready(b.burst, now) {
			delete(s.all, key)
		}
	}
	if len(s.all) >= maxBuckets {
		clear(s.all)
	}
}

// stranger is whom refusals are counted against: an address, for IPv6 its network, at one camera. A publisher that
// is set up wrongly at one camera shuts out nobody who shares its address at the others.
type stranger struct {
	from   netip.Prefix
	camera string
}

func strangerOf(r *http.Request, camera string) stranger {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return stranger{camera: camera}
	}
	ip, bits := at.Addr().Unmap(), 64
	if ip.Is4() {
		bits = 32
	}
	network, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return stranger{camera: camera}
	}
	return stranger{from: network, camera: camera}
}

// boundedListener closes what is over its places right away: whoever opens connections and says nothing on them
// cannot use up the process's file descriptors.
type boundedListener struct {
	net.Listener
	places chan struct{}
}

func newBoundedListener(l net.Listener, most int) *boundedListener {
	return &boundedListener{l, make(chan struct{}, most)}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &boundedConn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			_ = c.Close() // there is nobody to tell
		}
	}
}

// boundedConn gives its place back when it is closed.
type boundedConn struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
