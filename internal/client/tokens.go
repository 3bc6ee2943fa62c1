package client

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"vigil/internal/web"
)

// Tokens lists the tokens that were made.
func (c *Client) Tokens(ctx context.Context) ([]web.Token, error) {
	var out struct{ Tokens []web.Token }
	err := c.get(ctx, "/api/v1/tokens", &out)
	return out.Tokens, err
}

// CreateToken makes a token and returns it with its secret, which is told this once.
func (c *Client) CreateToken(ctx context.Context, t web.TokenInput) (web.NewTokenView, error) {
	var out web.NewTokenView
	body, err := json.Marshal(t)
	if err != nil {
		return out, err
	}
	err = c.do(ctx, http.MethodPost, "/api/v1/tokens", "application/json", bytes.NewReader(body), &out)
	return out, err
}

// RevokeToken revokes a token and the sessions that it began.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(id), "", nil, nil)
}
