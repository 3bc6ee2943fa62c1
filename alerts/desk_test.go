package alerts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/vision"
)

func TestVisits(t *testing.T) {
	one := sighting("door-1", "s-1", 0, 1)
	cases := map[string]struct {
		run  func(h *house)
		want []string
	}{
		"a stranger comes and goes": {func(h *house) {
			h.sight(one, ended(sighting("door-1", "s-1", 0, 4)))
			h.tick(34)
			h.tick(40)
			h.tick(90)
		}, []string{"opened 1", "clip 1", "closed 1"}},
		"a stranger loiters for ten minutes": {func(h *house) {
			for s := 1.0; s < 600; s += 3 {
				h.at(s)
				h.sight(sighting("door-1", "s-1", 0, s))
				h.tick(s + 1)
			}
			h.tick(700)
		}, []string{
			"opened 1", "clip 1", "clip 1-2", "clip 1-3", "clip 1-4", "clip 1-5", "clip 1-6", "clip 1-7", "clip 1-8", "clip 1-9", "clip 1-10", "closed 1",
		}},
		"a stranger stays for 100 s": {func(h *house) {
			for s := 1.0; s < 100; s += 3 {
				h.at(s)
				h.sight(sighting("door-1", "s-1", 0, s))
			}
			h.sight(ended(sighting("door-1", "s-1", 0, 100)))
			h.tick(101)
			h.tick(140)
		}, []string{"opened 1", "clip 1", "clip 1-2", "closed 1"}},
		"another camera's video of a visit comes minutes later": {func(h *house) {
			h.sight(one, ended(sighting("door-1", "s-1", 0, 4)))
			h.tick(40)
			h.tick(90)
			h.at(300)
			h.sight(sighting("yard-1", "s-1", 1, 2), ended(sighting("yard-1", "s-1", 1, 5)))
			h.tick(400)
		}, []string{"opened 1", "clip 1", "closed 1"}},
		"what comes minutes later goes on after the visit": {func(h *house) {
			h.sight(one, ended(sighting("door-1", "s-1", 0, 4)))
			h.tick(40)
			h.tick(90)
			h.at(300)
			h.sight(sighting("yard-1", "s-1", 20, 50))
		}, []string{"opened 1", "clip 1", "closed 1", "opened 2"}},
		"two strangers at once": {func(h *house) {
			h.sight(one, sighting("door-2", "s-2", 0.2, 1.2))
		}, []string{"opened 1", "opened 2"}},
		"a stranger walks past two cameras": {func(h *house) {
			h.sight(one, sighting("yard-1", "s-1", 9, 10), ended(sighting("yard-1", "s-1", 9, 12)))
		}, []string{"opened 1"}},
		"a stranger is back within the gap": {func(h *house) {
			h.sight(one, ended(one))
			h.tick(29)
			h.sight(sighting("door-2", "s-1", 30, 31))
			h.tick(60)
		}, []string{"opened 1", "clip 1", "clip 1-2"}},
		"a stranger is back while the clip still shows the place": {func(h *house) {
			h.sight(one, ended(one))
			h.sight(sighting("door-2", "s-1", 5, 6), ended(sighting("door-2", "s-1", 5, 6)))
			h.tick(60)
		}, []string{"opened 1", "clip 1", "closed 1"}},
		"a stranger goes on at another camera": {func(h *house) {
			h.sight(one, ended(one), sighting("yard-1", "s-1", 10, 25), ended(sighting("yard-1", "s-1", 10, 100)))
			h.tick(60)
		}, []string{"opened 1", "clip 1", "closed 1"}},
		"a stranger is back within the gap, but decided after it": {func(h *house) {
			h.sight(one, ended(one))
			h.tick(33)
			h.sight(sighting("door-2", "s-1", 30.5, 33))
		}, []string{"opened 1", "clip 1"}},
		"a stranger is back after the gap": {func(h *house) {
			h.sight(one, ended(one))
			h.tick(40)
			h.sight(sighting("door-2", "s-1", 40, 41))
		}, []string{"opened 1", "clip 1", "closed 1", "opened 2"}},
		"a stranger is back after the gap, told at once": {func(h *house) {
			h.sight(one, ended(one), sighting("door-2", "s-1", 40, 41))
		}, []string{"opened 1", "clip 1", "closed 1", "opened 2"}},
		"vision falls silent": {func(h *house) {
			h.sight(one)
			h.tick(9)
			h.tick(10)
		}, []string{"opened 1", "clip 1"}},
		"known and undecided faces": {func(h *house) {
			undecided := sighting("door-3", "", 0, 1)
			undecided.Decision.Outcome = vision.Undecided
			h.sight(known(sighting("door-2", "", 0, 1), "Resident"), undecided)
			h.tick(60)
		}, nil},
		"the same sightings again after everything": {func(h *house) {
			h.sight(one, sighting("yard-1", "s-1", 2, 3), ended(one))
			h.tick(40)
			h.restart()
			h.sight(one, sighting("yard-1", "s-1", 2, 3), ended(one))
			h.tick(100)
		}, []string{"opened 1", "clip 1", "closed 1"}},
		"a backlog after a pause": {func(h *house) {
			h.sight(one)
			h.restart()
			h.at(300)
			h.sight(sighting("door-1", "s-1", 0, 20), sighting("door-1", "s-1", 0, 299))
			h.tick(301)
		}, []string{"opened 1", "clip 1", "clip 1-2", "clip 1-3", "clip 1-4", "clip 1-5"}},
		"an unknown without a stranger": {func(h *house) {
			h.sight(sighting("door-1", "", 0, 1), sighting("door-1", "", 0, 2), sighting("door-2", "", 0, 2))
		}, []string{"opened 1", "opened 2"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c.run(h)
			h.want(c.want...)
		})
	}
}

