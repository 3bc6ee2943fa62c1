package client

import (
	"context"
	"fmt"
	"testing"

	"vigil/internal/web"
)

func (h *house) Explain(_ context.Context, id string) (web.Explanation, error) {
	if id != "door/e1/90-1&x" {
		return web.Explanation{}, fmt.Errorf("explain %s: %w", id, web.ErrNotFound)
	}
	return web.Explanation{Tracks: []web.TrackStory{{Track: id}}}, nil
}

func TestExplain(t *testing.T) {
	_, c := serve(t)
	if e, err := c.Explain(t.Context(), "door/e1/90-1&x"); err != nil || len(e.Tracks) != 1 || e.Tracks[0].Track != "door/e1/90-1&x" {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := c.Explain(t.Context(), "01X"); err == nil || err.Error() != "explain 01X: there is no such alert: not found" {
		t.Errorf("unknown: got %v", err)
	}
}
