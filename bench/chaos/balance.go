package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/vision"
)

const (
	// slack is what clocks, and times in milliseconds, may differ by.
	slack = time.Second
	// around is how long before and after a fault of ingest or the bus video may lack: a camera needs that to be back.
	around = 4 * time.Second
)

// books are what was seen outside of the program.
type books struct {
	gap       time.Duration // of visits
	sightings []vision.Sighting
	events    map[string]alerts.Event // by id, as on the bus
	hooks     map[string]alerts.Event // by webhook-id, with a good signature
	visits    map[string]alerts.Visit // by alert: what the program itself says, to explain what lacks
	objects   map[string]bool         // keys below clips/
	faulty    map[string]string       // clips that are not what their event says, by key: why
	lost      []string                // ids that were acknowledged and are not there
	twice     []string                // ids that are there twice
	refused   []string                // webhooks that were no good
	dead      int                     // letters in the dead-letter queue
	faults    []fault
	passes    []pass
}

// fault is something that was done.
type fault struct {
	What     string // the process or the connection
	How      string
	From, To time.Time
}

// balance is the outcome.
type balance struct {
	Visits, Alerts, Events, Webhooks, Clips int
	Passes, Unseen                          int      // shown; not seen, with a reason
	Gaps                                    int      // in clips, with a reason
	Produced                                int      // messages of the ledger's own that were acknowledged
	Repeated                                int      // deliveries beyond the first of an event
	Explained                               []string // what lacks, and why
	Problems                                []string // what lacks, or is too much
}

func (b *balance) problem(format string, args ...any) {
	b.Problems = append(b.Problems, fmt.Sprintf(format, args...))
}

func (b *balance) explained(format string, args ...any) {
	b.Explained = append(b.Explained, fmt.Sprintf(format, args...))
}

// visit is one stranger's presence, as the sightings tell it.
type visit struct {
	stranger   string
	start, end time.Time
}

// aliases gives strangers one name where they have several: whichever camera's worker is quicker names somebody whom two
// of them see, and after a restart that may be the other one. The track then has both names.
func aliases(sightings []vision.Sighting) func(name string) string {
	named, same := map[string]string{}, map[string]string{}
	first := func(name string) string {
		for same[name] != "" {
			name = same[name]
		}
		return name
	}
	for _, s := range sightings {
		if s.Decision.Outcome != vision.Unknown {
			continue
		}
		who := first(cmp.Or(s.Stranger, s.Track))
		if before, ok := named[s.Track]; ok && first(before) != who {
			same[who] = first(before)
		}
		named[s.Track] = first(who)
	}
	return first
}

// gather makes visits of sightings: those of one stranger that are no further apart than gap.
func gather(sightings []vision.Sighting, gap time.Duration) (all []visit) {
	latest, name := map[string]int{}, aliases(sightings)
	sightings = slices.SortedStableFunc(slices.Values(sightings), func(a, b vision.Sighting) int { return a.Start.Compare(b.Start) })
	for _, s := range sightings {
		if s.Decision.Outcome != vision.Unknown {
			continue
		}
		who := name(cmp.Or(s.Stranger, s.Track))
		if i, ok := latest[who]; ok && s.Start.Sub(all[i].end) <= gap {
			if s.Seen.After(all[i].end) {
				all[i].end = s.Seen
			}
			continue
		}
		latest[who] = len(all)
		all = append(all, visit{who, s.Start, s.Seen})
	}
	return all
}

// weigh compares what went in with what came out.
func weigh(b books) *balance {
	out := &balance{Events: len(b.events), Webhooks: len(b.hooks), Passes: len(b.passes)}
	out.weighVisits(b)
	out.weighEvents(b)
	out.weighClips(b)
	out.weighPasses(b)
	for _, id := range b.lost {
		out.problem("acknowledged and lost: %s", id)
	}
	for _, id := range b.twice {
		out.problem("stored twice: %s", id)
	}
	for _, why := range b.refused {
		out.problem("webhook refused: %s", why)
	}
	if b.dead > 0 {
		out.problem("%d messages in the dead-letter queue", b.dead)
	}
	return out
}

