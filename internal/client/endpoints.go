package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"vigil/internal/web"
)

// Endpoints lists the receivers of webhooks.
func (c *Client) Endpoints(ctx context.Context) ([]web.EndpointView, error) {
	var out struct{ Endpoints []web.EndpointView }
	err := c.get(ctx, "/api/v1/endpoints", &out)
	return out.Endpoints, err
}

// Deliveries lists at most limit deliveries of an endpoint, the latest first.
func (c *Client) Deliveries(ctx context.Context, endpoint string, limit int) ([]web.DeliveryView, error) {
	var out struct{ Deliveries []web.DeliveryView }
	err := c.get(ctx, ofEndpoint(endpoint, "deliveries")+"?limit="+strconv.Itoa(limit), &out)
	return out.Deliveries, err
}

// Delivery returns one delivery of an endpoint by its webhook-id, or none when it was not attempted yet.
func (c *Client) Delivery(ctx context.Context, endpoint, webhook string) ([]web.DeliveryView, error) {
	var out struct{ Deliveries []web.DeliveryView }
	err := c.get(ctx, ofEndpoint(endpoint, "deliveries")+"?webhook="+url.QueryEscape(webhook), &out)
	return out.Deliveries, err
}

// TestEndpoint sends a test event to an endpoint and returns its webhook-id.
func (c *Client) TestEndpoint(ctx context.Context, endpoint string) (string, error) {
	var out struct {
		ID string `json:"webhook_id"`
	}
	err := c.do(ctx, http.MethodPost, ofEndpoint(endpoint, "test"), "", nil, &out)
	return out.ID, err
}

// EnableEndpoint uses an endpoint again.
func (c *Client) EnableEndpoint(ctx context.Context, endpoint string) error {
	return c.do(ctx, http.MethodPost, ofEndpoint(endpoint, "enable"), "", nil, nil)
}

// ReplayEndpoint puts back what was given up of an endpoint since then (zero: all of it), and returns how many.
func (c *Client) ReplayEndpoint(ctx context.Context, endpoint string, since time.Time) (int, error) {
	path := ofEndpoint(endpoint, "replay")
	if !since.IsZero() {
		path += "?since=" + url.QueryEscape(since.UTC().Format(time.RFC3339Nano))
	}
	var out struct{ Replayed int }
	err := c.do(ctx, http.MethodPost, path, "", nil, &out)
	return out.Replayed, err
}

func ofEndpoint(id, what string) string {
	return "/api/v1/endpoints/" + url.PathEscape(id) + "/" + what
}
