// Package jetstream keeps the log of fragments on a NATS JetStream stream. It does not create the stream, which is
// internal/bus's work with the Config given here. It imports frames, the NATS client and internal/ordered.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"vigil/frames"
	"vigil/internal/ordered"
)

// Stream is the name of the stream that the log lives on.
const Stream = "FRAMES"

const subjectPrefix = "vigil.frames."

// slack is how far a camera's clock may be ahead of the server's for Between to find the window's beginning at the
// first attempt. Outside of it, everything that is kept of the camera is looked through.
const slack = 30 * time.Second

// Subject is where a camera's fragments are published.
func Subject(camera frames.CameraID) string { return subjectPrefix + string(camera) }

// Config is the stream as it must be declared. It forgets fragments after maxAge, or earlier, the oldest first, when
// they take more than maxBytes. The live picture is worth more than the oldest, so this is the one stream that
// discards old messages. The window of duplicates covers a publisher's retries; Append knows the last fragment of each
// camera for what lies beyond. Replicas may be 0 to leave the number to whoever declares the stream.
func Config(maxAge time.Duration, maxBytes int64, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        Stream,
		Description: "fragments of video, by camera",
		Subjects:    []string{subjectPrefix + "*"},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		Storage:     jetstream.FileStorage,
		MaxAge:      maxAge,
		MaxBytes:    maxBytes,
		Duplicates:  min(2*time.Minute, maxAge),
		Replicas:    replicas,
		AllowDirect: true,
	}
}

// Log is a frames.Log on JetStream.
type Log struct {
	js jetstream.JetStream

	mu    sync.Mutex
	tails map[frames.CameraID]*tail
}

var _ frames.Log = (*Log)(nil)

// tail is the last fragment of a camera that is known to be stored. Its lock is held while one is appended, so that
// the fragments of a camera are stored in the order of the calls.
type tail struct {
	lock  chan struct{}
	known bool
	epoch string
	seq   uint64
	pos   uint64
	part  int // of it, the last that is stored
}

// New returns a log on the stream Stream, which must exist.
func New(js jetstream.JetStream) *Log {
	return &Log{js: js, tails: map[frames.CameraID]*tail{}}
}

// Append implements frames.Log. The last fragment of a camera is recognised for ever, those before it within the
// stream's window of duplicates.
func (l *Log) Append(ctx context.Context, f *frames.Fragment) (uint64, error) {
	pos, err := l.append(ctx, f)
	if err != nil {
		return 0, fmt.Errorf("append fragment %s: %w", f.ID(), err)
	}
	return pos, nil
}

func (l *Log) append(ctx context.Context, f *frames.Fragment) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	header, err := encode(f)
	if err != nil {
		return 0, err
	}
	t := l.tail(f.Camera)
	select {
	case t.lock <- struct{}{}:
		defer func() { <-t.lock }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if !t.known {
		if err := l.load(ctx, f.Camera, t); err != nil {
			return 0, fmt.Errorf("look for the last fragment: %w", err)
		}
	}
	n, first := parts(f.Payload), 0
	if t.pos > 0 && t.epoch == f.Epoch && t.seq == f.Seq {
		first = t.part + 1
	}
	for i := first; i < n; i++ {
		ack, err := l.js.PublishMsg(ctx, message(f, header, i, n, t.pos), jetstream.WithExpectStream(Stream))
		if err != nil {
			t.known = false // it may have been stored all the same
			return 0, err
		}
		if i == 0 && ack.Duplicate {
			return ack.Sequence, nil
		}
		if i == 0 {
			t.epoch, t.seq, t.pos = f.Epoch, f.Seq, ack.Sequence
		}
		t.part = i
	}
	return t.pos, nil
}

func (l *Log) tail(camera frames.CameraID) *tail {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tails[camera]
	if t == nil {
		t = &tail{lock: make(chan struct{}, 1)}
		l.tails[camera] = t
	}
	return t
}

func (l *Log) load(ctx context.Context, camera frames.CameraID, t *tail) error {
	stream, err := l.js.Stream(ctx, Stream)
	if err != nil {
		return err
	}
	raw, err := stream.GetLastMsgForSubject(ctx, Subject(camera))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		t.known, t.pos = true, 0
		return nil
	case err != nil:
		return err
	}
	last, err := parse(raw.Subject, raw.Header, raw.Sequence, nil)
	if err != nil {
		return err
	}
	t.known, t.epoch, t.seq, t.pos, t.part = true, last.Epoch, last.Seq, last.Pos, last.part
	return nil
}

// Follow implements frames.Log. It outlives restarts of the server and lost connections.
func (l *Log) Follow(ctx context.Context, camera frames.CameraID, from uint64) iter.Seq2[*frames.Fragment, error] {
	return func(yield func(*frames.Fragment, error) bool) {
		at := ordered.From{Stream: Stream, Subject: Subject(camera), Seq: from}
		var making assembler
		for m, err := range ordered.Follow(ctx, l.js, at) {
			if err != nil {
				yield(nil, err)
				return
			}
			p, err := read(m)
			if err != nil {
				yield(nil, fmt.Errorf("follow %s: %w", camera, err))
				return
			}
			if f := making.add(p); f != nil && !yield(f, nil) {
				return
			}
		}
	}
}

// Payload returns the video of the fragment of that id at a position, of one in several messages the first part; or
// frames.ErrNotFound when it is not kept any more.
func (l *Log) Payload(ctx context.Context, id string, pos uint64) ([]byte, error) {
	stream, err := l.js.Stream(ctx, Stream)
	if err != nil {
		return nil, fmt.Errorf("fragment %s: %w", id, err)
	}
	raw, err := stream.GetMsg(ctx, pos)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		err = frames.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("fragment %s: %w", id, err)
	}
	f, err := parse(raw.Subject, raw.Header, raw.Sequence, raw.Data)
	if err != nil {
		return nil, err
	}
	if f.ID() != id {
		return nil, fmt.Errorf("fragment %s: %w: %s is at its position", id, frames.ErrNotFound, f.ID())
	}
	return f.Payload, nil
}
