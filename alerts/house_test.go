package alerts_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/frames"
	"vigil/vision"
)

var noon = time.Date(2026, 11, 22, 20, 15, 31, 204_567_890, time.FixedZone("CET", 3600))

// house is a desk over a store and a bus that outlive it. Its clock stands still until it is set.
type house struct {
	t     *testing.T
	store *alertstest.Store
	bus   *alertstest.Bus
	now   time.Time
	rules []alerts.Rule
	desk  *alerts.Desk

	byTime bool // sent numbers alerts by their time
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, store: &alertstest.Store{}, bus: &alertstest.Bus{T: t}, now: noon, rules: []alerts.Rule{alerts.Strangers()}}
	h.restart()
	return h
}

func (h *house) restart() {
	h.desk = &alerts.Desk{
		Evaluator: alerts.Evaluator{
			Rules: h.rules, PreRoll: 5 * time.Second, PostRoll: 5 * time.Second, Links: alertstest.Links{},
		},
		Store: h.store, Outbox: h.bus, Jobs: h.bus, Endpoints: []string{"home"},
		Now: func() time.Time { return h.now }, Log: slog.New(slog.NewTextHandler(h.t.Output(), nil)),
	}
}

// at sets the clock, in seconds after noon.
func (h *house) at(seconds float64) { h.now = noon.Add(time.Duration(seconds * float64(time.Second))) }

func (h *house) sight(sightings ...vision.Sighting) {
	h.t.Helper()
	for _, s := range sightings {
		if err := h.show(h.t.Context(), s); err != nil {
			h.t.Fatal(err)
		}
	}
}

// show lets the desk take one sighting.
func (h *house) show(ctx context.Context, s vision.Sighting) error {
	return errors.Join(h.desk.Sight(ctx, []vision.Sighting{s})...)
}

// answer lets the desk take one answer to a clip job.
func (h *house) answer(ctx context.Context, done alerts.ClipDone) error {
	return errors.Join(h.desk.Film(ctx, []alerts.ClipDone{done})...)
}

func (h *house) tick(seconds float64) {
	h.t.Helper()
	h.at(seconds)
	if err := h.desk.Tick(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// sent are the events and clip jobs on the bus, alerts by their order of appearance: "opened 1", "clip 1", and "clip 1-2"
// for a second piece.
func (h *house) sent() []string {
	order := map[string]int{}
	var out []string
	if h.byTime {
		for _, key := range slices.SortedFunc(slices.Values(h.bus.Sent()), func(a, b string) int {
			return strings.Compare(alertOf(a), alertOf(b))
		}) {
			if order[alertOf(key)] == 0 {
				order[alertOf(key)] = len(order) + 1
			}
		}
	}
	for _, key := range h.bus.Sent() {
		where, id, _ := strings.Cut(key, " ")
		alert, event, _ := strings.Cut(id, "-alert-")
		alert, piece, more := strings.Cut(alert, "-")
		if more {
			piece = "-" + piece
		}
		if order[alert] == 0 {
			order[alert] = len(order) + 1
		}
		switch where {
		case "event":
			out = append(out, fmt.Sprintf("%s %d", event, order[alert]))
		case "clip":
			out = append(out, fmt.Sprintf("clip %d%s", order[alert], piece))
		}
	}
	return out
}

// alertOf is the alert that a message is of; its id begins with its time.
func alertOf(key string) string {
	_, id, _ := strings.Cut(key, " ")
	alert, _, _ := strings.Cut(id, "-")
	return alert
}

func (h *house) want(want ...string) {
	h.t.Helper()
	if got := h.sent(); !slices.Equal(got, want) {
		h.t.Errorf("got  %q\nwant %q", got, want)
	}
}

// sighting is of a track "<camera>-<n>", from start to seen in seconds after noon.
func sighting(track, stranger string, start, seen float64) vision.Sighting {
	camera, _, _ := strings.Cut(track, "-")
	at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
	return vision.Sighting{
		Camera: frames.CameraID(camera), Track: track, Stage: fmt.Sprintf("seen-%v", seen), Stranger: stranger,
		Decision: vision.Decision{Outcome: vision.Unknown, Nearest: "Resident", Score: 0.19},
		Start:    at(start), Seen: at(seen), Shot: &vision.Shot{Key: "shots/" + track + ".jpg", Time: at(start)},
	}
}

func ended(s vision.Sighting) vision.Sighting {
	s.Stage, s.Ended = "ended", true
	return s
}

func known(s vision.Sighting, person string) vision.Sighting {
	s.Stranger, s.Decision = "", vision.Decision{Outcome: vision.Known, Person: person, Score: 0.7}
	return s
}

func made(alert string) alerts.ClipDone {
	return alerts.ClipDone{Alert: alert, Camera: "door", ShotKey: "clips/shot.jpg", Clip: &alerts.Clip{
		Key: "clips/2026/11/22/door/" + alert + ".mp4", Bytes: 2211456, SHA256: "ab", Codec: frames.H264, Width: 1920,
		Height: 1080, Start: alerts.Time{Time: noon}, End: alerts.Time{Time: noon.Add(20 * time.Second)},
	}}
}