func TestVisitsAreCounted(t *testing.T) {
	h := newHouse(t)
	h.sight(sighting("door-1", "s-1", 0, 1), sighting("door-2", "s-2", 0, 1), sighting("door-3", "s-1", 100, 101))
	v, err := h.store.Get(t.Context(), alerts.AlertID(sighting("door-3", "s-1", 100, 101)))
	if err != nil || v.Alert.Visits != 2 {
		t.Errorf("got %d visits, %v, want 2", v.Alert.Visits, err)
	}
}

func TestClipJob(t *testing.T) {
	first := sighting("door-1", "s-1", 0, 1)
	id := alerts.AlertID(first)
	cases := map[string]struct {
		sightings []vision.Sighting
		end       float64 // seconds after noon
	}{
		"short":               {[]vision.Sighting{first, ended(sighting("door-1", "s-1", 0, 4))}, 9},
		"long":                {[]vision.Sighting{first, sighting("door-1", "s-1", 0, 50)}, 55},
		"longer than a piece": {[]vision.Sighting{first, sighting("door-1", "s-1", 0, 300)}, 55},
		"seen elsewhere afterwards": {[]vision.Sighting{
			first, sighting("yard-1", "s-1", 5, 20), ended(sighting("door-1", "s-1", 0, 4)),
		}, 9},
		"two tracks": {[]vision.Sighting{
			first, sighting("door-2", "s-1", 1, 2), ended(first), ended(sighting("door-2", "s-1", 1, 12)),
		}, 17},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.sight(c.sightings...)
			var job alerts.ClipJob
			if err := json.Unmarshal(h.bus.Message("clip "+id), &job); err != nil {
				t.Fatalf("no job: %v", err)
			}
			if want := noon.Add(-5 * time.Second); !job.Start.Equal(want) {
				t.Errorf("start: got %s, want %s", job.Start, want)
			}
			if want := noon.Add(time.Duration(c.end) * time.Second); !job.End.Equal(want) {
				t.Errorf("end: got %s, want %s", job.End, want)
			}
			if job.Camera != "door" || job.ShotKey != "shots/door-1.jpg" || !strings.Contains(string(job.Record), id) {
				t.Errorf("got %+v", job)
			}
		})
	}
}

func TestClipAndCloseInEitherOrder(t *testing.T) {
	one := sighting("door-1", "s-1", 0, 1)
	id := alerts.AlertID(one)
	film := func(h *house, done alerts.ClipDone) {
		h.t.Helper()
		if err := h.answer(h.t.Context(), done); err != nil {
			h.t.Fatal(err)
		}
	}
	t.Run("clip first", func(t *testing.T) {
		h := newHouse(t)
		h.sight(one, ended(one))
		film(h, made(id))
		film(h, made(id))
		h.tick(60)
		h.want("opened 1", "clip 1", "clip-ready 1", "closed 1")
	})
	t.Run("clip last", func(t *testing.T) {
		h := newHouse(t)
		h.sight(one, ended(one))
		h.tick(60)
		film(h, made(id))
		h.want("opened 1", "clip 1", "closed 1", "clip-ready 1")
	})
	t.Run("no clip", func(t *testing.T) {
		h := newHouse(t)
		h.sight(one, ended(one))
		film(h, alerts.ClipDone{Alert: id, Camera: "door", Reason: "no fragments"})
		h.tick(60)
		h.want("opened 1", "clip 1", "closed 1")
		v, err := h.store.Get(t.Context(), id)
		if err != nil || v.ClipState != alerts.ClipFailed || v.ClipReason != "no fragments" {
			t.Errorf("got %s %q, %v", v.ClipState, v.ClipReason, err)
		}
		if body := string(h.bus.Message("event " + id + "-alert-closed")); strings.Contains(body, `"clip"`) {
			t.Errorf("closed tells of a clip: %s", body)
		}
	})
	t.Run("clip of no alert", func(t *testing.T) {
		h := newHouse(t)
		film(h, made("01J"))
		h.want()
	})
}

