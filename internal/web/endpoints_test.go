package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func (h *house) Endpoints(context.Context) ([]EndpointView, error) {
	return []EndpointView{{ID: "home", State: EndpointWaiting, Since: time.Unix(1, 0).UTC()}}, h.broken
}

func (h *house) Deliveries(_ context.Context, endpoint, webhook string, limit int) ([]DeliveryView, error) {
	if endpoint != "home" {
		return nil, ErrNotFound
	}
	return []DeliveryView{{Webhook: fmt.Sprint(webhook, limit), State: DeliveryGivenUp, Attempts: []AttemptView{}}}, nil
}

func (h *house) Test(_ context.Context, endpoint string) (string, error) {
	if endpoint != "home" {
		return "", Refused{"disabled"}
	}
	return "01J-test", nil
}

func (h *house) Enable(_ context.Context, endpoint string) error {
	if endpoint != "home" {
		return ErrNotFound
	}
	return nil
}

func (h *house) ReplayAll(_ context.Context, endpoint string, since time.Time) (int, error) {
	if endpoint != "home" {
		return 0, ErrNotFound
	}
	return since.Year(), nil
}

func TestEndpoints(t *testing.T) {
	_, server, _, token := start(t)
	for _, step := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "endpoints", 200, `"since":"1970-01-01T00:00:01Z","status":0`},
		{"GET", "endpoints/home/deliveries", 200, `"webhook_id":"50"`},
		{"GET", "endpoints/home/deliveries?limit=1000", 200, `"webhook_id":"1000"`},
		{"GET", "endpoints/home/deliveries?webhook=01J-", 200, `"webhook_id":"01J-50"`},
		{"GET", "endpoints/home/deliveries?limit=1001", 422, "1 to 1000"},
		{"GET", "endpoints/away/deliveries", 404, "endpoint away: not found"},
		{"POST", "endpoints/home/test", 200, `{"webhook_id":"01J-test"}`},
		{"POST", "endpoints/away/test", 422, "disabled"},
		{"POST", "endpoints/home/enable", 204, ""},
		{"POST", "endpoints/away/enable", 404, "endpoint away"},
		{"POST", "endpoints/home/replay", 200, `{"replayed":1}`},
		{"POST", "endpoints/home/replay?since=2026-11-22T20:15:31Z", 200, `{"replayed":2026}`},
		{"POST", "endpoints/home/replay?since=noon", 422, "since"},
		{"POST", "endpoints/away/replay", 404, "endpoint away"},
	} {
		path := server.URL + "/api/v1/" + step.path
		response, body := do(t, step.method, path, token, nil)
		if response.StatusCode != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s: got %d %s, want %d and %s", step.method, step.path, response.StatusCode, body, step.status, step.want)
		}
		if response, _ := do(t, step.method, path, "", nil); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s without a token: got %d", step.method, step.path, response.StatusCode)
		}
	}
}
