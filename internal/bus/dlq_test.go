package bus_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"vigil/internal/bus"
)

func TestDeadLettersCanBeReplayed(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"}, note{"porch", "2"})
	var mended atomic.Bool
	handled := make(chan note, 4)
	ids := make(chan string, 4)
	consume(t, topic, bus.Consumer{}, func(_ context.Context, n note, m bus.Meta) error {
		if !mended.Load() {
			return fmt.Errorf("%w: no disk", bus.ErrBury)
		}
		handled <- n
		ids <- m.ID
		return nil
	})
	settled(t, c)
	list, err := c.ListDead(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("got %+v, %v, want two", list, err)
	}
	first := list[0]
	if first.Stream != bus.Sightings || first.Consumer != "test" || first.ID != "1" || first.Deliveries != 1 ||
		first.Subject != "vigil.sightings.door" || first.Reason != "message given up: no disk" || time.Since(first.Since) > patience {
		t.Errorf("got %+v", first)
	}
	mended.Store(true)
	dead, err := c.GetDead(t.Context(), first.Seq)
	if err != nil || string(dead.Data) != `{"camera":"door","id":"1"}` {
		t.Fatalf("got %+v, %v", dead, err)
	}
	for range 2 { // the second one as after an answer that was lost
		if err := c.Revive(t.Context(), dead); err != nil {
			t.Fatal(err)
		}
	}
	if got := receive(t, "the message", handled); got.ID != "1" {
		t.Errorf("got %+v", got)
	}
	if got := receive(t, "its id", ids); got != "1" {
		t.Errorf("got id %s", got)
	}
	settled(t, c)
	if len(handled) != 0 {
		t.Errorf("it was stored twice: %+v", <-handled)
	}
	if _, err := c.GetDead(t.Context(), first.Seq); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	if list, err = c.ListDead(t.Context()); err != nil || len(list) != 1 || list[0].ID != "2" {
		t.Errorf("got %+v, %v, want the other one", list, err)
	}
}
