package rtsp

import (
	"log/slog"
	"sync"
	"time"
)

const (
	// maxConns is how many connections are open at once: far more than a machine has cameras, and well below the
	// usual 1024 files a process may open.
	maxConns = 256
	// announceTimeout is how long a connection may do without a session. A publisher on a slow line needs three
	// round trips to announce one; gortsplib itself waits for ever for a connection's first bytes.
	announceTimeout = 10 * time.Second
	// refusedEvery is how often is said at most that connections were refused.
	refusedEvery = time.Second
)

// limits is what a lobby holds connections to.
type limits struct {
	conns    int
	announce time.Duration
}

// closer is what a lobby knows of a connection. Close neither blocks nor calls back.
type closer interface{ Close() }

// lobby bounds connections: how many there are, and how long each is here without a session. It has timers and no
// goroutine of its own.
type lobby struct {
	limits
	log *slog.Logger

	mu      sync.Mutex
	conns   map[closer]*time.Timer // closes the connection; stopped while it has a session
	refused uint64                 // since it was last said
	say     *time.Timer            // set while refused is not zero
}

func newLobby(bounds limits, log *slog.Logger) *lobby {
	return &lobby{limits: bounds, log: log, conns: make(map[closer]*time.Timer)}
}

// enter takes a new connection in, or closes it when there are too many.
func (l *lobby) enter(c closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) < l.limits.conns {
		l.conns[c] = time.AfterFunc(l.announce, c.Close)
		return
	}
	c.Close()
	l.refused++
	if l.say == nil {
		l.say = time.AfterFunc(refusedEvery, l.flush)
	}
}

// begun says that the connection has a session, for which others keep the time.
func (l *lobby) begun(c closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.conns[c]; t != nil {
		t.Stop()
	}
}

// wait gives the connection, which has no session any more, the time to begin another.
func (l *lobby) wait(c closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.conns[c]; t != nil {
		t.Reset(l.announce)
	}
}

// leave forgets a closed connection. It returns false for one that was refused.
func (l *lobby) leave(c closer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, ok := l.conns[c]
	if ok {
		t.Stop()
		delete(l.conns, c)
	}
	return ok
}

// flush says how many connections were refused since it was last said.
func (l *lobby) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.say != nil {
		l.say.Stop()
		l.log.Warn("rtsp connections refused: too many", "refused", l.refused, "most", l.limits.conns)
		l.refused, l.say = 0, nil
	}
}
