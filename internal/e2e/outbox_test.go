package e2e

import (
	"bytes"
	"io"
	"net/http"
	"testing"
	"time"

	"vigil/alerts"
)

// TestRestartKeepsOutbox has the receiver down when the alert is raised, and Vigil restarted before the retry.
func TestRestartKeepsOutbox(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	hook := reserve(t)
	s.hook = "http://" + hook.String() + "/hook"
	type attempt struct {
		id   string
		body []byte
	}
	refused := make(chan attempt, 100)
	down := hook.serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		refused <- attempt{r.Header.Get("webhook-id"), body}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	p, _ := start(t, s.config())
	s.show(t, &reel{film: clip(t, "solo")})
	var first attempt
	select {
	case first = <-refused:
	case <-time.After(40 * time.Second):
		t.Fatal("no webhook was tried")
	}
	down() // from here on connections are refused
	p.stop(t)
	hook.serve(t, s.receiver)
	start(t, s.config())
	opened := s.wait(t, alerts.Opened, 30*time.Second)
	if got := opened.ID(); got != first.id {
		t.Errorf("webhook-id after the restart is %q, before it was %q", got, first.id)
	}
	for _, d := range s.receiver.Deliveries() {
		if d.Event.Type == alerts.Opened && !bytes.Equal(d.Body, first.body) {
			t.Errorf("body after the restart is %s, before it was %s", d.Body, first.body)
		}
	}
	s.once(t, alerts.Opened)
}