// TestSecondTrackWhileTheFirstIsUncertain: the store took the alert but said it did not; another track of the same
// stranger comes before the first is told again.
func TestSecondTrackWhileTheFirstIsUncertain(t *testing.T) {
	h := newHouse(t)
	failed := false
	h.store.Faults = func(operation string) alertstest.Fault {
		if operation == "create" && !failed {
			failed = true
			return alertstest.Written
		}
		return alertstest.None
	}
	one := sighting("door-1", "s-1", 0, 1)
	if err := h.show(t.Context(), one); !errors.Is(err, alertstest.ErrInjected) {
		t.Fatalf("got %v", err)
	}
	h.sight(sighting("yard-1", "s-1", 1, 2), one)
	h.want("opened 1")
}

func TestTickIssuesWhatIsPending(t *testing.T) {
	h := newHouse(t)
	h.bus.Faults = func(operation string) alertstest.Fault {
		if operation == "enqueue" {
			return alertstest.NotWritten
		}
		return alertstest.None
	}
	if err := h.show(t.Context(), sighting("door-1", "s-1", 0, 1)); err == nil {
		t.Fatal("the sighting was acknowledged without its delivery")
	}
	h.bus.Faults = nil
	h.restart()
	h.tick(1)
	if got := h.bus.Sent(); len(got) != 2 || !strings.HasPrefix(got[1], "home ") {
		t.Errorf("got %q", got)
	}
}

func TestOneEndpointsTroubleIsNobodyElses(t *testing.T) {
	h := newHouse(t)
	h.desk.Endpoints = []string{"full", "home"}
	var failed atomic.Bool // of one of the two, which are written to side by side
	h.bus.Faults = func(operation string) alertstest.Fault {
		if operation == "enqueue" && !failed.Swap(true) {
			return alertstest.NotWritten
		}
		return alertstest.None
	}
	if err := h.show(t.Context(), sighting("door-1", "s-1", 0, 1)); err == nil {
		t.Error("the sighting was acknowledged without a delivery")
	}
	got := h.bus.Sent()
	if len(got) != 2 || !strings.HasPrefix(got[0], "event ") {
		t.Errorf("got %q, want the event and one of the deliveries", got)
	}
	h.tick(1)
	all := h.bus.Sent()
	if len(all) != 3 || all[2] == all[1] || strings.HasPrefix(all[2], "event ") {
		t.Errorf("got %q, want the other delivery too", all)
	}
}

// TestAnyComingsAndGoings: however strangers come and go, each has as many alerts as visits, and each alert one end, one
// first clip, and as many more as it takes to show all of it.
func TestAnyComingsAndGoings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := newHouse(t)
		last := map[string]float64{}
		visits, now := 0, 0.0
		for n := range rapid.IntRange(1, 12).Draw(rt, "tracks") {
			stranger := rapid.SampledFrom([]string{"s-1", "s-2", "s-3"}).Draw(rt, "stranger")
			for wait := rapid.IntRange(0, 10).Draw(rt, "wait"); wait > 0; wait-- {
				now += 5
				h.tick(now)
			}
			start := now
			now += 2
			if seen, ok := last[stranger]; !ok || start-seen > 30 {
				visits++
			}
			s := sighting(fmt.Sprintf("door-%d", n), stranger, start, now)
			last[stranger] = now
			h.at(now)
			h.sight(s, s)
			if rapid.Bool().Draw(rt, "restart") {
				h.restart()
			}
			h.sight(ended(s))
		}
		h.tick(now + 1)
		h.tick(now + 100)
		count := map[string]int{}
		for _, sent := range h.sent() {
			what, which, _ := strings.Cut(sent, " ")
			if !strings.Contains(which, "-") {
				count[what]++
			}
		}
		h.filmed(rt)
		if count["opened"] != visits || count["clip"] != visits || count["closed"] != visits {
			rt.Errorf("got %v, want %d of each: %q", count, visits, h.sent())
		}
	})
}

// filmed checks that the clips of each visit follow each other and show every track of it.
func (h *house) filmed(t rapid.TB) {
	visits, err := h.store.List(h.t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range visits {
		jobs := []*alerts.ClipJob{v.Job}
		for _, p := range v.More {
			jobs = append(jobs, p.Job)
		}
		for i, job := range jobs {
			if job == nil {
				t.Fatalf("clip %d of %d was not asked for", i+1, len(jobs))
			}
			if i > 0 && job.Start.Before(jobs[i-1].End) || !job.End.After(job.Start) || job.End.Sub(job.Start) > alerts.MaxClip {
				t.Errorf("clip %d from %s to %s after %+v", i+1, job.Start, job.End, jobs[:i])
			}
		}
		if len(jobs) == alerts.MaxPieces {
			continue
		}
		for track, seen := range v.Tracks {
			if !slices.ContainsFunc(jobs, func(j *alerts.ClipJob) bool { return !seen.Seen.Before(j.Start) && !seen.Seen.After(j.End) }) {
				t.Errorf("no clip shows track %s at %s", track, seen.Seen)
			}
		}
	}
}

func TestErasedAlert(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-1", 0, 1)
	h.sight(one)
	h.desk.Store = &alertstest.Store{}
	if err := h.show(t.Context(), one); !errors.Is(err, alerts.ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
	h.sight(sighting("door-2", "s-1", 3, 4))
}
