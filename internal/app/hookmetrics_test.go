//go:build !nocv

package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	alertsjs "vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	"vigil/internal/config"
	"vigil/internal/web"
)

func TestWebhookMetricsAndCheck(t *testing.T) {
	cfg := onFreePorts(t)
	cfg.Endpoints = []config.Endpoint{{ID: "home", URL: "http://127.0.0.1:1/hush", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", AllowPrivate: true}}
	a, err := open(t, cfg) // not run: nothing is sent
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	ledger, err := alertsjs.OpenLedger(t.Context(), a.bus)
	if err != nil {
		t.Fatal(err)
	}
	hooks := webhooks{a.bus, ledger, func() []config.Endpoint { return cfg.Endpoints }, a.links}
	if err := webhookCheck(hooks).Probe(t.Context()); err != nil {
		t.Errorf("at first: got %v", err)
	}
	err = ledger.Amend(t.Context(), "away", func(s webhook.Standing) webhook.Standing {
		s.Failures, s.Next = 9, time.Now().Add(time.Minute)
		return s
	})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(newHookMetrics(hooks))
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`vigil_endpoint_up{endpoint="away"} 0`, `vigil_endpoint_up{endpoint="home"} 1`, `vigil_endpoint_outstanding{endpoint="home"} 0`,
		`vigil_dead_letters 0`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("got\n%s\nwant a line %q", answer.Body, line)
		}
	}
	if problems, err := promlint.New(answer.Body).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v from the linter", problems, err)
	}
	notice, ok := errors.AsType[web.Notice](webhookCheck(hooks).Probe(t.Context()))
	if !ok || !strings.HasPrefix(notice.Error(), "1 of 2 endpoints") || strings.Contains(notice.Error(), "away") {
		t.Errorf("got %q", notice)
	}
}
