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

	"vigil/alerts"
	"vigil/alerts/webhook"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
)

func opened(t *testing.T, endpoint string, at, decided time.Time) webhook.Delivery {
	t.Helper()
	n, err := alerts.NewNotice(alerts.Event{Type: alerts.Opened, Data: alerts.Data{Alert: alerts.Alert{ID: "1", OpenedAt: alerts.Time{Time: at}}}})
	if err != nil {
		t.Fatal(err)
	}
	return webhook.Delivery{ID: n.ID, Endpoint: endpoint, Type: n.Type, Body: n.Body, Decided: decided}
}

// TestLatencies: what two processes have counted is shown as one.
func TestLatencies(t *testing.T) {
	a, err := open(t, onFreePorts(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	kv, err := bus.OpenKV[map[string]latency](t.Context(), a.bus, bus.Latencies)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Millisecond)
	for process, took := range map[string]time.Duration{"one": 800 * time.Millisecond, "two": 4 * time.Second} {
		var l latencies
		l.first(opened(t, "home", now.Add(-took), now.Add(-20*time.Millisecond)), now)
		l.first(webhook.Delivery{Endpoint: "home", Type: alerts.Closed, Body: []byte("{}")}, now) // no alert is raised by it
		if _, err := kv.Put(t.Context(), process, l.snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	old := map[string]latency{"home": {Alert: histogram{Counts: []uint64{7}}}} // of a version with other bounds
	if _, err := kv.Put(t.Context(), "old", old); err != nil {
		t.Fatal(err)
	}
	m, err := newLatencyMetrics(t.Context(), a.bus)
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`vigil_alert_latency_seconds_bucket{endpoint="home",le="0.75"} 0`, `vigil_alert_latency_seconds_bucket{endpoint="home",le="1"} 1`,
		`vigil_alert_latency_seconds_bucket{endpoint="home",le="5"} 2`, `vigil_alert_latency_seconds_sum{endpoint="home"} 4.8`,
		`vigil_alert_decision_latency_seconds_bucket{endpoint="home",le="0.025"} 2`, `vigil_alert_decision_latency_seconds_count{endpoint="home"} 2`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("got\n%s\nwant a line %q", answer.Body, line)
		}
	}
	if problems, err := promlint.New(answer.Body).Lint(); err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v from the linter", problems, err)
	}
}

// TestCamerasAwayAreToldOf: readiness does not depend on them.
func TestCamerasAwayAreToldOf(t *testing.T) {
	a, err := open(t, onFreePorts(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	states, err := bus.OpenKV[frames.CameraState](t.Context(), a.bus, bus.Cameras)
	if err != nil {
		t.Fatal(err)
	}
	check := cameraCheck(cameraList{states})
	for camera, online := range map[frames.CameraID]bool{"door": true, "yard": false} {
		if _, err := states.Put(t.Context(), string(camera), frames.CameraState{Camera: camera, Online: online, Updated: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	notice, ok := errors.AsType[web.Notice](check.Probe(t.Context()))
	if !ok || !strings.HasPrefix(notice.Error(), "no video comes from 1 of 2 cameras") || strings.Contains(notice.Error(), "yard") {
		t.Errorf("got %q, %t", notice, ok)
	}
}
