package clips

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Recover finishes the clips that earlier runs left in the spool, from what the spool keeps, whether anybody still asks
// for them or not. It returns nil when none of them is left or ctx ends: while the store is away it waits for it.
// Handle may be called meanwhile. Clips that come to lie in the spool later are not its business.
func (r *Recorder) Recover(ctx context.Context) error {
	left, err := notes(r.Spool)
	if err != nil {
		return fmt.Errorf("recover clips: %w", err)
	}
	for {
		left = slices.DeleteFunc(left, func(alert string) bool { return ctx.Err() == nil && r.recoverClip(ctx, alert) })
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(away):
		}
	}
}

// recoverClip says whether nothing is left to be done for the clip.
func (r *Recorder) recoverClip(ctx context.Context, alert string) bool {
	release, ok := r.claim(alert)
	if !ok {
		return false
	}
	defer release()
	clip, err := (&spool{dir: r.Spool, name: alert}).peek()
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	if err == nil && clip.Job.Name() != alert {
		err = fmt.Errorf("%w: its note names alert %q", ErrBadJob, clip.Job.Name())
	}
	if err == nil {
		err = check(clip.Job)
	}
	if err != nil {
		r.logger().Warn("clip in the spool waits for its job", "alert", alert, "reason", err)
		return true
	}
	err = r.handle(ctx, clip.Job)
	var wait NotYet
	if err != nil && ctx.Err() == nil && !errors.As(err, &wait) {
		r.logger().Warn("clip in the spool is not finished yet", "alert", alert, "reason", err)
	}
	return err == nil
}

// notes lists the alerts that have a clip in the spool.
func notes(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, asSpool(err)
	}
	var found []string
	for _, e := range entries {
		if alert, ok := strings.CutSuffix(e.Name(), noteExt); ok && alertID.MatchString(alert) {
			found = append(found, alert)
		}
	}
	return found, nil
}

// claim takes an alert for one caller at a time.
func (r *Recorder) claim(alert string) (release func(), ok bool) {
	if _, taken := r.busy.LoadOrStore(alert, nil); taken {
		return nil, false
	}
	return func() { r.busy.Delete(alert) }, true
}
