package alerts_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/vision"
)

func (h *house) follow(rules ...alerts.Rule) {
	e := h.desk.Evaluator
	e.Rules = rules
	h.desk.Reconfigure(e, []string{"home", "phone"})
}

// raisedBy lists the alerts that are kept, by their time: rule and decision.
func (h *house) raisedBy() (list []string) {
	h.t.Helper()
	all, err := h.store.List(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b alerts.Visit) int { return strings.Compare(a.Alert.ID, b.Alert.ID) })
	for _, v := range all {
		text := v.Alert.Rule + " " + string(v.Alert.Decision)
		if !v.Open() {
			text += " closed"
		}
		list = append(list, text)
	}
	return list
}

func (h *house) wantRaised(want ...string) {
	h.t.Helper()
	if got := h.raisedBy(); !slices.Equal(got, want) {
		h.t.Errorf("got  %q\nwant %q", got, want)
	}
}

var (
	porch  = alerts.Rule{Name: "porch", Outcomes: []vision.Outcome{vision.Unknown}, Zones: map[frames.CameraID][]alerts.Polygon{"door": {left}}}
	ann    = alerts.Rule{Name: "ann", People: []string{"Ann"}, Cooldown: time.Hour}
	unsure = alerts.Rule{Name: "unsure", Outcomes: []vision.Outcome{vision.Undecided}}
	inside = vision.Point{X: 0.2, Y: 0.5}
	beyond = vision.Point{X: 0.8, Y: 0.5}
)

func TestDeskFollowsRules(t *testing.T) {
	stranger := func(seen float64, at vision.Point) vision.Sighting {
		s := sighting("door-1", "s-1", 0, seen)
		s.Trail = []vision.Mark{mark(s.Seen.Sub(s.Start), at)}
		return s
	}
	ann1 := func(track string, start float64) vision.Sighting {
		return known(sighting(track, "", start, start+1), "Ann")
	}
	for name, c := range map[string]struct {
		rules []alerts.Rule
		run   func(h *house)
		want  []string
	}{
		"the first that matches": {[]alerts.Rule{porch, alerts.Strangers()}, func(h *house) {
			h.sight(stranger(1, inside), stranger(2, beyond))
		}, []string{"porch unknown"}},
		"walks into the zone after the decision": {[]alerts.Rule{porch}, func(h *house) {
			h.sight(stranger(1, beyond), stranger(50, inside), stranger(51, inside))
		}, []string{"porch unknown"}},
		"a more important rule is told too, once": {[]alerts.Rule{porch, alerts.Strangers()}, func(h *house) {
			h.sight(stranger(1, beyond), stranger(2, inside), stranger(3, beyond), stranger(4, inside))
		}, []string{"strangers unknown closed", "porch unknown"}},
		"a less important one is not": {[]alerts.Rule{alerts.Strangers(), porch}, func(h *house) {
			h.sight(stranger(1, beyond), stranger(2, inside))
		}, []string{"strangers unknown"}},
		"a correction is of both": {[]alerts.Rule{porch, alerts.Strangers()}, func(h *house) {
			h.sight(stranger(1, beyond), stranger(2, inside), known(stranger(3, inside), "Resident"))
		}, []string{"strangers known closed", "porch known"}},
		"somebody known comes home": {[]alerts.Rule{ann}, func(h *house) {
			h.sight(ann1("door-1", 0), ended(ann1("door-1", 0)), ann1("yard-1", 9), known(sighting("door-2", "", 0, 1), "Bob"))
		}, []string{"ann known"}},
		"a stranger who turns out to be somebody whom a rule names": {[]alerts.Rule{ann, alerts.Strangers()}, func(h *house) {
			h.sight(stranger(1, inside), known(stranger(3, inside), "Ann"), known(stranger(4, inside), "Ann"))
		}, []string{"strangers known", "ann known"}},
		"a stranger on the track of somebody known": {[]alerts.Rule{ann, alerts.Strangers()}, func(h *house) {
			h.sight(known(stranger(1, inside), "Ann"), stranger(3, inside))
		}, []string{"strangers unknown", "ann known"}},
		"undecided, one for those of a camera": {[]alerts.Rule{unsure}, func(h *house) {
			h.sight(undecided(sighting("door-1", "", 0, 1)), undecided(sighting("door-2", "", 5, 6)), undecided(sighting("yard-1", "", 5, 6)))
		}, []string{"unsure undecided", "unsure undecided"}},
		"somebody undecided hides no stranger": {[]alerts.Rule{unsure, alerts.Strangers()}, func(h *house) {
			unsure := undecided(sighting("door-1", "", 0, 1))
			unsure.Ended = false
			h.sight(unsure, sighting("door-1", "s-1", 0, 2))
		}, []string{"strangers unknown", "unsure undecided"}},
		"a rule that is gone is outranked by none": {[]alerts.Rule{alerts.Strangers()}, func(h *house) {
			h.sight(stranger(1, inside))
			h.follow(alerts.Rule{Name: "anybody", Outcomes: []vision.Outcome{vision.Unknown}})
			h.sight(stranger(2, inside))
		}, []string{"strangers unknown"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.follow(c.rules...)
			c.run(h)
			got := h.raisedBy()
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			// All of it again, from the store, as after a crash before anything was acknowledged.
			before := h.sent()
			h.restart()
			h.follow(c.rules...)
			c.run(h)
			if after := h.sent(); !slices.Equal(after, before) {
				t.Errorf("again, %q became %q", before, after)
			}
		})
	}
}

