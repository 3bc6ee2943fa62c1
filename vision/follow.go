package vision

import (
	"context"
	"errors"
	"sync"
	"time"

	"vigil/frames"
)

// followAll feeds all of the camera's fragments into out.
func (w *Worker) followAll(ctx context.Context, tasks *sync.WaitGroup, from uint64, out chan<- *frames.Fragment) {
	if w.beside == nil {
		tasks.Go(func() { w.follow(ctx, w.camera, from, out) })
		return
	}
	main, detect := make(chan *frames.Fragment), make(chan *frames.Fragment)
	tasks.Go(func() { w.follow(ctx, w.camera, from, main) })
	tasks.Go(func() { w.follow(ctx, w.camera.Detect(), from, detect) })
	both := &merge{main: lineup{in: main}, detect: lineup{in: detect}}
	tasks.Go(func() { both.run(ctx, out) })
}

// follow feeds a stream's fragments into out, and follows again when the log breaks off.
func (w *Worker) follow(ctx context.Context, stream frames.CameraID, from uint64, out chan<- *frames.Fragment) {
	wait := retryFirst
	for {
		err := errors.New("the log ended")
		for f, ferr := range w.config.Frames.Follow(ctx, stream, from) {
			if ferr != nil {
				err = ferr
				break
			}
			select {
			case out <- f:
				from, wait = f.Pos+1, retryFirst
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		w.outlet.log.Warn("following fragments again", "error", err, "from", from, "wait", wait)
		if !sleep(ctx, wait) {
			return
		}
		wait = min(2*wait, retryMost)
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
