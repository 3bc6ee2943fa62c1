package ordered_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
	"vigil/internal/ordered"
)

func open(t *testing.T, b *natsdtest.Broker) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(b.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.*"}}); err != nil {
		t.Fatal(err)
	}
	return js
}

func publish(t *testing.T, js jetstream.JetStream, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("s.%d", i%2), fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
}

func read(t *testing.T, js jetstream.JetStream, from ordered.From, last uint64) (got []string) {
	t.Helper()
	for m, err := range ordered.Read(t.Context(), js, from, last) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(m.Data()))
	}
	return got
}

// restart restarts the server and waits until the connection is back.
func restart(t *testing.T, b *natsdtest.Broker, js jetstream.JetStream) {
	t.Helper()
	back := js.Conn().StatusChanged(nats.CONNECTED)
	defer js.Conn().RemoveStatusListener(back)
	b.Stop()
	b.Start(t)
	select {
	case <-back:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection does not come back")
	}
}

func TestRead(t *testing.T) {
	js := open(t, natsdtest.Start(t, natsd.Config{}))
	if got := read(t, js, ordered.From{Stream: "S"}, math.MaxUint64); got != nil {
		t.Errorf("got %v from an empty stream", got)
	}
	publish(t, js, 1, 100)
	var all, odd []string
	for i := 1; i <= 100; i++ {
		all = append(all, fmt.Sprint(i))
		if i%2 == 1 {
			odd = append(odd, fmt.Sprint(i))
		}
	}
	for name, tc := range map[string]struct {
		from ordered.From
		last uint64
		want []string
	}{
		"everything":      {ordered.From{}, math.MaxUint64, all},
		"up to a message": {ordered.From{}, 32, all[:32]},
		"a part":          {ordered.From{Seq: 10}, 20, all[9:20]},
		"a subject":       {ordered.From{Subject: "s.1"}, 50, odd[:25]},
		"from the future": {ordered.From{Time: time.Now().Add(time.Hour)}, math.MaxUint64, nil},
		"headers":         {ordered.From{Headers: true, Seq: 99}, 100, []string{"", ""}},
	} {
		tc.from.Stream = "S"
		if got := read(t, js, tc.from, tc.last); !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestReadErrors(t *testing.T) {
	b := natsdtest.Start(t, natsd.Config{})
	js := open(t, b)
	publish(t, js, 1, 40)
	steps := func(ctx context.Context, stream string) (n int, last error) {
		for _, err := range ordered.Read(ctx, js, ordered.From{Stream: stream}, math.MaxUint64) {
			if n, last = n+1, err; n == 1 && err == nil {
				b.Stop()
			}
		}
		return n, last
	}
	if _, err := steps(t.Context(), "NOWHERE"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("got %v, want %v", err, jetstream.ErrStreamNotFound)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if n, err := steps(ctx, "S"); err == nil || n > 40 {
		t.Errorf("got %v after %d messages, want an error as the server went away", err, n)
	}
}

func TestFollowOutlivesRestarts(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := natsdtest.Start(t, natsd.Config{})
	js := open(t, b)
	publish(t, js, 1, 10)
	next := 1
	for m, err := range ordered.Follow(t.Context(), js, ordered.From{Stream: "S"}) {
		if err != nil {
			t.Fatal(err)
		}
		if got := string(m.Data()); got != fmt.Sprint(next) {
			t.Fatalf("got %s, want %d", got, next)
		}
		if next == 30 {
			break
		}
		if next++; next == 11 || next == 21 {
			restart(t, b, js)
			publish(t, js, next, next+9)
		}
	}
	if next != 30 {
		t.Errorf("got to %d, want 30", next)
	}
	js.Conn().Close()
	b.Stop()
}
