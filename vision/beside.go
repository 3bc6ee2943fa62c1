package vision

import (
	"context"
	"log/slog"
	"time"

	"vigil/frames"
)

// Stream says which of a camera's two streams is analysed.
type Stream string

// The streams of a camera that sends two.
const (
	StreamMain   Stream = "main" // because the one for analysis is away, or cannot be analysed
	StreamDetect Stream = "detect"
)

const (
	// detectAway is how far the main stream may get ahead of what was analysed of the stream for analysis before it is
	// analysed instead: from where the other ended, so that nobody passes unseen.
	detectAway = idleEnd
	// detectRetry is when a stream for analysis that came and could not be analysed is tried again.
	detectRetry = 30 * time.Second
)

// beside is the main stream of a camera that sends a smaller one for analysis.
type beside struct {
	detail
	log     *slog.Logger
	instead bool      // the main stream is analysed
	end     time.Time // capture time to which the stream for analysis was analysed
	failed  bool      // it came since, and could not be
	retry   time.Time // capture time before which it is not tried again
}

func newBeside(open NewDecoder, guard Guard, log *slog.Logger) *beside {
	trouble := &tally{log: log, text: "face not looked at in the main stream"}
	return &beside{detail: detail{open: open, guard: guard, trouble: trouble}, log: log}
}

// stream says which stream is analysed; empty for a camera that sends one.
func (w *Worker) stream() Stream {
	switch {
	case w.beside == nil:
		return ""
	case w.beside.instead:
		return StreamMain
	}
	return StreamDetect
}

// take analyses the fragment, or keeps it, and reports which. Its error is fragment's.
func (w *Worker) take(ctx context.Context, f *frames.Fragment) (analysed bool, err error) {
	switch {
	case w.beside == nil:
		return true, w.fragment(ctx, f)
	case f.Camera == w.camera:
		return w.takeMain(ctx, f)
	}
	b := w.beside
	if b.instead {
		if !f.Key || f.Start.Before(b.retry) {
			return false, nil
		}
		b.instead, b.failed = false, false
		b.log.Info("analysing the camera's smaller stream again")
	}
	err = w.fragment(ctx, f)
	if b.failed = w.failed; !b.failed {
		b.end = f.End()
	}
	return true, err
}

// takeMain keeps a fragment of the main stream, and analyses it where the other stream is away.
func (w *Worker) takeMain(ctx context.Context, f *frames.Fragment) (analysed bool, err error) {
	b := w.beside
	if b.end.IsZero() {
		b.end = f.Start
	}
	if b.instead {
		b.keep(f, f.Start)
		return true, w.fragment(ctx, f)
	}
	since := b.end
	if oldest := w.viewer.Oldest(); !oldest.IsZero() && oldest.Before(since) {
		since = oldest
	}
	b.keep(f, since.Add(-detailFar))
	if f.End().Sub(b.end) < detectAway {
		return false, nil
	}
	b.instead, b.retry = true, time.Time{}
	if b.failed {
		b.retry = f.End().Add(detectRetry)
	}
	b.log.Warn("analysing the camera's main stream, nothing comes of the smaller one that can be analysed",
		"since", b.end, "arrives", b.failed)
	w.pace = newPace(w.camera) // what follows lies behind, and is caught up with
	w.viewer.SetLevel(Full)
	for _, kept := range b.kept {
		if err := w.fragment(ctx, kept); err != nil {
			return true, err
		}
	}
	return true, nil
}
