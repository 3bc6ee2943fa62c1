package web

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func (h *house) Dead(context.Context) (all []DeadView, err error) {
	for _, d := range h.dead {
		d.Body = ""
		all = append(all, d)
	}
	return all, h.broken
}

func (h *house) DeadLetter(_ context.Context, id string) (DeadView, error) {
	d, ok := h.dead[id]
	if !ok {
		return DeadView{}, ErrNotFound
	}
	return d, nil
}

func (h *house) Replay(_ context.Context, id string) error {
	if _, ok := h.dead[id]; !ok {
		return ErrNotFound
	}
	delete(h.dead, id)
	return nil
}

func TestDeadLetters(t *testing.T) {
	h, server, _, token := start(t)
	h.dead["7"] = DeadView{ID: "7", Stream: "OUTBOX", Endpoint: "home", Webhook: "01J-alert-opened", Reason: "answered 500", Body: `{"a":"<&>"}`}
	for _, step := range []struct {
		method, path, token string
		status              int
		want                string
	}{
		{"GET", "/api/v1/dlq", "", http.StatusUnauthorized, "token"},
		{"POST", "/api/v1/dlq/7/replay", "", http.StatusUnauthorized, "token"},
		{"GET", "/api/v1/dlq", token, http.StatusOK, `"webhook_id":"01J-alert-opened"`},
		{"GET", "/api/v1/dlq/7", token, http.StatusOK, `"body":"{\"a\":\"<&>\"}"`},
		{"GET", "/api/v1/dlq/8", token, http.StatusNotFound, "dead letter 8: not found"},
		{"POST", "/api/v1/dlq/7/replay", token, http.StatusNoContent, ""},
		{"POST", "/api/v1/dlq/7/replay", token, http.StatusNotFound, "dead letter 7: not found"},
		{"GET", "/api/v1/dlq", token, http.StatusOK, `{"dead":[]}`},
	} {
		response, body := do(t, step.method, server.URL+step.path, step.token, nil)
		if response.StatusCode != step.status || !strings.Contains(body, step.want) {
			t.Errorf("%s %s: got %d %s, want %d and %s", step.method, step.path, response.StatusCode, body, step.status, step.want)
		}
	}
}
