package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/frames/framestest"
)

// script is a source that does one thing an attempt; the last one again and again.
type script struct {
	mu    sync.Mutex
	acts  []func(ctx context.Context, sink Sink) error
	began []time.Time
}

func (s *script) String() string { return "script" }

func (s *script) Run(ctx context.Context, sink Sink) error {
	s.mu.Lock()
	act := s.acts[min(len(s.began), len(s.acts)-1)]
	s.began = append(s.began, time.Now())
	s.mu.Unlock()
	return act(ctx, sink)
}

// waits returns the time between the beginnings of the attempts.
func (s *script) waits() (out []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range len(s.began) - 1 {
		out = append(out, s.began[i+1].Sub(s.began[i]))
	}
	return out
}

func fails(err error) func(context.Context, Sink) error {
	return func(context.Context, Sink) error { return err }
}

func hangs(ctx context.Context, _ Sink) error {
	<-ctx.Done()
	return ctx.Err()
}

// plays sends the fixture over and over for about d, in real time, then returns err.
func plays(t *testing.T, d time.Duration, err error) func(context.Context, Sink) error {
	p, units := fixture(t, "plain")
	return func(ctx context.Context, sink Sink) error {
		if err := sink.Start(p); err != nil {
			return err
		}
		for i := range int(d / (40 * time.Millisecond)) {
			u := Unit{PTS: int64(i) * 3600, Received: time.Now(), NALUs: units[i%len(units)].NALUs}
			if err := sink.Unit(u); err != nil {
				return err
			}
			pause(ctx, 40*time.Millisecond)
		}
		return err
	}
}

// said keeps the states that changed something.
type said struct {
	mu   sync.Mutex
	all  []frames.CameraState
	fail error
}

func (s *said) Save(_ context.Context, st frames.CameraState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, st)
	return s.fail
}

func (s *said) last() frames.CameraState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[len(s.all)-1]
}

// rig is a supervisor in a synctest bubble.
type rig struct {
	*Supervisor
	log    frames.Log
	states *said
	text   *bytes.Buffer
	stop   func()
}

func newRig(t *testing.T, log frames.Log, open bool, cameras ...Camera) *rig {
	t.Helper()
	r := &rig{log: log, states: &said{}, text: &bytes.Buffer{}}
	var err error
	r.Supervisor, err = New(Config{
		Cameras: cameras, Any: open, Frames: log, States: r.states,
		Log: slog.New(slog.NewTextHandler(r.text, nil)), // slog locks the buffer; it is read when all is still
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// stored returns what the log holds of the camera.
func stored(t *testing.T, log frames.Log, camera frames.CameraID) []*frames.Fragment {
	t.Helper()
	fs, err := log.Between(t.Context(), camera, time.Time{}, began.AddDate(50, 0, 0)) // the bubble began in 2000
	if err != nil && !errors.Is(err, frames.ErrNotFound) {
		t.Fatal(err)
	}
	return fs
}

func within(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got < want*8/10 || got > want*12/10+time.Second/10 {
		t.Errorf("%s: waited %v, want about %v", what, got, want)
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{acts: []func(context.Context, Sink) error{fails(errors.New("refused"))}}
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: s})
		time.Sleep(4 * time.Minute)
		r.stop()
		waits := s.waits()
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
			within(t, fmt.Sprint("attempt ", i), waits[i], want*time.Second)
		}
		if slices.Equal(waits[5:6], waits[6:7]) {
			t.Error("the waits have no jitter")
		}
		if st := r.states.last(); st.Online || st.LastError != "refused" && st.LastError != ErrStopped.Error() {
			t.Errorf("got state %+v", st)
		}
	})
}

func TestBackoffStartsAnewAfterGoodVideo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		s := &script{acts: []func(context.Context, Sink) error{
			fails(gone), fails(gone), fails(gone),
			plays(t, 30*time.Second, gone), // not enough
			plays(t, 70*time.Second, gone),
			hangs,
		}}
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: s})
		time.Sleep(3 * time.Minute)
		r.stop()
		waits := s.waits()
		within(t, "after 30 s of video", waits[3]-30*time.Second, 8*time.Second)
		within(t, "after 70 s of video", waits[4]-70*time.Second, time.Second)
	})
}

func TestWrongCredentialsWaitLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{acts: []func(context.Context, Sink) error{fails(fmt.Errorf("describe: %w", ErrCredentials))}}
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", Source: s})
		time.Sleep(4 * time.Minute)
		r.stop()
		for _, w := range s.waits() {
			within(t, "after wrong credentials", w, time.Minute)
		}
	})
}

func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		play := plays(t, 2*time.Second, nil)
		s := &script{acts: []func(context.Context, Sink) error{
			func(ctx context.Context, sink Sink) error {
				if err := play(ctx, sink); err != nil {
					return err
				}
				return hangs(ctx, sink)
			},
		}}
		log := framestest.NewLog()
		r := newRig(t, log, false, Camera{ID: "door", Source: s})
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if st := r.states.last(); !st.Online || st.Codec != frames.H264 || st.Width != 160 || st.Source != "rtsp pull" {
			t.Errorf("before the stall: %+v", st)
		}
		time.Sleep(time.Second + 100*time.Millisecond)
		synctest.Wait()
		if st := r.states.last(); st.Online || st.LastError != ErrStalled.Error() {
			t.Errorf("after it: %+v", st)
		}
		time.Sleep(5 * time.Second)
		r.stop()
		fs := stored(t, log, "door")
		all := checkRun(t, fs)
		var units int
		for _, f := range all[:len(all)/2] {
			units += len(f.units)
		}
		if units != 50 {
			t.Errorf("got %d units of the first connection, want all 50", units)
		}
		again := fs[len(fs)/2]
		if again.Gap == nil || again.Gap.Reason != GapAway || again.Gap.To.Sub(again.Gap.From) < 10*time.Second {
			t.Errorf("the first fragment after the stall has gap %+v", again.Gap)
		}
	})
}

