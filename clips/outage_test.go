package clips_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/clips/clipstest"
	"vigil/frames"
)

// absent is a store that answers like none until it is back: after a while, or not at all.
type absent struct {
	*clipstest.Memory
	fails time.Duration // 0: it hangs until the caller gives up
	until time.Time
}

func (a *absent) wait(ctx context.Context) error {
	if !time.Now().Before(a.until) {
		return nil
	}
	if a.fails > 0 {
		time.Sleep(a.fails)
		return errCrash
	}
	<-ctx.Done()
	return ctx.Err()
}

// Put implements clips.Store.
func (a *absent) Put(ctx context.Context, key string, body io.ReadSeeker, opts clips.PutOptions) error {
	if err := a.wait(ctx); err != nil {
		return err
	}
	return a.Memory.Put(ctx, key, body, opts)
}

// Get implements clips.Store.
func (a *absent) Get(ctx context.Context, key string) (io.ReadSeekCloser, clips.Object, error) {
	if err := a.wait(ctx); err != nil {
		return nil, clips.Object{}, err
	}
	return a.Memory.Get(ctx, key)
}

// Stat implements clips.Store.
func (a *absent) Stat(ctx context.Context, key string) (clips.Object, error) {
	if err := a.wait(ctx); err != nil {
		return clips.Object{}, err
	}
	return a.Memory.Stat(ctx, key)
}

// expiring is a frames.Log that keeps its video for a time.
type expiring struct {
	frames.Log
	until time.Time
}

// Between implements frames.Log.
func (e expiring) Between(ctx context.Context, c frames.CameraID, start, end time.Time) ([]*frames.Fragment, error) {
	if time.Now().After(e.until) {
		return nil, frames.ErrNotFound
	}
	return e.Log.Between(ctx, c, start, end)
}

// shared is a clips.Announcer for several callers.
type shared struct {
	mu sync.Mutex
	heard
}

// Publish implements clips.Announcer.
func (s *shared) Publish(ctx context.Context, done alerts.ClipDone) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard.Publish(ctx, done)
}

func (s *shared) wantOnce(t *testing.T, jobs []alerts.ClipJob) {
	t.Helper()
	s.wantTimes(t, jobs, 1)
}

// wantTimes checks that each of the jobs was announced, with its clip and at most so many times.
func (s *shared) wantTimes(t *testing.T, jobs []alerts.ClipJob, most int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	times := map[string]int{}
	for _, d := range s.done {
		times[d.Alert]++
		if d.Clip == nil {
			t.Errorf("alert %s has no clip: %s", d.Alert, d.Reason)
		}
	}
	for _, j := range jobs {
		if n := times[j.Alert]; n < 1 || n > most {
			t.Errorf("alert %s was announced %d times, want 1 to %d", j.Alert, n, most)
		}
	}
}

type delivery struct {
	job alerts.ClipJob
	due time.Time
}

// deliveries hands out jobs as the bus does: what is due again comes before what is new.
type deliveries struct {
	mu    sync.Mutex
	again []delivery
	fresh []alerts.ClipJob
}

func (d *deliveries) next() (alerts.ClipJob, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.SortStableFunc(d.again, func(a, b delivery) int { return a.due.Compare(b.due) })
	if len(d.again) > 0 && !time.Now().Before(d.again[0].due) {
		job := d.again[0].job
		d.again = d.again[1:]
		return job, true
	}
	if len(d.fresh) == 0 {
		return alerts.ClipJob{}, false
	}
	job := d.fresh[0]
	d.fresh = d.fresh[1:]
	return job, true
}

// work handles deliveries until ctx ends.
func (d *deliveries) work(ctx context.Context, t *testing.T, r *clips.Recorder) {
	for ctx.Err() == nil {
		job, ok := d.next()
		if !ok {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		err := r.Handle(ctx, job)
		var wait clips.NotYet
		switch {
		case errors.As(err, &wait):
			d.mu.Lock()
			d.again = append(d.again, delivery{job, time.Now().Add(wait.After)})
			d.mu.Unlock()
		case err != nil && ctx.Err() == nil:
			t.Errorf("got %v, want NotYet", err)
		}
	}
}

// away makes the scene's store absent, in the time of a synctest bubble.
func (s *scene) away(fails, absence, video time.Duration, jobs int) (*shared, []alerts.ClipJob) {
	begin := time.Now()
	first := s.now
	s.Now = func() time.Time { return first.Add(time.Since(begin)) }
	s.Store = &absent{Memory: s.store, fails: fails, until: begin.Add(absence)}
	s.Video = expiring{s.video, begin.Add(video)}
	done := &shared{}
	s.Done = done
	all := make([]alerts.ClipJob, jobs)
	for i := range all {
		all[i] = s.job
		all[i].Alert = fmt.Sprintf("ALERT%03d", i)
	}
	return done, all
}

func (s *scene) spooled(t *testing.T) int {
	t.Helper()
	notes, err := filepath.Glob(filepath.Join(s.Spool, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	return len(notes)
}

// TestOutageKeepsNoJobFromBeingCut has more jobs than workers while the store is away, and video that is kept for less
// time than that.
func TestOutageKeepsNoJobFromBeingCut(t *testing.T) {
	for name, fails := range map[string]time.Duration{"hangs": 0, "fails": 700 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const jobs = 40
				s := newScene(t)
				done, all := s.away(fails, 10*time.Minute, 2*time.Minute, jobs)
				d := &deliveries{fresh: slices.Clone(all[:jobs/2])}
				ctx, cancel := context.WithCancel(t.Context())
				var workers sync.WaitGroup
				for range 2 {
					workers.Go(func() { d.work(ctx, t, s.Recorder) })
				}
				time.Sleep(30 * time.Second)
				d.mu.Lock()
				d.fresh = append(d.fresh, all[jobs/2:]...)
				d.mu.Unlock()
				time.Sleep(5 * time.Second)
				if n := s.spooled(t); n != jobs {
					t.Errorf("got %d clips cut 5 s after the last job, want %d", n, jobs)
				}
				time.Sleep(11 * time.Minute)
				cancel()
				workers.Wait()
				done.wantOnce(t, all)
				if n := s.spooled(t); n != 0 {
					t.Errorf("got %d clips left in the spool, want none", n)
				}
			})
		})
	}
}

