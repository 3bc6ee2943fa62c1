package webhook

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"vigil/alerts"
	"vigil/alerts/alertstest"
)

func TestCloudEvents(t *testing.T) {
	at := time.Date(2026, 11, 22, 20, 15, 31, 204_000_000, time.UTC)
	test := alerts.NewTest(at, alertstest.Links{})
	test.Data.Alert.Nearest = &alerts.Nearest{Person: "<Anna> & \u2028Co", Score: 0.19}
	camera := alerts.Event{Type: alerts.CameraOffline, Timestamp: alerts.Time{Time: at}, Data: alerts.Data{
		Camera: &alerts.CameraChange{ID: "door", Since: alerts.Time{Time: at}, Source: "whip", Reason: "no video"},
	}}
	for name, c := range map[string]struct {
		event           alerts.Event
		source, subject string
	}{
		"alert":  {test, "/cameras/test", test.Data.Alert.ID},
		"camera": {camera, "/cameras/door", "door"},
	} {
		t.Run(name, func(t *testing.T) {
			notice, err := alerts.NewNotice(c.event)
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, status(http.StatusInternalServerError))
			e := Endpoint{ID: "home", URL: b.url, Secret: "whsec_" + plain, Format: CloudEvents, AllowPrivate: true}
			s, err := New(e, b.ledger, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.Now = func() time.Time { return b.now }
			for range 2 {
				wait(t, s.Deliver(t.Context(), Delivery{ID: notice.ID, Endpoint: "home", Type: notice.Type, Body: notice.Body}))
				b.now = b.now.Add(time.Minute)
			}
			first, again := b.requests()[0], b.requests()[1]
			if first.body != again.body {
				t.Errorf("two attempts differ:\n%s\n%s", first.body, again.body)
			}
			checkEnvelope(t, first, notice, c.source, c.subject)
		})
	}
}

func checkEnvelope(t *testing.T, got received, n alerts.Notice, source, subject string) {
	t.Helper()
	wh, err := reference.NewWebhook("whsec_" + plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := wh.Verify([]byte(got.body), got.header); err != nil {
		t.Errorf("the reference library says: %v", err)
	}
	if media := got.header.Get("Content-Type"); media != "application/cloudevents+json" {
		t.Errorf("got media type %s", media)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(got.body), &fields); err != nil {
		t.Fatal(err)
	}
	var inner struct{ Data json.RawMessage }
	if err := json.Unmarshal(n.Body, &inner); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"specversion": `"1.0"`, "id": `"` + n.ID + `"`, "source": `"` + source + `"`, "type": `"` + string(n.Type) + `"`,
		"time": `"2026-11-22T20:15:31.204Z"`, "subject": `"` + subject + `"`, "datacontenttype": `"application/json"`,
		"data": string(inner.Data),
	} {
		if string(fields[name]) != want {
			t.Errorf("%s: got %s, want %s", name, fields[name], want)
		}
		delete(fields, name)
	}
	if len(fields) != 0 {
		t.Errorf("got %v besides", fields)
	}
}