// weighVisits wants one alert for each visit, and no others.
func (o *balance) weighVisits(b books) {
	visits, name := gather(b.sightings, b.gap), aliases(b.sightings)
	o.Visits = len(visits)
	claimed := map[string]bool{}
	for _, v := range visits {
		var ids []string
		for _, e := range b.events {
			a := e.Data.Alert
			if e.Type == alerts.Opened && name(a.Stranger) == v.stranger && within(a.OpenedAt.Time, v.start, v.end, slack) {
				ids = append(ids, a.ID)
				claimed[a.ID] = true
			}
		}
		if len(ids) != 1 {
			o.problem("visit of %s at %s to %s: got %d alerts %v, want 1", v.stranger, clock(v.start), clock(v.end), len(ids), ids)
		}
	}
	for _, e := range b.events {
		if e.Type != alerts.Opened {
			continue
		}
		o.Alerts++
		if !claimed[e.Data.Alert.ID] {
			o.problem("alert %s of %s at %s: no visit", e.Data.Alert.ID, e.Data.Alert.Stranger, clock(e.Data.Alert.OpenedAt.Time))
		}
	}
}

// weighEvents wants every event delivered, and of every alert all of them.
func (o *balance) weighEvents(b books) {
	for id := range b.events {
		if _, ok := b.hooks[id]; !ok {
			o.problem("event %s: not delivered", id)
		}
	}
	for id := range b.hooks {
		if _, ok := b.events[id]; !ok {
			o.problem("webhook %s: no such event on the bus", id)
		}
	}
	for _, e := range b.events {
		a := e.Data.Alert
		if e.Type != alerts.Opened {
			continue
		}
		if _, ok := b.events[a.ID+"-alert-closed"]; !ok {
			o.problem("alert %s: not closed", a.ID)
		}
		if _, ok := b.events[a.ID+"-alert-clip-ready"]; ok {
			continue
		}
		why := b.visits[a.ID].ClipReason
		if f := b.fault(a.OpenedAt.Add(-5*time.Second), a.OpenedAt.Add(5*time.Second)); why != "" && f != nil {
			o.explained("alert %s has no clip: %s; %s was %s", a.ID, why, f.What, f.How)
			continue
		}
		o.problem("alert %s: no clip (%s)", a.ID, cmp.Or(why, "and no reason"))
	}
}

// weighClips wants every clip where its event says, whole, and nothing else in the store.
func (o *balance) weighClips(b books) {
	named := map[string]bool{}
	for id, e := range b.events {
		c := e.Data.Clip
		if e.Type != alerts.ClipReady {
			continue
		}
		o.Clips++
		if c == nil {
			o.problem("event %s names no clip", id)
			continue
		}
		named[c.Key] = true
		if !b.objects[c.Key] {
			o.problem("clip %s is not in the store", c.Key)
		}
		if why := b.faulty[c.Key]; why != "" {
			o.problem("clip %s: %s", c.Key, why)
		}
		for _, g := range c.Gaps {
			if f := b.fault(g.From.Time, g.To.Time); f != nil {
				o.Gaps++
			} else {
				o.problem("clip %s: gap from %s to %s (%s), and nothing happened then", c.Key, clock(g.From.Time), clock(g.To.Time), g.Reason)
			}
		}
	}
	for key := range b.objects {
		if strings.HasSuffix(key, ".mp4") && !named[key] {
			o.problem("clip %s in the store, of no event", key)
		}
	}
}

// weighPasses wants a visit whenever the stranger was shown while video could be taken.
func (o *balance) weighPasses(b books) {
	visits := gather(b.sightings, b.gap)
	for _, p := range b.passes {
		seen := slices.ContainsFunc(visits, func(v visit) bool {
			return v.start.Before(p.Leave.Add(slack)) && v.end.After(p.Enter.Add(-slack))
		})
		switch {
		case seen:
		case b.fault(p.Enter, p.Leave) != nil:
			o.Unseen++
		default:
			o.problem("the stranger was shown from %s to %s and not seen", clock(p.Enter), clock(p.Leave))
		}
	}
}

// fault is one that keeps video from being taken at some time between.
func (b books) fault(from, to time.Time) *fault {
	for i, f := range b.faults {
		if (f.What == "ingest" || f.What == "nats") && f.From.Before(to.Add(around)) && f.To.After(from.Add(-around)) {
			return &b.faults[i]
		}
	}
	return nil
}

func within(t, from, to time.Time, slack time.Duration) bool {
	return !t.Before(from.Add(-slack)) && !t.After(to.Add(slack))
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
