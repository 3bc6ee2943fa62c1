package bus_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

func TestPublishTwiceStoresOnce(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"}, note{"door", "1"}, note{"door", "2"})
	if got := stream(t, c, bus.Sightings).State.Msgs; got != 2 {
		t.Errorf("got %d messages, want 2", got)
	}
}

func TestPublishWaitsForTheServer(t *testing.T) {
	c, b := declared(t)
	topic := newTopic(c)
	b.Stop()
	published := make(chan error, 1)
	go func() { published <- topic.Publish(t.Context(), note{"door", "1"}) }()
	b.Start(t)
	if err := receive(t, "the publish", published); err != nil {
		t.Fatal(err)
	}
	if got := stream(t, c, bus.Sightings).State.Msgs; got != 1 {
		t.Errorf("got %d messages, want 1", got)
	}
}

func TestPublishEndsWithCtx(t *testing.T) {
	c, b := declared(t)
	b.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := newTopic(c).Publish(ctx, note{"door", "1"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

func TestPublishWithoutTheStream(t *testing.T) {
	c := open(t, natsdtest.Start(t, natsd.Config{}))
	err := newTopic(c).Publish(t.Context(), note{"door", "1"})
	if !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("got %v, want %v at once", err, jetstream.ErrNoStreamResponse)
	}
}

func TestPublishToAFullStream(t *testing.T) {
	c, _ := declared(t)
	full := stream(t, c, bus.Sightings).Config
	full.MaxMsgs, full.Discard = 1, jetstream.DiscardNew
	if _, err := c.JetStream().UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"})
	if err := topic.Publish(t.Context(), note{"door", "2"}); !errors.Is(err, bus.ErrFull) {
		t.Errorf("got %v, want %v", err, bus.ErrFull)
	}
}

func tail(t *testing.T, topic *bus.Topic[note], o bus.TailOptions) []string {
	t.Helper()
	var ids []string
	for n, err := range topic.Tail(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, n.ID)
	}
	return ids
}

func TestTail(t *testing.T) {
	c, _ := declared(t)
	topic := newTopic(c)
	if got := tail(t, topic, bus.TailOptions{}); len(got) != 0 {
		t.Errorf("got %v from an empty stream", got)
	}
	var all []string
	for i := range 40 {
		n := note{[]string{"door", "porch"}[i%2], string(rune('A' + i))}
		publish(t, topic, n)
		all = append(all, n.ID)
	}
	half, err := c.JetStream().Stream(t.Context(), bus.Sightings)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := half.GetMsg(t.Context(), 21)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		options bus.TailOptions
		want    []string
	}{
		"all":       {bus.TailOptions{}, all},
		"last":      {bus.TailOptions{Last: 3}, all[37:]},
		"last many": {bus.TailOptions{Last: 100}, all},
		"filter":    {bus.TailOptions{Filter: "vigil.sightings.porch", Last: 2}, []string{all[37], all[39]}},
		"from":      {bus.TailOptions{From: msg.Time}, all[20:]},
		"nothing":   {bus.TailOptions{Filter: "vigil.sightings.attic"}, nil},
		"future":    {bus.TailOptions{From: time.Now().Add(time.Hour)}, nil},
	} {
		if got := tail(t, topic, tc.options); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestTailFollows(t *testing.T) {
	c, b := declared(t)
	topic := newTopic(c)
	publish(t, topic, note{"door", "1"}, note{"door", "2"})
	if _, err := c.JetStream().Publish(t.Context(), "vigil.sightings.door", []byte("{")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var got []string
	broken := 0
	for n, err := range topic.Tail(ctx, bus.TailOptions{Last: 2, Follow: true}) {
		if err != nil {
			broken++
			b.Stop()
			b.Start(t)
			publish(t, topic, note{"door", "3"}, note{"door", "4"})
			continue
		}
		got = append(got, n.ID)
		if n.ID == "4" {
			cancel()
		}
	}
	if want := "2 3 4"; strings.Join(got, " ") != want || broken != 1 {
		t.Errorf("got %v and %d errors, want %s and one for the message that is no JSON", got, broken, want)
	}
}

func TestTailWithoutTheStream(t *testing.T) {
	c := open(t, natsdtest.Start(t, natsd.Config{}))
	steps := 0
	for _, err := range newTopic(c).Tail(t.Context(), bus.TailOptions{Follow: true}) {
		if steps++; !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("got %v, want %v", err, jetstream.ErrStreamNotFound)
		}
	}
	if steps != 1 {
		t.Errorf("got %d steps, want 1", steps)
	}
}
