package clips

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// away is how long a store that failed is left alone.
const away = 10 * time.Second

var (
	// errAway says that the store failed lately and was not asked.
	errAway = errors.New("the store is away")
	// errAnswered marks what is wrong in the store although it answers.
	errAnswered = errors.New("store answered")
)

// outage remembers that the store failed. Meanwhile one caller at a time, and none before away is over, finds out
// whether it is back: whoever else waited for it would keep new jobs from being cut while their video is there.
type outage struct {
	mu      sync.Mutex
	failed  time.Time // zero while the store answers
	probing bool
}

// verdict is what using the store told about it.
type verdict int

const (
	unknown verdict = iota
	answered
	failed
)

// on says that the store failed last.
func (o *outage) on() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.failed.IsZero()
}

// bars says that the store is not to be used now.
func (o *outage) bars(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.barred(now)
}

func (o *outage) barred(now time.Time) bool {
	return !o.failed.IsZero() && (o.probing || now.Sub(o.failed) < away)
}

// enter asks for the store. Whoever gets it calls leave; probe says that it is known to be away.
func (o *outage) enter(now time.Time) (probe, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.barred(now) {
		return false, false
	}
	o.probing = !o.failed.IsZero()
	return o.probing, true
}

// leave says how it went. Only a probe ends an outage: others may have been answered before it began.
func (o *outage) leave(now time.Time, probe bool, v verdict) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if probe {
		o.probing = false
	}
	switch {
	case v == failed:
		o.failed = now
	case v == answered && probe:
		o.failed = time.Time{}
	}
}

// withStore uses the store, or answers errAway. That ctx ends says nothing about the store, that a step takes too long does.
func (r *Recorder) withStore(ctx context.Context, use func(context.Context) error) error {
	probe, ok := r.outage.enter(r.now())
	if !ok {
		return errAway
	}
	v := unknown
	defer func() { r.outage.leave(r.now(), probe, v) }()
	err := use(ctx)
	v = judge(ctx, err)
	return err
}

// judge says what err tells about the store, ctx being the caller's.
func judge(ctx context.Context, err error) verdict {
	var wait NotYet
	switch {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, errAnswered), errors.As(err, &wait):
		return answered
	case ctx.Err() != nil, errors.Is(err, errSpool):
		return unknown
	default:
		return failed
	}
}

// whenBack answers a job that needs the store. The spread keeps the jobs of an outage from coming all at once.
func whenBack(cause error) NotYet {
	return NotYet{After: away + rand.N(away/5), Cause: cause}
}
