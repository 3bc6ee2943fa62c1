package alerts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/vision"
)

func TestEventBodies(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-7f3a", 0, 1)
	id := alerts.AlertID(one)
	h.sight(one, ended(sighting("door-1", "s-7f3a", 0, 4)))
	done := made(id)
	done.Clip.Gaps = []alerts.ClipGap{{From: alerts.Time{Time: noon}, To: alerts.Time{Time: noon}, Reason: "camera away"}}
	if err := h.answer(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	h.tick(60)
	for _, event := range []string{"alert-opened", "alert-clip-ready", "alert-closed"} {
		h.wantBody(id, event)
	}
}

// wantBody holds the body that the endpoint got to the one that receivers rely on.
func (h *house) wantBody(id, event string) {
	h.t.Helper()
	var n alerts.Notice
	if err := json.Unmarshal(h.bus.Message("home "+id+"-"+event), &n); err != nil {
		h.t.Fatalf("%s: %v", event, err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", event+".json"))
	if err != nil {
		h.t.Fatal(err)
	}
	if got := indent(h.t, n.Body); got != indent(h.t, want) {
		h.t.Errorf("%s: got\n%s\nwant\n%s", event, got, indent(h.t, want))
	}
	if strings.Contains(n.ID, ".") || n.ID != id+"-"+event {
		h.t.Errorf("id: got %s", n.ID)
	}
}

func indent(t *testing.T, body []byte) string {
	t.Helper()
	var fields any
	if err := json.Unmarshal(body, &fields); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(fields, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestBodySurvivesTheBus(t *testing.T) {
	e := alerts.NewTest(noon, alertstest.Links{})
	e.Data.Alert.ConsoleURL = "https://vigil.example/media/clips/1.mp4?expires=1&signature=2"
	e.Data.Alert.Nearest = &alerts.Nearest{Person: "<script>alert(\"1\")</script>\r\n\u202e\u2028&'", Score: 1e-9}
	n, err := alerts.NewNotice(e)
	if err != nil {
		t.Fatal(err)
	}
	body := bytes.Clone(n.Body)
	if link := e.Data.Alert.ConsoleURL; !strings.Contains(link, "&") || !bytes.Contains(body, []byte(link)) {
		t.Errorf("the link %s is not in %s", link, body)
	}
	if bytes.ContainsAny(body, "\r\n") {
		t.Errorf("the body has more than one line: %q", body)
	}
	for range 3 {
		wire, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		n = alerts.Notice{}
		if err := json.Unmarshal(wire, &n); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(n.Body, body) {
			t.Fatalf("got  %s\nwant %s", n.Body, body)
		}
	}
	if got, err := n.Event(); err != nil || got.Data.Alert.Nearest.Person != e.Data.Alert.Nearest.Person || got.ID() != n.ID {
		t.Errorf("read back: got %+v, %v", got, err)
	}
}

func TestBodiesStaySmall(t *testing.T) {
	h := newHouse(t)
	one := sighting("door-1", "s-1", 0, 1)
	one.Decision.Nearest = strings.Repeat("<ü", 10<<10)
	h.sight(one)
	if n := len(h.bus.Message("event " + alerts.AlertID(one) + "-alert-opened")); n > 20<<10 {
		t.Errorf("got %d bytes", n)
	}
}

func TestTestEvents(t *testing.T) {
	a, b := alerts.NewTest(noon, alertstest.Links{}), alerts.NewTest(noon, alertstest.Links{})
	if a.ID() == b.ID() {
		t.Errorf("two test events have one id, %s", a.ID())
	}
	body, err := json.Marshal(a)
	if err != nil || !strings.HasPrefix(string(body), `{"type":"test","timestamp":"2026-11-22T19:15:31.204Z","data":{"alert":{"id":"`) {
		t.Errorf("got %s, %v", body, err)
	}
}

func TestAlertID(t *testing.T) {
	one := sighting("door-1", "s-1", 0, 1)
	if got, want := alerts.AlertID(one), alerts.AlertID(ended(one)); got != want {
		t.Errorf("got %s, then %s", got, want)
	}
	other := one
	other.Track = "door-2"
	if alerts.AlertID(one) == alerts.AlertID(other) {
		t.Error("two tracks have one id")
	}
	for _, start := range []time.Time{{}, time.Unix(-1, 0), time.Unix(1<<60, 0)} {
		if got := alerts.AlertID(vision.Sighting{Track: "x", Start: start}); len(got) != 26 {
			t.Errorf("start %s: got %q", start, got)
		}
	}
}