// TestOutageHidesStoredClips has clips that only the store has any more, and nothing in the spool that would find out
// that it is back.
func TestOutageHidesStoredClips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		done, all := s.away(0, 0, time.Minute, 3)
		for _, job := range all {
			if err := s.Handle(t.Context(), job); err != nil {
				t.Fatal(err)
			}
		}
		done.done = nil
		time.Sleep(2 * time.Minute)
		s.Store = &absent{Memory: s.store, until: time.Now().Add(time.Minute)}
		d := &deliveries{fresh: slices.Clone(all)}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		d.work(ctx, t, s.Recorder)
		done.wantOnce(t, all)
	})
}

// TestUploadThatHangs holds its worker for a bounded time.
func TestUploadThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		_, all := s.away(0, time.Hour, time.Hour, 1)
		for range 2 { // the look, then the upload
			begin := time.Now()
			var wait clips.NotYet
			if err := s.Handle(t.Context(), all[0]); !errors.As(err, &wait) {
				t.Fatalf("got %v, want NotYet", err)
			}
			if took := time.Since(begin); took > 35*time.Second {
				t.Errorf("held the worker for %v", took)
			}
			time.Sleep(wait.After)
		}
	})
}

// TestRecover finishes what an earlier run left in the spool although nobody asks for it again.
func TestRecover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		done, all := s.away(700*time.Millisecond, 2*time.Minute, time.Minute, 5)
		for _, job := range all {
			var wait clips.NotYet
			if err := s.Handle(t.Context(), job); !errors.As(err, &wait) {
				t.Fatalf("got %v, want NotYet", err)
			}
		}
		for name, text := range map[string]string{"OLD.json": `{"cut":"2026-11-22T00:00:00Z"}`, "OLD.mp4": "", "HALF.json": "{"} {
			if err := os.WriteFile(filepath.Join(s.Spool, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(90 * time.Second) // the log has the video no more, the store is not back yet
		next := &clips.Recorder{
			Video: s.Video, Cut: s.Cut, Store: s.Store, Done: done, Spool: s.Spool, Now: s.Now, Log: s.Log,
		}
		if err := next.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		done.wantOnce(t, all)
		if n := s.spooled(t); n != 2 {
			t.Errorf("got %d notes in the spool, want the two that say nothing", n)
		}
		if err := next.Handle(t.Context(), all[0]); err != nil { // its message comes after all
			t.Fatal(err)
		}
		if last := done.done[len(done.done)-1]; last.Alert != all[0].Alert || last.Clip == nil {
			t.Errorf("announced %+v, want what was announced before", last)
		}
	})
}

// TestRecoverBesideItsMessages finishes the same clips from the spool and from their messages.
func TestRecoverBesideItsMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		done, all := s.away(700*time.Millisecond, time.Minute, time.Hour, 8)
		for _, job := range all {
			_ = s.Handle(t.Context(), job) // NotYet
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		d := &deliveries{fresh: slices.Clone(all)}
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() { d.work(ctx, t, s.Recorder) })
		}
		if err := s.Recover(ctx); err != nil {
			t.Error(err)
		}
		group.Wait()
		done.wantTimes(t, all, 2) // by Recover, and in answer to its message
	})
}

// TestRecoverEnds when it is told to, although the store is away, and has nothing to do without a spool.
func TestRecoverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		if err := s.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, all := s.away(0, time.Hour, time.Hour, 1)
		_ = s.Handle(t.Context(), all[0]) // NotYet
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Recover(ctx); err != nil {
			t.Error(err)
		}
		if n := s.spooled(t); n != 1 {
			t.Errorf("got %d clips in the spool, want the one", n)
		}
	})
}
