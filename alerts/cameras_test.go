package alerts_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/frames"
)

// toldMemory is an alerts.ToldStore in memory that can fail.
type toldMemory struct {
	all    map[frames.CameraID]alerts.Told
	broken bool
}

func (m *toldMemory) All(context.Context) (map[frames.CameraID]alerts.Told, error) {
	if m.broken {
		return nil, alertstest.ErrInjected
	}
	return maps.Clone(m.all), nil
}

func (m *toldMemory) Save(_ context.Context, camera frames.CameraID, t alerts.Told) error {
	if m.broken {
		return alertstest.ErrInjected
	}
	if m.all == nil {
		m.all = make(map[frames.CameraID]alerts.Told)
	}
	m.all[camera] = t
	return nil
}

// yard is a house with one camera, and a clock.
type yard struct {
	*alerts.Watch
	now   time.Time
	state frames.CameraState
	told  toldMemory
	bus   alertstest.Bus
}

func newYard(t *testing.T) *yard {
	y := &yard{now: noon, state: frames.CameraState{Camera: "door", Source: "rtsp pull"}}
	y.restart(t)
	return y
}

// restart makes another process take over.
func (y *yard) restart(t *testing.T) {
	y.Watch = &alerts.Watch{
		Cameras: func(context.Context) ([]frames.CameraState, error) { return []frames.CameraState{y.state}, nil },
		Told:    &y.told, Outbox: &y.bus, Endpoints: []string{"home"}, Now: func() time.Time { return y.now },
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

// set changes the camera's state.
func (y *yard) set(online bool, why string) {
	y.state.Online, y.state.LastError, y.state.Since = online, why, y.now
}

// pass looks every two seconds.
func (y *yard) pass(t *testing.T, seconds int) {
	t.Helper()
	for range seconds / 2 {
		y.now = y.now.Add(2 * time.Second)
		if err := y.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func (y *yard) want(t *testing.T, ids ...string) {
	t.Helper()
	var want []string
	for _, id := range ids {
		want = append(want, "event "+id, "home "+id)
	}
	if got := y.bus.Sent(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The events of a camera that went away ten seconds after noon, for a minute.
var (
	gone = fmt.Sprintf("door-%d-camera-offline", noon.Add(10*time.Second).UnixMilli())
	back = fmt.Sprintf("door-%d-camera-online", noon.Add(70*time.Second).UnixMilli())
)

func TestCameraGoesAndComesBack(t *testing.T) {
	y := newYard(t)
	y.pass(t, 60) // never there: nothing to tell
	y.want(t)
	y.now = noon
	y.set(true, "")
	y.pass(t, 10)
	y.set(false, "no video for 10 s")
	y.pass(t, 8)
	y.want(t)
	y.pass(t, 52)
	y.want(t, gone)
	y.set(true, "no video for 10 s")
	y.pass(t, 60)
	y.want(t, gone, back)
}

func TestCameraEventBody(t *testing.T) {
	n, err := alerts.NewNotice(alerts.Event{
		Type: alerts.CameraOffline, Timestamp: alerts.Time{Time: noon.Add(20 * time.Second)},
		Data: alerts.Data{Camera: &alerts.CameraChange{
			ID: "door", Since: alerts.Time{Time: noon}, Source: "whip", Reason: "no video for 10 s",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"type":"camera.offline","timestamp":"` + noon.Add(20*time.Second).UTC().Format("2006-01-02T15:04:05.000Z") +
		`","data":{"camera":{"id":"door","since":"` + noon.UTC().Format("2006-01-02T15:04:05.000Z") +
		`","source":"whip","reason":"no video for 10 s"}}}`
	if got := string(n.Body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if n.Camera != "door" {
		t.Errorf("got camera %q", n.Camera)
	}
}

func TestBriefAbsencesAreNoNews(t *testing.T) {
	y := newYard(t)
	y.set(true, "")
	y.pass(t, 10)
	for range 5 {
		y.set(false, "disconnected")
		y.pass(t, 8)
		y.set(true, "disconnected")
		y.pass(t, 8)
	}
	y.want(t)
	// The program starts anew, and the camera connects a moment after.
	y.set(false, "ingest stopped")
	y.now = y.now.Add(time.Hour)
	y.restart(t)
	y.pass(t, 4)
	y.set(true, "ingest stopped")
	y.pass(t, 60)
	y.want(t)
}

func TestCameraEventsSurvive(t *testing.T) {
	y := newYard(t)
	y.set(true, "")
	y.pass(t, 10)
	y.set(false, "no video for 10 s")
	y.bus.Faults = func(string) alertstest.Fault { return alertstest.NotWritten }
	for range 10 {
		y.now = y.now.Add(2 * time.Second)
		if err := y.Look(t.Context()); err != nil && !errors.Is(err, alertstest.ErrInjected) {
			t.Fatal(err)
		}
	}
	y.want(t)
	// The bus takes it when it is back, though another process tells it by then.
	y.bus.Faults = nil
	y.restart(t)
	y.pass(t, 2)
	y.want(t, gone)
	// What was told stays told when the store fails while it is saved.
	y.told.broken = true
	y.set(true, "")
	for range 10 {
		y.now = y.now.Add(2 * time.Second)
		_ = y.Look(t.Context())
	}
	y.told.broken = false
	y.pass(t, 12)
	if got := y.bus.Sent(); len(got) != 4 {
		t.Errorf("got %q, want that it went away and came back, each once", got)
	}
}
