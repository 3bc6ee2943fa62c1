package jetstream_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	"vigil/internal/bus"
)

type request struct{ id, body string }

// recorder answers what status says and tells of every request.
func recorder(t *testing.T, status *atomic.Int32) (url string, requests chan request) {
	t.Helper()
	requests = make(chan request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(int(status.Load()))
		requests <- request{r.Header.Get("webhook-id"), string(body)}
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func TestReplayHasTheSameIDAndBytes(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, t.TempDir())
	var status atomic.Int32
	status.Store(http.StatusGone)
	url, requests := recorder(t, &status)
	run(t, c, url)
	ledger, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	notice, err := alerts.NewNotice(alerts.NewTest(time.Now(), alertstest.Links{}))
	if err != nil {
		t.Fatal(err)
	}
	if err := jetstream.NewOutbox(c).Enqueue(t.Context(), notice, "home"); err != nil {
		t.Fatal(err)
	}
	first := <-requests
	var dead []bus.Dead
	until(t, func() bool {
		dead, err = c.ListDead(t.Context())
		return err == nil && len(dead) == 1
	})
	key := webhook.Delivery{ID: notice.ID, Endpoint: "home"}.Key()
	if dead[0].ID != key || dead[0].Stream != bus.Outbox {
		t.Errorf("got %+v", dead[0])
	}
	status.Store(http.StatusOK)
	enable(t, ledger)
	whole, err := c.GetDead(t.Context(), dead[0].Seq)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := jetstream.Replay(t.Context(), c, ledger, whole); err != nil {
			t.Fatal(err)
		}
	}
	if again := <-requests; again != first || again.id != notice.ID || again.body != string(notice.Body) {
		t.Errorf("got %+v, want %+v", again, first)
	}
	until(t, func() bool {
		r, err := ledger.Get(t.Context(), key)
		return err == nil && r.Delivered
	})
	// A copy that is put back after that is not sent.
	if err := jetstream.Replay(t.Context(), c, ledger, bus.Dead{Seq: 99, Stream: bus.Outbox, Subject: whole.Subject, ID: key, Data: whole.Data}); err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		consumer, err := c.JetStream().Consumer(t.Context(), bus.Outbox, "webhook-home")
		return err == nil && consumer.CachedInfo().NumPending == 0 && consumer.CachedInfo().NumAckPending == 0
	})
	if len(requests) != 0 {
		t.Errorf("sent again: %+v", <-requests)
	}
}

func TestRestartedScheduleIsWhole(t *testing.T) {
	c, _ := serve(t, t.TempDir())
	ledger, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	d := webhook.Delivery{ID: "01J-alert-opened", Endpoint: "home", Body: []byte("{}"), Created: time.Now()}
	if err := ledger.Put(t.Context(), d.Key(), webhook.Record{Attempts: 10, Status: 500, Reason: "answered 500"}); err != nil {
		t.Fatal(err)
	}
	if err := webhook.Restart(t.Context(), ledger, d.Key(), time.Now()); err != nil {
		t.Fatal(err)
	}
	var status atomic.Int32
	status.Store(http.StatusInternalServerError)
	url, _ := recorder(t, &status)
	endpoint := webhook.Endpoint{ID: "home", URL: url, Secret: secret, AllowPrivate: true}
	sender, err := webhook.New(endpoint, ledger, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	if later, ok := errors.AsType[*webhook.LaterError](sender.Deliver(t.Context(), d)); !ok || later.After > 7*time.Second {
		t.Errorf("got %+v, want the second attempt in 5 s", later)
	}
}

func enable(t *testing.T, l *jetstream.Ledger) {
	t.Helper()
	if err := webhook.Enable(t.Context(), l, "home", time.Now()); err != nil {
		t.Fatal(err)
	}
}
