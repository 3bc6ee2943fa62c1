package client

import (
	"context"
	"testing"

	"vigil/internal/web"
)

func (h *house) Dead(context.Context) ([]web.DeadView, error) { return h.dead, nil }

func (h *house) DeadLetter(_ context.Context, id string) (web.DeadView, error) {
	for _, d := range h.dead {
		if d.ID == id {
			d.Body = "body"
			return d, nil
		}
	}
	return web.DeadView{}, web.ErrNotFound
}

func (h *house) Replay(_ context.Context, id string) error {
	if len(h.dead) == 0 || h.dead[0].ID != id {
		return web.ErrNotFound
	}
	h.dead = h.dead[1:]
	return nil
}

func TestDeadLetters(t *testing.T) {
	h, c := serve(t)
	h.dead = []web.DeadView{{ID: "7", Endpoint: "home", Reason: "answered 500"}}
	if got, err := c.Dead(t.Context()); err != nil || len(got) != 1 || got[0] != h.dead[0] {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.DeadLetter(t.Context(), "7"); err != nil || got.Body != "body" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := c.Replay(t.Context(), "8/../7"); err == nil || err.Error() != "dead letter 8/../7: not found" {
		t.Errorf("got %v", err)
	}
	if err := c.Replay(t.Context(), "7"); err != nil || len(h.dead) != 0 {
		t.Errorf("got %v and %+v", err, h.dead)
	}
}
