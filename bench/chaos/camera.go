package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"vigil/frames"
	"vigil/ingest/rtsp"
	"vigil/internal/mediatest"
)

const (
	// still is the time of the empty room behind the clip: the stranger is gone for longer than a visit's gap.
	still = 6 * time.Second
	// emptyUntil is the part of the clip, from its start, that shows nobody and begins with a key frame.
	emptyUntil = time.Second
)

// reel is what a camera shows, over and over: the stranger of the clip "solo", and then nobody for a while. What it
// shows follows from the clock, so that a camera that was cut off goes on where it would be.
type reel struct {
	parameters frames.Parameters
	units      []frames.AccessUnit
	length     time.Duration
	began      time.Time
	enter      time.Duration // within the reel
	leave      time.Duration
}

func newReel() (*reel, error) {
	p, units, err := mediatest.Camera{Clip: "solo"}.Units()
	if err != nil {
		return nil, err
	}
	pass := mediatest.Solo().Passes[0]
	r := &reel{parameters: p, length: mediatest.Solo().Length, began: time.Now(), enter: pass.Enter, leave: pass.Leave}
	for u, err := range units {
		if err != nil {
			return nil, err
		}
		r.units = append(r.units, u)
	}
	room := len(r.units)
	for ; r.length < mediatest.Solo().Length+still; r.length += emptyUntil {
		for _, u := range r.units[:room] {
			if frames.Duration(u.DTS) >= emptyUntil {
				break
			}
			u.PTS += frames.Ticks(r.length)
			u.DTS += frames.Ticks(r.length)
			r.units = append(r.units, u)
		}
	}
	return r, nil
}

// pass is a time at which the stranger was shown.
type pass struct{ Enter, Leave time.Time }

// passes are those that are over by now.
func (r *reel) passes(now time.Time) (all []pass) {
	for at := r.began; at.Add(r.leave).Before(now); at = at.Add(r.length) {
		all = append(all, pass{at.Add(r.enter), at.Add(r.leave)})
	}
	return all
}

// quiet waits until the room is empty.
func (r *reel) quiet(ctx context.Context) error {
	at := time.Since(r.began) % r.length
	return rest(ctx, max(0, r.leave+time.Second-at))
}

// from is the reel from now on, without end.
func (r *reel) from(now time.Time) iter.Seq2[frames.AccessUnit, error] {
	return func(yield func(frames.AccessUnit, error) bool) {
		round := now.Sub(r.began) / r.length
		skip, first := frames.Ticks(now.Sub(r.began)-round*r.length), true
		for shift := int64(0); ; shift += frames.Ticks(r.length) {
			for _, u := range r.units {
				u.PTS += shift
				u.DTS += shift
				if first && (u.DTS < skip || !u.Key) {
					continue
				}
				first = false
				if !yield(u, nil) {
					return
				}
			}
		}
	}
}

// publish shows the reel until ctx ends, through whatever cuts it off.
func (r *reel) publish(ctx context.Context, address, id, token string) {
	url := fmt.Sprintf("rtsp://camera:%s@%s/%s", token, address, id)
	for ctx.Err() == nil {
		_ = rtsp.Publish(ctx, url, r.parameters, r.from(time.Now()), true) // it ends when ingest is killed
		_ = rest(ctx, 200*time.Millisecond)
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
