package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/clips"
	"vigil/clips/mp4"
	"vigil/frames"
	"vigil/internal/bus"
)

// cutters is how many clips are cut at once: cutting is copying, so few keep up with many cameras.
const cutters = 2

// openClips gets the recorder ready, and what deletes what it made long ago.
func (a *App) openClips(ctx context.Context) error {
	if !a.has(Clips) {
		return nil
	}
	key, err := a.clipKey(ctx)
	if err != nil {
		return err
	}
	recorder := &clips.Recorder{
		Video: a.frames, Cut: cut, Store: a.store, Done: alertsjs.ClipDones(a.bus), Key: key,
		Spool: filepath.Join(a.cfg.DataDir, "spool"), Log: a.log,
	}
	sweeper, err := a.openSweeper(ctx)
	if err != nil {
		return err
	}
	jobs := alertsjs.ClipJobs(a.bus)
	consumer := bus.Consumer{Durable: "clips", Filter: "vigil.clips.job.*", Concurrency: cutters}
	// One process at a time: a clip waits in the spool of the one that cut it.
	a.task("clips", a.leased("clips", func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return recorder.Recover(ctx) })
		group.Go(func() error { return sweeper.Run(ctx) })
		group.Go(func() error {
			return jobs.Consume(ctx, consumer, func(ctx context.Context, job alerts.ClipJob, _ bus.Meta) error {
				return clipAnswer(recorder.Handle(ctx, job))
			})
		})
		return group.Wait()
	}))
	return nil
}

// cut is clips.Cut.
func cut(w io.Writer, fragments, tail []*frames.Fragment, at time.Time) (clips.Facts, error) {
	facts, err := mp4.Write(w, fragments, tail, at)
	return clips.Facts(facts), err
}

// clipAnswer puts what the recorder says into the bus's words.
func clipAnswer(err error) error {
	if wait, ok := errors.AsType[clips.NotYet](err); ok {
		return bus.RetryAfter(wait.After, err)
	}
	if errors.Is(err, clips.ErrBadJob) {
		return fmt.Errorf("%w: %w", bus.ErrBury, err)
	}
	return err
}
