package main

import (
	"maps"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/vision"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }

func seen(stranger, track string, from, to float64) vision.Sighting {
	return vision.Sighting{
		Camera: "door", Track: track, Stage: "decided", Stranger: stranger, Start: at(from), Seen: at(to),
		Decision: vision.Decision{Outcome: vision.Unknown},
	}
}

const clipKey = "clips/2026/11/26/door/A.mp4"

// whole are books that balance: a visit with its alert.
func whole() books {
	a := alerts.Alert{ID: "A", Camera: "door", Stranger: "s-1", OpenedAt: alerts.Time{Time: at(2)}}
	b := books{
		gap:       3 * time.Second,
		sightings: []vision.Sighting{seen("s-1", "t1", 1, 2), seen("s-1", "t1", 1, 6), seen("s-1", "t2", 8, 9)},
		events:    map[string]alerts.Event{}, visits: map[string]alerts.Visit{}, faulty: map[string]string{},
		objects: map[string]bool{clipKey: true, "clips/2026/11/26/door/A.json": true},
		passes:  []pass{{at(1), at(6)}},
	}
	for _, kind := range []alerts.EventType{alerts.Opened, alerts.ClipReady, alerts.Closed} {
		e := alerts.Event{Type: kind, Data: alerts.Data{Alert: a}}
		if kind == alerts.ClipReady {
			e.Data.Clip = &alerts.Clip{Key: clipKey}
		}
		b.events[e.ID()] = e
	}
	b.hooks = maps.Clone(b.events)
	return b
}

func TestWeigh(t *testing.T) {
	killed := []fault{{What: "ingest", How: "killed", From: at(20), To: at(22)}}
	for name, tt := range map[string]struct {
		change func(*books)
		want   string // of the only problem; empty: none
	}{
		"all is there": {func(*books) {}, ""},
		"no alert":     {func(b *books) { b.sightings = append(b.sightings, seen("s-1", "t3", 20, 21)) }, "got 0 alerts"},
		"somebody known": {func(b *books) {
			s := seen("", "t3", 20, 21)
			s.Decision.Outcome = vision.Known
			b.sightings = append(b.sightings, s)
		}, ""},
		"nameless": {func(b *books) { b.sightings = append(b.sightings, seen("", "t3", 20, 21)) }, "got 0 alerts"},
		"two alerts": {func(b *books) {
			for _, kind := range []alerts.EventType{alerts.Opened, alerts.ClipReady, alerts.Closed} {
				e := b.events["A-"+strings.NewReplacer(".", "-", "_", "-").Replace(string(kind))]
				e.Data.Alert.ID = "B"
				b.events[e.ID()], b.hooks[e.ID()] = e, e
			}
		}, "got 2 alerts"},
		"named anew after a restart": {func(b *books) {
			b.sightings = append(b.sightings, seen("s-2", "t1", 1, 6), seen("s-2", "t4", 2, 5))
		}, ""},
		"alert of nobody":     {func(b *books) { b.sightings, b.passes = nil, nil }, "no visit"},
		"not delivered":       {func(b *books) { delete(b.hooks, "A-alert-closed") }, "not delivered"},
		"not on the bus":      {func(b *books) { b.hooks["X-test"] = alerts.Event{} }, "no such event"},
		"not closed":          {func(b *books) { delete(b.events, "A-alert-closed"); delete(b.hooks, "A-alert-closed") }, "not closed"},
		"not in the store":    {func(b *books) { delete(b.objects, clipKey) }, "not in the store"},
		"damaged":             {func(b *books) { b.faulty[clipKey] = "does not play" }, "does not play"},
		"clip of nobody":      {func(b *books) { b.objects["clips/x.mp4"] = true }, "of no event"},
		"lost":                {func(b *books) { b.lost = []string{"EVENTS x"} }, "lost"},
		"twice":               {func(b *books) { b.twice = []string{"EVENTS x"} }, "twice"},
		"refused":             {func(b *books) { b.refused = []string{"bad signature"} }, "refused"},
		"given up":            {func(b *books) { b.dead = 1 }, "dead-letter"},
		"unseen":              {func(b *books) { b.passes = append(b.passes, pass{at(30), at(35)}) }, "not seen"},
		"unseen for a reason": {func(b *books) { b.passes = append(b.passes, pass{at(18), at(23)}); b.faults = killed }, ""},
		"gap": {func(b *books) {
			b.events["A-alert-clip-ready"].Data.Clip.Gaps = []alerts.ClipGap{{From: alerts.Time{Time: at(3)}, To: alerts.Time{Time: at(4)}}}
		}, "nothing happened"},
	} {
		t.Run(name, func(t *testing.T) {
			b := whole()
			tt.change(&b)
			problems := weigh(b).Problems
			if tt.want == "" && len(problems) > 0 || tt.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], tt.want)) {
				t.Errorf("got %q, want one with %q", problems, tt.want)
			}
		})
	}
}

// TestNoClipWantsAReason has an alert without a clip, which is no problem when the program says why and there was a fault.
func TestNoClipWantsAReason(t *testing.T) {
	b := whole()
	delete(b.events, "A-alert-clip-ready")
	delete(b.hooks, "A-alert-clip-ready")
	delete(b.objects, clipKey)
	if got := weigh(b).Problems; len(got) != 1 || !strings.Contains(got[0], "no clip") {
		t.Errorf("got %q, want that the clip lacks", got)
	}
	b.visits["A"] = alerts.Visit{ClipReason: "no video recorded"}
	b.faults = []fault{{What: "nats", How: "killed", From: at(0), To: at(1)}}
	if out := weigh(b); len(out.Problems) != 0 || len(out.Explained) != 1 {
		t.Errorf("got %q and %q, want an explanation", out.Problems, out.Explained)
	}
}

// TestReelFromAnyMoment begins the reel at every tenth of a second: it begins with a key frame, at once or in the next round.
func TestReelFromAnyMoment(t *testing.T) {
	r, err := newReel()
	if err != nil {
		t.Fatal(err)
	}
	for offset := time.Duration(0); offset < 2*r.length; offset += 100 * time.Millisecond {
		for u, err := range r.from(r.began.Add(offset)) {
			if err != nil {
				t.Fatal(err)
			}
			if at := frames.Duration(u.DTS); !u.Key || at < offset%r.length || at > offset%r.length+2*time.Second {
				t.Fatalf("from %s: begins at %s with key %v", offset, at, u.Key)
			}
			break
		}
	}
}
