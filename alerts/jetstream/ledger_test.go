package jetstream_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	"vigil/internal/bus"
)

func TestStandingsAreAmendedOneAfterTheOther(t *testing.T) {
	c, _ := serve(t, t.TempDir())
	l, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.Standing(t.Context(), "home"); err != nil || got != (webhook.Standing{}) {
		t.Errorf("at first: got %+v, %v", got, err)
	}
	var g errgroup.Group
	for range 8 {
		g.Go(func() error {
			for range 5 {
				err := l.Amend(t.Context(), "home", func(s webhook.Standing) webhook.Standing {
					s.Failures++
					return s
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	if all, err := l.Standings(t.Context()); err != nil || len(all) != 1 || all["home"].Failures != 40 {
		t.Errorf("got %+v, %v, want 40 failures of one endpoint", all, err)
	}
}

// TestHangingEndpointDelaysNobody: one receiver never answers, and another has each of a hundred events at once.
func TestHangingEndpointDelaysNobody(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, t.TempDir())
	release := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer hanging.Close()
	defer close(release)
	got := make(chan string, 200)
	good := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("webhook-id") }))
	defer good.Close()
	deliver(t, c, webhook.Endpoint{ID: "dead", URL: hanging.URL, Secret: secret, AllowPrivate: true})
	deliver(t, c, webhook.Endpoint{ID: "good", URL: good.URL, Secret: secret, AllowPrivate: true})
	outbox := jetstream.NewOutbox(c)
	sent := make(map[string]time.Time)
	for range 100 {
		notice, err := alerts.NewNotice(alerts.NewTest(time.Now(), alertstest.Links{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, endpoint := range []string{"dead", "good"} {
			if err := outbox.Enqueue(t.Context(), notice, endpoint); err != nil {
				t.Fatal(err)
			}
		}
		sent[notice.ID] = time.Now()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // less than one attempt at the other takes
	defer cancel()
	var worst time.Duration
	for len(sent) > 0 {
		select {
		case id := <-got:
			if at, ok := sent[id]; ok {
				worst = max(worst, time.Since(at))
			}
			delete(sent, id)
		case <-ctx.Done():
			t.Fatalf("%d of 100 are still not there", len(sent))
		}
	}
	t.Logf("the slowest of 100 took %s", worst)
}

// deliver sends what is in the outbox to one endpoint until the test ends.
func deliver(t *testing.T, c *bus.Conn, e webhook.Endpoint) {
	t.Helper()
	ledger, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	sender, err := webhook.New(e, ledger, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- jetstream.Deliver(ctx, c, sender) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		sender.Close()
	})
}
