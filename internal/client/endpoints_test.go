package client

import (
	"context"
	"testing"
	"time"

	"vigil/internal/web"
)

func (h *house) Endpoints(context.Context) ([]web.EndpointView, error) {
	return []web.EndpointView{{ID: "home", State: web.EndpointDisabled}}, nil
}

func (h *house) Deliveries(_ context.Context, endpoint, webhook string, limit int) ([]web.DeliveryView, error) {
	if webhook != "" {
		return []web.DeliveryView{{Webhook: webhook}}, nil
	}
	if endpoint != "home" {
		return nil, web.ErrNotFound
	}
	return make([]web.DeliveryView, limit), nil
}

func (h *house) Test(_ context.Context, endpoint string) (string, error) {
	return endpoint + "-test", nil
}

func (h *house) Enable(_ context.Context, endpoint string) error {
	if endpoint != "home" {
		return web.ErrNotFound
	}
	return nil
}

func (h *house) ReplayAll(_ context.Context, _ string, since time.Time) (int, error) {
	h.from = since
	return 3, nil
}

func TestEndpoints(t *testing.T) {
	h, c := serve(t)
	if got, err := c.Endpoints(t.Context()); err != nil || len(got) != 1 || got[0].State != web.EndpointDisabled {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.Deliveries(t.Context(), "home", 7); err != nil || len(got) != 7 {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.Delivery(t.Context(), "home", "01J&x"); err != nil || len(got) != 1 || got[0].Webhook != "01J&x" {
		t.Errorf("got %+v, %v", got, err)
	}
	if id, err := c.TestEndpoint(t.Context(), "home"); err != nil || id != "home-test" {
		t.Errorf("got %s, %v", id, err)
	}
	if err := c.EnableEndpoint(t.Context(), "a/b"); err == nil || err.Error() != "endpoint a/b: not found" {
		t.Errorf("got %v", err)
	}
	if err := c.EnableEndpoint(t.Context(), "home"); err != nil {
		t.Error(err)
	}
	at := time.Now().UTC()
	if n, err := c.ReplayEndpoint(t.Context(), "home", at); err != nil || n != 3 || !h.from.Equal(at) {
		t.Errorf("got %d since %s, %v", n, h.from, err)
	}
}
