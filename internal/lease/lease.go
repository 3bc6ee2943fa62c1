// Package lease lets one of many processes do a job, and another take over when it stops or dies. A lease is not a lock:
// a holder that is cut off may go on for a moment after another has begun, so what it writes carries the epoch, and
// whoever reads it refuses a lower one. It imports the NATS client and nothing of ours.
package lease

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// errLost is the cause of a holder's ended context. Another member may hold the lease by now.
var errLost = errors.New("lease lost")

// Hold runs run while this member holds the lease key in the bucket kv, whose TTL is how long a lease outlives its
// holder. It waits for the lease, renews it three times in a TTL, and gives it back when run returns, so that the next
// member begins at once. When the lease is lost the context of run ends, and Hold waits for the lease again once run
// has returned. The epoch is the revision at which the lease was taken: it rises with every holder of any lease in the
// bucket.
//
// Hold returns nil when ctx ends, else what run returned while it held the lease.
func Hold(
	ctx context.Context, kv jetstream.KeyValue, key, member string, log *slog.Logger,
	run func(ctx context.Context, epoch uint64) error,
) error {
	status, err := kv.Status(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it failed because ctx ended, which is how this is stopped
	}
	if err != nil {
		return fmt.Errorf("hold lease %s: bucket: %w", key, err)
	}
	if status.TTL() <= 0 {
		return fmt.Errorf("hold lease %s: bucket %s has no TTL", key, kv.Bucket())
	}
	l := &lease{
		kv: kv, key: key, ttl: status.TTL(), log: log.With("lease", key, "member", member),
		// A member that restarted must not take its own old lease for its present one.
		value: fmt.Appendf(nil, "%s %016x", member, rand.Uint64()),
	}
	for {
		if !l.acquire(ctx) {
			return nil
		}
		err := l.hold(ctx, run)
		switch {
		case ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)):
			return nil
		case errors.Is(err, errLost):
			l.log.Warn("lease lost, waiting for it again", "error", err)
		default:
			return err
		}
	}
}

type lease struct {
	kv       jetstream.KeyValue
	key      string
	value    []byte
	ttl      time.Duration
	log      *slog.Logger
	revision uint64
	sure     time.Time // until when nobody else can have it: set before a request is sent, not after it is answered
}

// attempt bounds one request, so that a renewal can fail and be repeated within the TTL.
func (l *lease) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, max(l.ttl/5, 50*time.Millisecond))
}

// acquire waits for the lease and reports whether it has it; it has not when ctx ended.
func (l *lease) acquire(ctx context.Context) bool {
	said := false
	for ctx.Err() == nil {
		err := l.take(ctx)
		if err == nil {
			l.log.Info("lease taken", "epoch", l.revision)
			return true
		}
		taken := errors.Is(err, jetstream.ErrKeyExists)
		switch {
		case said || ctx.Err() != nil:
		case taken:
			l.log.Info("standing by, another member holds the lease")
		default:
			l.log.Warn("standing by, lease cannot be taken", "error", err)
		}
		said = true
		l.pause(ctx, taken)
	}
	return false
}

// pause waits before the next attempt: a fifth of the TTL at most, for the end of a lease by age is not reported, and
// no longer than until it is given back, where another member has it.
func (l *lease) pause(ctx context.Context, taken bool) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl/10+rand.N(l.ttl/10))
	defer cancel()
	if !taken || !l.released(ctx) {
		<-ctx.Done()
	}
}

func (l *lease) take(ctx context.Context) error {
	ctx, cancel := l.attempt(ctx)
	defer cancel()
	begin := time.Now()
	revision, err := l.kv.Create(ctx, l.key, l.value)
	if err != nil {
		// The answer to an attempt before may have been lost.
		if e, err := l.kv.Get(ctx, l.key); err == nil && string(e.Value()) == string(l.value) {
			return l.renewFrom(ctx, e.Revision(), begin)
		}
		return err
	}
	l.revision, l.sure = revision, begin.Add(l.ttl)
	return nil
}

// released waits until nobody has the lease, and reports whether it saw that before ctx ended.
func (l *lease) released(ctx context.Context) bool {
	watcher, err := l.kv.Watch(ctx, l.key)
	if err != nil {
		return false
	}
	defer func() { _ = watcher.Stop() }() // fails only on a closed connection
	held := false
	for {
		select {
		case e, ok := <-watcher.Updates():
			switch {
			case !ok:
				return false
			case e == nil && !held: // all that is there was sent, and it was nothing
				return true
			case e != nil && e.Operation() != jetstream.KeyValuePut:
				return true
			}
			held = true
		case <-ctx.Done():
			return false
		}
	}
}

// hold runs run beside the renewals, and gives the lease back.
func (l *lease) hold(ctx context.Context, run func(context.Context, uint64) error) error {
	epoch := l.revision
	held, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		lose(l.renewals(held))
	}()
	err := run(held, epoch)
	lose(nil)
	<-renewed
	cause := context.Cause(held)
	if ctx.Err() == nil && errors.Is(cause, errLost) {
		return cause
	}
	l.release(ctx)
	return err
}

// renewals renews until ctx ends, or returns errLost.
func (l *lease) renewals(ctx context.Context) error {
	tick := time.NewTicker(l.ttl * 3 / 10)
	defer tick.Stop()
	for {
		// What is left of the TTL is a holder's time to stop.
		inTime, cancel := context.WithDeadline(ctx, l.sure.Add(-l.ttl/10))
		var err error
		select {
		case <-inTime.Done():
		case <-tick.C:
			err = l.renew(inTime)
		}
		late := inTime.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errLost):
			return err
		case late && !time.Now().Before(l.sure.Add(-l.ttl/10)):
			return fmt.Errorf("%w: not renewed in time", errLost)
		}
	}
}

func (l *lease) renew(ctx context.Context) error {
	ctx, cancel := l.attempt(ctx)
	defer cancel()
	begin := time.Now()
	err := l.renewFrom(ctx, l.revision, begin)
	if !errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return err
	}
	// Either it is somebody else's, or an update arrived whose answer did not.
	e, err := l.kv.Get(ctx, l.key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return fmt.Errorf("%w: it ran out", errLost)
	case err != nil:
		return err
	case string(e.Value()) != string(l.value):
		return fmt.Errorf("%w: another member took it", errLost)
	}
	return l.renewFrom(ctx, e.Revision(), begin)
}

func (l *lease) renewFrom(ctx context.Context, revision uint64, begin time.Time) error {
	next, err := l.kv.Update(ctx, l.key, l.value, revision)
	if err != nil {
		return err
	}
	l.revision, l.sure = next, begin.Add(l.ttl)
	return nil
}

// release gives the lease back, unless it is somebody else's by now.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := l.attempt(context.WithoutCancel(ctx))
	defer cancel()
	err := l.kv.Delete(ctx, l.key, jetstream.LastRevision(l.revision))
	switch {
	case err == nil:
		l.log.Info("lease given back")
	case errors.Is(err, jetstream.ErrKeyRevisionMismatch) || errors.Is(err, nats.ErrConnectionClosed):
	default:
		l.log.Warn("lease not given back, it runs out by itself", "within", l.ttl, "error", err)
	}
}
