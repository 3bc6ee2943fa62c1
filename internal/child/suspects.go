package child

import (
	"slices"
	"strings"
)

// Bounds of what is remembered, the oldest forgotten first.
const (
	mostSuspected = 256
	mostLeftOut   = 4096
	// mostOfRun is how much of a run is left out one by one, each at the cost of two crashes: then all of it is.
	mostOfRun = 3
)

// runOf is what id belongs to: of camera/epoch/seq the epoch.
func runOf(id string) string { return id[:max(0, strings.LastIndexByte(id, '/'))] }

// Orders say what a child has to be careful with.
type Orders struct {
	Suspected []string // was in work when a child crashed: work on it alone
	LeftOut   []string // crashes: leave it out
}

// Suspects finds what crashes children. Several lanes are at work when a child crashes, and one of them may be why. So
// what was in work is worked on alone from then on, and what is in work alone when a child crashes again is guilty.
type Suspects struct{ orders Orders }

// LeaveOut says that id is guilty.
func (s *Suspects) LeaveOut(id string) {
	s.orders.LeftOut = remember(s.orders.LeftOut, id, mostLeftOut)
}

// Crashed takes what was in work at a crash and returns what is guilty of it; nil: that is not known yet.
func (s *Suspects) Crashed(work []Work) *Work {
	if len(work) == 1 && slices.Contains(s.orders.Suspected, work[0].ID) {
		s.LeaveOut(work[0].ID)
		if run := runOf(work[0].ID); run != "" && s.ofRun(run) >= mostOfRun {
			s.LeaveOut(run)
		}
		return &work[0]
	}
	for _, w := range work {
		if w.ID != "" {
			s.orders.Suspected = remember(s.orders.Suspected, w.ID, mostSuspected)
		}
	}
	return nil
}

// ofRun is how much of a run is left out.
func (s *Suspects) ofRun(run string) (n int) {
	for _, id := range s.orders.LeftOut {
		if runOf(id) == run {
			n++
		}
	}
	return n
}

// Orders are for the next child.
func (s *Suspects) Orders() Orders {
	return Orders{Suspected: slices.Clone(s.orders.Suspected), LeftOut: slices.Clone(s.orders.LeftOut)}
}

func remember(all []string, id string, most int) []string {
	if slices.Contains(all, id) {
		return all
	}
	all = append(all, id)
	return all[max(0, len(all)-most):]
}
