package bus_test

import (
	"context"
	"errors"
	"testing"

	"vigil/internal/bus"
)

func TestRequest(t *testing.T) {
	c, b := declared(t)
	other := open(t, b)
	ask := func(n note) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		return bus.Request[note, string](ctx, other, "vigil.test", n)
	}
	if _, err := ask(note{}); !errors.Is(err, bus.ErrNoResponders) {
		t.Errorf("got %v, want %v", err, bus.ErrNoResponders)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		done <- bus.Respond(ctx, c, "vigil.test", "q", func(_ context.Context, n note) (string, error) {
			switch n.ID {
			case "fail":
				return "ignored", errors.New("no such person: \"x\"")
			case "empty":
				return "", errors.New("")
			}
			return "hello " + n.Camera, nil
		})
	}()
	eventually(t, "somebody to answer", func() bool {
		got, err := ask(note{Camera: "door"})
		return err == nil && got == "hello door"
	})
	var remote *bus.RemoteError
	if got, err := ask(note{ID: "fail"}); !errors.As(err, &remote) || remote.Text != "no such person: \"x\"" || got != "" {
		t.Errorf("got %q, %v, want the other side's error", got, err)
	}
	if _, err := ask(note{ID: "empty"}); !errors.As(err, &remote) {
		t.Errorf("got %v, want an error although its text is empty", err)
	}
	_, err := bus.Request[[]int, string](t.Context(), other, "vigil.test", []int{1})
	if !errors.As(err, &remote) {
		t.Errorf("got %v for a request of the wrong shape, want the other side's error", err)
	}
	cancel()
	if err := receive(t, "respond to end", done); err != nil {
		t.Errorf("respond: got %v, want nil when ctx ends", err)
	}
}

func TestRequestEndsWithCtx(t *testing.T) {
	c, b := declared(t)
	silent := b.Connect(t)
	sub, err := silent.SubscribeSync("vigil.silent")
	if err != nil {
		t.Fatal(err)
	}
	if err := silent.Flush(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := bus.Request[note, note](ctx, c, "vigil.silent", note{})
		asked <- err
	}()
	eventually(t, "the request", func() bool {
		n, _, err := sub.Pending()
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return false
		}
		cancel()
		return true
	})
	if err := receive(t, "the request to end", asked); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
