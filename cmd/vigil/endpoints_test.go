//go:build !nocv

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"vigil/internal/config"
	"vigil/internal/web"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

type hook struct{ id, body string }

// hooks answers what status says, and tells of every webhook that the reference library takes for ours.
func hooks(t *testing.T) (url string, status *atomic.Int32, got chan hook) {
	t.Helper()
	wh, err := reference.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	status, got = new(atomic.Int32), make(chan hook, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := wh.Verify(body, r.Header); err != nil {
			t.Errorf("the reference library says: %v", err)
		}
		w.WriteHeader(int(status.Load()))
		got <- hook{r.Header.Get("webhook-id"), string(body)}
	}))
	t.Cleanup(server.Close)
	return server.URL, status, got
}

// soon runs a command until it prints want.
func (r *running) soon(want string, args ...string) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var last told
	for range 1000 {
		if last = r.vigil(args...); strings.Contains(last.out, want) {
			return
		}
		<-tick.C
	}
	r.t.Fatalf("got %+v, want %q in it", last, want)
}

func TestEndpointsAndDeadLetters(t *testing.T) {
	url, status, got := hooks(t)
	r := begin(t, config.Endpoint{ID: "home", URL: url + "/hush", Secret: hookSecret, AllowPrivate: true})
	host := strings.TrimPrefix(url, "http://")
	r.vigil("endpoints", "list").works(t, "ENDPOINT", "home", host, "enabled", "-")
	for _, command := range []string{"test", "enable", "deliveries", "replay"} {
		r.vigil("endpoints", command, "away").fails(t, 1, "endpoint away: not found")
	}

	status.Store(http.StatusNoContent)
	r.vigil("endpoints", "test", "home").works(t, "endpoint home has taken the test event", "answered 204")
	first := <-got
	if !strings.HasSuffix(first.id, "-test") || !strings.HasPrefix(first.body, `{"type":"test"`) {
		t.Errorf("got %+v", first)
	}
	r.vigil("endpoints", "deliveries", "home").works(t, first.id, "delivered", "204")

	status.Store(http.StatusGone)
	r.vigil("endpoints", "test", "home").fails(t, 1, "has not taken the test event", "answered 410 Gone")
	gone := <-got
	r.vigil("endpoints", "list").works(t, "disabled", "410", "since")
	r.vigil("endpoints", "test", "home").fails(t, 1, "endpoint home is disabled", "enable it first")
	r.soon(gone.id, "dlq", "list")
	r.vigil("dlq", "list", "--endpoint", "other").works(t, "REASON")
	dead := each[web.DeadView](t, r.vigil("dlq", "list", "--endpoint", "home", "--json"))
	if len(dead) != 1 || dead[0].Webhook != gone.id || dead[0].Endpoint != "home" || !strings.Contains(dead[0].Reason, "410") || dead[0].Body != "" {
		t.Fatalf("got %+v", dead)
	}
	r.vigil("dlq", "show", dead[0].ID).works(t, "endpoint    home", "webhook-id  "+gone.id, gone.body)
	r.vigil("dlq", "show", "99").fails(t, 1, "dead letter 99", "not found")
	r.vigil("dlq", "replay").fails(t, 1, "replay what?")

	status.Store(http.StatusOK)
	r.vigil("endpoints", "enable", "home").works(t, "endpoint home is enabled")
	r.vigil("endpoints", "list").works(t, "home", "enabled")
	r.vigil("endpoints", "replay", "home", "--since", "1h").works(t, "1 webhooks are put back")
	if again := <-got; again != gone {
		t.Errorf("got %+v, want %+v, the same to the byte", again, gone)
	}
	r.vigil("endpoints", "replay", "home").works(t, "0 webhooks are put back")
	r.vigil("dlq", "replay", dead[0].ID).fails(t, 1, "not in the queue, or not any more")
	if list := r.vigil("dlq", "list", "--json"); list.out != "" {
		t.Errorf("got %s, want an empty queue", list.out)
	}
	r.soon(`"state":"delivered"`, "endpoints", "deliveries", "home", "--limit", "1", "--json")
	list := r.vigil("endpoints", "list", "--json")
	if strings.Contains(list.out, "hush") || strings.Contains(list.out, "whsec") {
		t.Errorf("the url or the secret is shown: %s", list.out)
	}
	if len(got) != 0 {
		t.Errorf("sent again: %+v", <-got)
	}
}
