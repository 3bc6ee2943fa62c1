package app

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/natsd"
	"vigil/internal/web"
	"vigil/vision"
)

// openLog is a decision log on a bus of its own.
func openLog(t *testing.T) decisionLog {
	t.Helper()
	c := startBus(t)
	visits, err := alertsjs.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return decisionLog{visits: visits, sightings: alertsjs.Sightings(c)}
}

// startBus is a bus with all that is declared on it.
func startBus(t *testing.T) *bus.Conn {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	server, err := natsd.Start(t.Context(), natsd.Config{Dir: t.TempDir(), Log: log, MaxStore: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	c, err := bus.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	c.Log = log
	if err := c.Declare(t.Context(), bus.Limits{Store: server.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	return c
}

// say publishes sightings of a track that begins start seconds ago.
func (d decisionLog) say(t *testing.T, camera frames.CameraID, track string, start int, stages ...string) {
	t.Helper()
	for _, stage := range stages {
		s := vision.Sighting{
			Camera: camera, Track: track, Stage: stage, Start: time.Now().Add(-time.Duration(start) * time.Second),
			Decision: vision.Decision{Outcome: vision.Unknown, Gate: vision.GateBelow},
		}
		if s.Decides() {
			s.Evidence = &vision.Evidence{Gate: vision.GateBelow, Config: stage}
		}
		if err := d.sightings.Publish(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func told(e web.Explanation) string {
	var all []string
	for _, story := range e.Tracks {
		for _, s := range story.Sightings {
			all = append(all, fmt.Sprintf("%s/%s by %s", story.Track, s.Stage, s.Evidence.Config))
		}
	}
	return strings.Join(all, "; ")
}

func TestExplain(t *testing.T) {
	d := openLog(t)
	d.say(t, "door", "door/e1/90-1", 30, "decided", "seen-1", "revised-1", "ended")
	d.say(t, "door", "door/e1/90-2", 20, "decided")
	d.say(t, "yard", "yard/e9/5-1", 40, "decided", "ended")
	visit := alerts.Visit{
		Alert: alerts.Alert{ID: "01J", Camera: "door", Decision: vision.Unknown}, Start: time.Now().Add(-40 * time.Second),
		Tracks: map[string]alerts.VisitTrack{"door/e1/90-2": {Camera: "door"}, "yard/e9/5-1": {Camera: "yard"}},
	}
	gone := alerts.Visit{Alert: alerts.Alert{ID: "01A"}, Tracks: map[string]alerts.VisitTrack{"door/e0/1-1": {Camera: "door"}}}
	for _, v := range []alerts.Visit{visit, gone} {
		if _, err := d.visits.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{
		"door/e1/90-1": "door/e1/90-1/decided by decided; door/e1/90-1/revised-1 by revised-1; door/e1/90-1/ended by ended",
		"01J":          "yard/e9/5-1/decided by decided; yard/e9/5-1/ended by ended; door/e1/90-2/decided by decided",
	} {
		e, err := d.Explain(t.Context(), id)
		if err != nil || told(e) != want {
			t.Errorf("%s: got %s, %v, want %s", id, told(e), err, want)
		}
		if (e.Alert != nil) != (id == "01J") {
			t.Errorf("%s: got alert %+v", id, e.Alert)
		}
	}
	for id, want := range map[string]string{
		"01X": "no such alert", "01A": "seven days", "door/e1/90-3": "decision log", "*/e1/90-1": "no camera", ">/": "no camera",
	} {
		if _, err := d.Explain(t.Context(), id); !errors.Is(err, web.ErrNotFound) || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), id) {
			t.Errorf("%s: got %v, want %q", id, err, want)
		}
	}
}

// engineOf is an engine that is only asked for its model.
type engineOf struct {
	vision.Engine
	model vision.Model
}

func (e engineOf) Model() vision.Model { return e.model }

func TestConfigurationDecides(t *testing.T) {
	cfg := config.Default()
	model := vision.Model{Engine: "deep", ID: "m@1", Threshold: 0.4, Margin: 0.05}
	first := AnalysisOf(cfg, "door", engineOf{model: model})
	if first.Limits != vision.DefaultLimits() {
		t.Errorf("got %+v, want the defaults of vision, %+v", first.Limits, vision.DefaultLimits())
	}
	if again := AnalysisOf(cfg, "yard", engineOf{model: model}); again.ConfigHash != first.ConfigHash || len(first.ConfigHash) != 12 {
		t.Errorf("got %s and %s, want the same", first.ConfigHash, again.ConfigHash)
	}
	other := cfg
	other.Quality.MaxYaw = 36
	strict := model
	strict.Threshold = 0.41
	if a, b := AnalysisOf(other, "door", engineOf{model: model}), AnalysisOf(cfg, "door", engineOf{model: strict}); a.ConfigHash ==
		first.ConfigHash || b.ConfigHash == first.ConfigHash || a.Limits.MaxYaw != 36 {
		t.Errorf("got %s and %s for others, %s", a.ConfigHash, b.ConfigHash, first.ConfigHash)
	}
}
