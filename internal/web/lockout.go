package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// How many wrong tokens an address, and an account, may bring before it is locked.
const (
	wrongPerMinute = 5
	wrongPerHour   = 20
	// maxCulprits bounds the memory of them. When it is full of those of the last hour, everybody new counts as locked.
	maxCulprits = 10_000
)

// lockout counts wrong tokens by address and by account: the token whose id was named.
type lockout struct {
	mu     sync.Mutex
	counts map[string]*wrongs
}

// wrongs are the wrong tokens of the minute and of the hour that began then.
type wrongs struct {
	minute, hour     time.Time
	inMinute, inHour int
}

func newLockout() *lockout { return &lockout{counts: map[string]*wrongs{}} }

// locked says whether one of them has brought too many.
func (l *lockout) locked(now time.Time, who ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range who {
		w := l.at(name, now)
		if name != "" && (w == nil || w.inMinute >= wrongPerMinute || w.inHour >= wrongPerHour) {
			return true
		}
	}
	return false
}

// wrong counts one more for each of them.
func (l *lockout) wrong(now time.Time, who ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range who {
		if w := l.at(name, now); name != "" && w != nil {
			w.inMinute++
			w.inHour++
			l.counts[name] = w
		}
	}
}

// at is what counts at now; nil when there is no room for somebody new.
func (l *lockout) at(name string, now time.Time) *wrongs {
	w := l.counts[name]
	if w == nil && len(l.counts) >= maxCulprits {
		for old, w := range l.counts {
			if now.Sub(w.hour) >= time.Hour {
				delete(l.counts, old)
			}
		}
		if len(l.counts) >= maxCulprits {
			return nil
		}
	}
	if w == nil {
		w = &wrongs{minute: now, hour: now}
	}
	if now.Sub(w.minute) >= time.Minute {
		w.minute, w.inMinute = now, 0
	}
	if now.Sub(w.hour) >= time.Hour {
		w.hour, w.inHour = now, 0
	}
	return w
}

// addressOf is where the request comes from. A network of IPv6 is one address: whoever has one has all of it.
func addressOf(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.Unmap().Is4() {
		return "address " + host
	}
	network, _ := ip.Prefix(64) // an IPv6 address has 128 bits
	return "address " + network.String()
}