// The alert of who walks in late is of when they did, and so is its clip.
func TestLateAlertBeginsInTheZone(t *testing.T) {
	h := newHouse(t)
	h.follow(porch)
	for second := 1.0; second <= 100; second += 5 {
		s := sighting("door-1", "s-1", 0, second)
		s.Trail = []vision.Mark{mark(s.Seen.Sub(s.Start), beyond)}
		if second > 90 {
			s.Trail = []vision.Mark{mark(s.Seen.Sub(s.Start), inside)}
		}
		h.sight(s)
	}
	h.sight(ended(sighting("door-1", "s-1", 0, 98)))
	all, err := h.store.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("got %d alerts, %v", len(all), err)
	}
	v, at := all[0], noon.Add(91*time.Second)
	if !v.Alert.OpenedAt.Equal(at.Truncate(time.Millisecond)) || v.Job == nil || !v.Job.Start.Equal(at.Add(-5*time.Second)) {
		t.Errorf("opened at %v, clip %v, want %v", v.Alert.OpenedAt, v.Job != nil, at)
	}
}

func TestCooldown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.follow(ann, alerts.Strangers())
		comes := func(who string, start float64) {
			h.at(start)
			h.sight(ended(known(sighting("door-"+who+time.Duration(start*1e9).String(), "", start, start+1), who)))
			h.tick(start + 60) // the visit is over
		}
		comes("Ann", 0)
		comes("Ann", 600)
		h.restart() // what was told, and when, is in the store
		h.follow(ann, alerts.Strangers())
		comes("Ann", 3600)
		h.wantRaised("ann known closed")
		h.sight(sighting("yard-1", "s-1", 3600, 3601)) // a stranger is not hidden by her
		comes("Ann", 3602)                             // an hour after she was seen last
		h.wantRaised("ann known closed", "strangers unknown", "ann known closed")
		tallies, ok := h.desk.Tallies()
		if got := tallies["ann"]; !ok || got.Raised != 1 || got.Held != 1 || !got.Last.Equal(noon.Add(3602*time.Second)) {
			t.Errorf("got %+v, want one raised and one held since the restart", got)
		}
	})
}

// An alert that was wrong keeps nobody quiet: whoever goes on as a stranger is told.
func TestCooldownAfterACorrection(t *testing.T) {
	h := newHouse(t)
	rule := alerts.Strangers()
	rule.Cooldown = time.Hour
	h.follow(rule)
	s := sighting("door-1", "s-1", 0, 1)
	h.sight(s, known(sighting("door-1", "", 0, 2), "Ann"), sighting("door-1", "s-1", 0, 5))
	h.wantRaised("strangers known", "strangers unknown")
}

func TestEventsGoToTheRulesEndpoints(t *testing.T) {
	h := newHouse(t)
	loud, lost := porch, alerts.Strangers()
	loud.Endpoints, lost.Endpoints = []string{"phone"}, []string{"gone"}
	h.follow(loud, ann, lost)
	s := sighting("door-1", "s-1", 0, 1)
	s.Trail = []vision.Mark{mark(0, inside)}
	h.sight(s, known(sighting("door-2", "", 0, 1), "Ann"), sighting("yard-1", "s-2", 0, 1))
	count := map[string]int{}
	for _, key := range h.bus.Sent() {
		where, _, _ := strings.Cut(key, " ")
		count[where]++
	}
	if count["event"] != 3 || count["phone"] != 2 || count["home"] != 1 || count["gone"] != 0 {
		t.Errorf("got %v, want 3 on the bus, 2 for phone, 1 for home and none for an endpoint that is gone", count)
	}
}
