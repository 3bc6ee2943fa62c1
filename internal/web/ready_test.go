package web

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestSlowPartBlamesNoOther: a part that does not answer is named, and no other one with it.
func TestSlowPartBlamesNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Server{cfg: Config{Checks: []Check{
			{Name: "store", Probe: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			{Name: "bus", Probe: func(ctx context.Context) error { return ctx.Err() }},
			{Name: "cameras", Probe: func(context.Context) error { return Notice("one is away") }},
			{Name: "vision", Probe: func(context.Context) error { return errors.New("no engine") }},
		}}}
		ready, parts := s.probe(t.Context())
		if ready || len(parts) != 4 {
			t.Fatalf("got %t, %+v", ready, parts)
		}
		for i, want := range []part{
			{Name: "store", Detail: "context deadline exceeded"},
			{Name: "bus", OK: true},
			{Name: "cameras", OK: true, Detail: "one is away"},
			{Name: "vision", Detail: "no engine"},
		} {
			if parts[i] != want {
				t.Errorf("got %+v, want %+v", parts[i], want)
			}
		}
	})
}
