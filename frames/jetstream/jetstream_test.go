package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"vigil/frames"
	"vigil/frames/framestest"
	framesjs "vigil/frames/jetstream"
	"vigil/internal/natsd"
	"vigil/internal/natsd/natsdtest"
)

func newBroker(t *testing.T) *natsdtest.Broker { return natsdtest.Start(t, natsd.Config{}) }

func connect(t *testing.T, b *natsdtest.Broker) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(b.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func declare(t *testing.T, js jetstream.JetStream, c jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	s, err := js.CreateStream(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config() jetstream.StreamConfig { return framesjs.Config(15*time.Minute, 64<<20, 1) }

func TestContract(t *testing.T) {
	framestest.Contract(t, func(t *testing.T) (frames.Log, func(uint64)) {
		js := connect(t, newBroker(t))
		stream := declare(t, js, config())
		return framesjs.New(js), func(pos uint64) {
			if err := stream.Purge(t.Context(), jetstream.WithPurgeSequence(pos)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAppendIsIdempotentBeyondTheWindowOfDuplicates(t *testing.T) {
	js := connect(t, newBroker(t))
	c := config()
	c.Duplicates = 100 * time.Millisecond
	stream := declare(t, js, c)
	f := framestest.Fragments("door", "e", framestest.Start(), 2, 2)
	framestest.Append(t, framesjs.New(js), f...)
	if err := stream.DeleteMsg(t.Context(), f[0].Pos); err != nil {
		t.Fatal(err)
	}
	// The window has passed for both when the server takes the first one again.
	for {
		ack, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: framesjs.Subject("probe")}, jetstream.WithMsgID(f[1].ID()))
		if err != nil {
			t.Fatal(err)
		}
		if !ack.Duplicate {
			break
		}
	}
	pos, err := framesjs.New(js).Append(t.Context(), f[1])
	if err != nil || pos != f[1].Pos {
		t.Errorf("got %d, %v from a new process, want %d", pos, err, f[1].Pos)
	}
}

func TestFollowOutlivesARestart(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := newBroker(t)
	defer b.Stop()
	js := connect(t, b)
	defer js.Conn().Close()
	declare(t, js, config())
	log := framesjs.New(js)
	f := framestest.Fragments("door", "e", framestest.Start(), 6, 6)
	framestest.Append(t, log, f[:3]...)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	n := 0
	for got, err := range log.Follow(ctx, "door", 0) {
		if err != nil {
			t.Fatal(err)
		}
		if got.ID() != f[n].ID() {
			t.Fatalf("got %s, want %s", got.ID(), f[n].ID())
		}
		if n++; n == len(f) {
			return
		}
		if n == 3 {
			b.Stop()
			b.Start(t)
			appendPatiently(t, log, f[3:])
		}
	}
	t.Fatalf("got %d fragments, want %d", n, len(f))
}

// appendPatiently retries, as publishers do.
func appendPatiently(t *testing.T, log frames.Log, fragments []*frames.Fragment) {
	t.Helper()
	for _, f := range fragments {
		for {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := log.Append(ctx, f)
			cancel()
			if err == nil {
				break
			}
			if t.Context().Err() != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestFollowEndsWhileTheServerIsAway(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	b := newBroker(t)
	js := connect(t, b)
	defer js.Conn().Close()
	declare(t, js, config())
	log := framesjs.New(js)
	framestest.Append(t, log, framestest.Fragments("door", "e", framestest.Start(), 1, 1)...)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range log.Follow(ctx, "door", 0) {
		if err != nil {
			t.Fatal(err)
		}
		b.Stop()
		time.AfterFunc(50*time.Millisecond, cancel)
	}
}

func TestWithoutTheStream(t *testing.T) {
	log := framesjs.New(connect(t, newBroker(t)))
	f := framestest.Fragments("door", "e", framestest.Start(), 1, 1)[0]
	if _, err := log.Append(t.Context(), f); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("append: got %v, want %v", err, jetstream.ErrStreamNotFound)
	}
	if _, err := log.Between(t.Context(), "door", f.Start, f.End()); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("between: got %v, want %v", err, jetstream.ErrStreamNotFound)
	}
	for _, err := range log.Follow(t.Context(), "door", 0) {
		if !errors.Is(err, jetstream.ErrStreamNotFound) {
			t.Errorf("follow: got %v, want %v", err, jetstream.ErrStreamNotFound)
		}
	}
}

func TestForeignMessageIsNamed(t *testing.T) {
	js := connect(t, newBroker(t))
	declare(t, js, config())
	if _, err := js.Publish(t.Context(), framesjs.Subject("door"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range framesjs.New(js).Follow(t.Context(), "door", 0) {
		if n++; err == nil || n > 1 {
			t.Fatalf("got %v in step %d, want one error", err, n)
		}
		t.Log(err)
	}
}

func TestAppendRefuses(t *testing.T) {
	js := connect(t, newBroker(t))
	declare(t, js, config())
	log := framesjs.New(js)
	for name, spoil := range map[string]func(*frames.Fragment){
		"camera with a dot":   func(f *frames.Fragment) { f.Camera = "a.b" },
		"no epoch":            func(f *frames.Fragment) { f.Epoch = "" },
		"header in the epoch": func(f *frames.Fragment) { f.Epoch = "a\r\nB: c" },
		"unknown codec":       func(f *frames.Fragment) { f.Codec = "vp8" },
		"too large":           func(f *frames.Fragment) { f.Payload = make([]byte, 10<<20) },
	} {
		f := framestest.Fragments("door", "e", framestest.Start(), 1, 1)[0]
		spoil(f)
		if _, err := log.Append(t.Context(), f); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// Ingest dies over a large access unit: what there is of it is passed over, or made whole by the retry.
func TestPartsThatNeverCame(t *testing.T) {
	b := newBroker(t)
	js := connect(t, b)
	declare(t, js, config())
	f := framestest.Fragments("door", "e", framestest.Start(), 2, 1)
	f[0].Payload = bytes.Repeat([]byte("large"), 300<<10)
	refusing := &refuser{JetStream: js, after: 2}
	if _, err := framesjs.New(refusing).Append(t.Context(), f[0]); err == nil {
		t.Fatal("got no error from a server that took two of three parts")
	}
	if _, err := framesjs.New(js).Between(t.Context(), "door", f[0].Start, f[0].End()); !errors.Is(err, frames.ErrNotFound) {
		t.Errorf("got %v of a fragment that is not whole, want ErrNotFound", err)
	}
	// Another process tries again, and appends the next.
	log := framesjs.New(js)
	framestest.Append(t, log, f...)
	got, err := log.Between(t.Context(), "door", f[0].Start, f[1].End())
	if err != nil || len(got) != 2 || !framestest.Equal(got[0], f[0]) || !framestest.Equal(got[1], f[1]) {
		t.Errorf("got %d fragments, %v, want both", len(got), err)
	}

	g := framestest.Fragments("yard", "e", framestest.Start(), 2, 1)
	g[0].Payload = f[0].Payload
	refusing.after = 1
	if _, err := framesjs.New(refusing).Append(t.Context(), g[0]); err == nil {
		t.Fatal("got no error from a server that took one of three parts")
	}
	framestest.Append(t, log, g[1])
	if got, err = log.Between(t.Context(), "yard", g[0].Start, g[1].End()); err != nil || len(got) != 1 || !framestest.Equal(got[0], g[1]) {
		t.Errorf("got %d fragments, %v, want the second", len(got), err)
	}
}

// refuser takes so many messages and no more.
type refuser struct {
	jetstream.JetStream
	after int
}

func (r *refuser) PublishMsg(ctx context.Context, m *nats.Msg, opts ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	if r.after--; r.after < 0 {
		return nil, nats.ErrTimeout
	}
	return r.JetStream.PublishMsg(ctx, m, opts...)
}
