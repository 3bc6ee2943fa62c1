package client

import (
	"context"
	"net/http"
	"net/url"

	"vigil/internal/web"
)

// Dead lists what was given up, oldest first.
func (c *Client) Dead(ctx context.Context) ([]web.DeadView, error) {
	var out struct{ Dead []web.DeadView }
	err := c.get(ctx, "/api/v1/dlq", &out)
	return out.Dead, err
}

// DeadLetter returns one message of the dead-letter queue with its body.
func (c *Client) DeadLetter(ctx context.Context, id string) (web.DeadView, error) {
	var out web.DeadView
	err := c.get(ctx, "/api/v1/dlq/"+url.PathEscape(id), &out)
	return out, err
}

// Replay puts a message of the dead-letter queue back.
func (c *Client) Replay(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "/api/v1/dlq/"+url.PathEscape(id)+"/replay", "", nil, nil)
}
