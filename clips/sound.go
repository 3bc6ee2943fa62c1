package clips

import (
	"context"
	"errors"
	"time"

	"vigil/frames"
)

// audioLag is how much later than its pictures audio may come into the log to be in the clip: some senders put most
// of a second into a packet.
const audioLag = time.Second

// tail returns the fragments that follow the last one in its epoch, for the audio that came later than its pictures.
// Fragments without audio have none.
func (r *Recorder) tail(ctx context.Context, fragments []*frames.Fragment) ([]*frames.Fragment, error) {
	last := fragments[len(fragments)-1]
	if _, ok := heardUntil(fragments, last.End().Add(-audioLag)); !ok {
		return nil, nil
	}
	next, err := r.Video.Between(ctx, last.Camera, last.End(), last.End().Add(audioLag))
	if err != nil && !errors.Is(err, frames.ErrNotFound) {
		return nil, err
	}
	for i, f := range next {
		if f.Epoch == last.Epoch && f.Seq > last.Seq {
			return next[i:], nil
		}
	}
	return nil, nil
}

// waitAudio answers NotYet while audio that belongs to the fragments may still come.
func (r *Recorder) waitAudio(ctx context.Context, fragments []*frames.Fragment) error {
	end := fragments[len(fragments)-1].End()
	at, ok := heardUntil(fragments, end.Add(-audioLag))
	if !ok || !at.Before(end.Add(-rounding)) {
		return nil
	}
	tail, err := r.tail(ctx, fragments)
	if err != nil {
		return err
	}
	if at, ok = heardUntil(tail, end); ok && !at.Before(end.Add(-rounding)) {
		return nil
	}
	if len(tail) > 0 && !tail[len(tail)-1].End().Before(end.Add(audioLag-rounding)) {
		return nil // the audio ended, or is later than is waited for
	}
	return NotYet{After: poll, Cause: errors.New("the window's audio is still coming in")}
}

// heardUntil is the capture time of the latest audio in the fragments that end after the given time, and whether there
// is any.
func heardUntil(fragments []*frames.Fragment, after time.Time) (latest time.Time, ok bool) {
	for _, f := range fragments {
		if !f.End().After(after) {
			continue
		}
		if at, heard := f.Heard(); heard && (!ok || at.After(latest)) {
			latest, ok = at, true
		}
	}
	return latest, ok
}
