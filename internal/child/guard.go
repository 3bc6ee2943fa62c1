package child

import (
	"errors"
	"sync"
)

// errLeftOut says why something is not worked on.
var errLeftOut = errors.New("left out: it, or several of its run, crashed the process twice")

// Guard tells the parent what is in work. What was in work when an earlier child crashed works alone, so that the next
// crash is its own; what has crashed alone is left out.
type Guard struct {
	parent    *Parent
	suspected map[string]bool
	left      map[string]bool

	alone sync.RWMutex // held by every lane at work, for writing by a suspect
}

// NewGuard returns the guard of a child that was told of suspects and of what to leave out.
func NewGuard(p *Parent, o Orders) *Guard {
	g := &Guard{parent: p, suspected: map[string]bool{}, left: map[string]bool{}}
	for _, id := range o.Suspected {
		g.suspected[id] = true
	}
	for _, id := range o.LeftOut {
		g.left[id] = true
	}
	return g
}

// Lane returns a lane of that name. Lanes at work at the same time have different names.
func (g *Guard) Lane(name string) *Lane { return &Lane{guard: g, name: name} }

// Lane is one of those who work at the same time. It is used by one goroutine at a time.
type Lane struct {
	guard *Guard
	name  string
	busy  bool
	id    string
	alone bool
}

// Enter says that the lane works on id from now on. An error means that it must be left out.
func (l *Lane) Enter(id string, pos uint64) error {
	g := l.guard
	if l.busy && l.id == id {
		return nil
	}
	l.Leave()
	if g.left[id] || g.left[runOf(id)] {
		return errLeftOut
	}
	l.alone = g.suspected[id]
	if l.alone {
		g.alone.Lock()
	} else {
		g.alone.RLock()
	}
	l.busy, l.id = true, id
	// A parent that is gone ends this process.
	_ = g.parent.tell(message{Begin: &Work{Lane: l.name, ID: id, Pos: pos}})
	return nil
}

// Leave says that the lane works on nothing for now.
func (l *Lane) Leave() {
	if !l.busy {
		return
	}
	_ = l.guard.parent.tell(message{End: l.name})
	l.busy = false
	if l.alone {
		l.guard.alone.Unlock()
	} else {
		l.guard.alone.RUnlock()
	}
}