func TestAdmit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, framestest.NewLog(), false,
			Camera{ID: "porch", PublishToken: "right"}, Camera{ID: "open", OpenPublish: true},
			Camera{ID: "closed"}, Camera{ID: "door", Source: &script{acts: []func(context.Context, Sink) error{hangs}}})
		for _, tt := range []struct {
			camera, token string
			want          error
		}{
			{"porch", "right", nil},
			{"porch", "wrong", ErrWrongToken},
			{"porch", "", ErrWrongToken},
			{"open", "", nil},
			{"open", "any", nil},
			{"closed", "", ErrWrongToken},
			{"door", "", ErrWrongToken},
			{"cellar", "right", ErrUnknownCamera},
			{"../etc", "right", ErrUnknownCamera},
		} {
			s, err := r.Admit(t.Context(), tt.camera, tt.token, "test")
			if !errors.Is(err, tt.want) {
				t.Errorf("%s %q: got %v, want %v", tt.camera, tt.token, err, tt.want)
			}
			if err == nil {
				s.End(nil)
			} else if !strings.Contains(err.Error(), tt.camera) {
				t.Errorf("got %v, want it to name %s", err, tt.camera)
			}
		}
		r.stop()
		if _, err := r.Admit(t.Context(), "porch", "right", "test"); !errors.Is(err, ErrStopped) {
			t.Errorf("stopped: got %v, want %v", err, ErrStopped)
		}
	})
}

func TestAdmitAny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, framestest.NewLog(), true, Camera{ID: "porch", PublishToken: "right"})
		if _, err := r.Admit(t.Context(), "porch", "", "test"); !errors.Is(err, ErrWrongToken) {
			t.Errorf("configured camera: got %v, want %v", err, ErrWrongToken)
		}
		if _, err := r.Admit(t.Context(), "Not An Id", "", "test"); !errors.Is(err, ErrUnknownCamera) {
			t.Errorf("invalid id: got %v, want %v", err, ErrUnknownCamera)
		}
		for i := range maxAnyCameras + 1 {
			_, err := r.Admit(t.Context(), fmt.Sprint("cam-", i), "", "test")
			if want := i == maxAnyCameras; errors.Is(err, ErrUnknownCamera) != want {
				t.Fatalf("camera %d: got %v", i, err)
			}
		}
		if _, err := r.Admit(t.Context(), "cam-0", "", "test"); err != nil {
			t.Errorf("the first again: %v", err)
		}
	})
}

func TestTakeoverKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := framestest.NewLog()
		r := newRig(t, log, false, Camera{ID: "porch", OpenPublish: true})
		p, units := fixture(t, "plain")
		a, err := r.Admit(t.Context(), "porch", "", "first")
		if err != nil {
			t.Fatal(err)
		}
		start(t, a, p)
		feed(t, a, units[:10], 0)
		b, err := r.Admit(t.Context(), "porch", "", "second")
		if err != nil {
			t.Fatal(err)
		}
		if got := context.Cause(a.Context); !errors.Is(got, ErrTakenOver) {
			t.Errorf("got cause %v, want %v", got, ErrTakenOver)
		}
		if err := a.Unit(Unit{NALUs: units[10].NALUs}); !errors.Is(err, ErrTakenOver) {
			t.Errorf("unit of the first: got %v, want %v", err, ErrTakenOver)
		}
		start(t, b, p)
		feed(t, b, units[:10], 0)
		a.End(errors.New("late")) // must not end the second
		if b.Context.Err() != nil {
			t.Error("the second ended with the first")
		}
		time.Sleep(StallTimeout + time.Millisecond)
		if got := context.Cause(b.Context); !errors.Is(got, ErrStalled) {
			t.Errorf("got cause %v, want %v", got, ErrStalled)
		}
		b.End(nil)
		synctest.Wait()
		var got []int
		for _, f := range checkRun(t, stored(t, log, "porch")) {
			got = append(got, int(f.Seq)*100+len(f.units))
		}
		if want := []int{6, 104, 6, 104}; !slices.Equal(got, want) {
			t.Errorf("got seq and units %v, want %v", got, want)
		}
	})
}

// What a camera sent reaches the log also when the program is told to stop.
func TestStopFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := framestest.NewLog()
		r := newRig(t, log, false, Camera{ID: "porch", OpenPublish: true})
		p, units := fixture(t, "bframes")
		s, err := r.Admit(t.Context(), "porch", "", "test")
		if err != nil {
			t.Fatal(err)
		}
		start(t, s, p)
		feed(t, s, units, 0)
		r.stop()
		if got := context.Cause(s.Context); got == nil {
			t.Error("the session goes on")
		}
		wantSame(t, checkRun(t, stored(t, log, "porch")), units)
		if err := s.Unit(Unit{}); err == nil {
			t.Error("the session takes units after the end")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	src := &script{}
	for name, cameras := range map[string][]Camera{
		"twice":          {{ID: "door"}, {ID: "door"}},
		"Bad Id":         {{ID: "Bad Id"}},
		"want one":       {{ID: "door", Source: src, PublishToken: "x"}},
		"analysis alone": {{ID: "door", Detect: src}},
		"publishers":     {{ID: "door", Source: src, OpenPublish: true}},
	} {
		_, err := New(Config{Cameras: cameras, Frames: framestest.NewLog(), States: &said{}, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %q", err, name)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("empty config: got no error")
	}
}
