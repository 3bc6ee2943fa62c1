package rtsp

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"go.uber.org/goleak"

	"vigil/frames"
	"vigil/frames/framestest"
	"vigil/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// fixture reads a stream of the ingest package's testdata.
func fixture(t testing.TB, name string) (frames.Parameters, []frames.AccessUnit) {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + name + ".mp4")
	if err != nil {
		t.Fatal(err)
	}
	p, units, _, err := frames.Unpack(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range units {
		units[i].Key = h264.IsRandomAccess(units[i].NALUs)
		if p.Codec == frames.H265 {
			units[i].Key = h265.IsRandomAccess(units[i].NALUs)
		}
	}
	return *p, units
}

func once(units []frames.AccessUnit) iter.Seq2[frames.AccessUnit, error] {
	return func(yield func(frames.AccessUnit, error) bool) {
		for _, u := range units {
			if !yield(u, nil) {
				return
			}
		}
	}
}

// endless repeats the units, with times that go on.
func endless(units []frames.AccessUnit) iter.Seq2[frames.AccessUnit, error] {
	length := int64(len(units)) * frames.ClockRate / 25
	return func(yield func(frames.AccessUnit, error) bool) {
		for from := int64(0); ; from += length {
			for _, u := range units {
				u.PTS, u.DTS = u.PTS+from, u.DTS+from
				if !yield(u, nil) {
					return
				}
			}
		}
	}
}

// states keeps what was last said of each camera, and tells of changes.
type states struct {
	mu   sync.Mutex
	last map[frames.CameraID]frames.CameraState
}

func (s *states) Save(_ context.Context, st frames.CameraState) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = make(map[frames.CameraID]frames.CameraState)
	}
	s.last[st.Camera] = st
	return nil
}

func (s *states) of(id frames.CameraID) frames.CameraState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[id]
}

// station is a supervisor at work and what it says.
type station struct {
	supervisor *ingest.Supervisor
	log        *framestest.Log
	states     *states
	said       *logged
	stop       func()
}

// logged keeps log lines.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func newStation(t *testing.T, said *logged, cameras ...ingest.Camera) *station {
	t.Helper()
	st := &station{log: framestest.NewLog(), states: &states{}, said: said}
	var err error
	st.supervisor, err = ingest.New(ingest.Config{Cameras: cameras, Frames: st.log, States: st.states, Log: said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	st.stop = background(t, st.supervisor.Run)
	return st
}

// background runs run until the test or stop ends it.
func background(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("did not stop")
		}
	})
	t.Cleanup(stop)
	return stop
}

func serve(t *testing.T, st *station, udp string) *Server {
	t.Helper()
	s, err := NewServer(ServerConfig{Listen: "127.0.0.1:0", UDP: udp, Admission: st.supervisor, Log: st.said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	background(t, s.Run)
	return s
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen: %s", what)
		}
		<-tick.C
	}
}

// recorded returns all fragments of the camera that hold, or give up after patience.
func recorded(t *testing.T, log frames.Log, camera frames.CameraID, enough func([]*frames.Fragment) bool) []*frames.Fragment {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out []*frames.Fragment
	for f, err := range log.Follow(ctx, camera, 0) {
		if err != nil {
			t.Fatal(err)
		}
		if out = append(out, f); enough(out) {
			return out
		}
	}
	t.Fatalf("camera %s: %d fragments are not enough", camera, len(out))
	return nil
}

func unpack(t *testing.T, fs ...*frames.Fragment) (units []frames.AccessUnit) {
	t.Helper()
	for _, f := range fs {
		_, u, _, err := frames.Unpack(f.Payload)
		if err != nil {
			t.Fatalf("%s: %v", f.ID(), err)
		}
		units = append(units, u...)
	}
	return units
}

func sameUnits(a, b []frames.AccessUnit) bool {
	return slices.EqualFunc(a, b, func(a, b frames.AccessUnit) bool { return slices.EqualFunc(a.NALUs, b.NALUs, bytes.Equal) })
}
