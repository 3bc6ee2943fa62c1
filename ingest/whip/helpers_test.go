package whip

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vigil/frames"
	"vigil/ingest"
)

var errTakenOver = errors.New("taken over")

// door is an ingest.Admission of a few cameras that keeps what their sinks get.
type door struct {
	tokens   map[string]string
	admitted chan *visit

	mu      sync.Mutex
	current map[string]*visit
	open    int
}

func newDoor() *door {
	return &door{
		tokens:   map[string]string{"porch": "right", "door": "other", "open": "", "pulled": ""},
		admitted: make(chan *visit, 1000), current: map[string]*visit{},
	}
}

// visit is one admitted publisher.
type visit struct {
	started chan frames.Parameters
	units   chan ingest.Unit
	sounds  chan ingest.Sound
	lost    atomic.Uint64
	ended   chan error
	refuse  error // returned by Unit

	takeOver func()
}

func (v *visit) Start(p frames.Parameters) error { v.started <- p; return nil }

func (v *visit) Unit(u ingest.Unit) error { v.units <- u; return v.refuse }

func (d *door) Publishing(camera string) (token string, open bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	token, ok := d.tokens[camera]
	if !ok {
		return "", false, ingest.ErrUnknownCamera
	}
	return token, camera == "open", nil
}

// set gives a camera another token.
func (d *door) set(camera, token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tokens[camera] = token
}

func (v *visit) Lost(n uint64) { v.lost.Add(n) }

func (v *visit) Audio(s ingest.Sound) {
	select {
	case v.sounds <- s:
	default: // the test has heard enough
	}
}

func (d *door) Admit(ctx context.Context, camera, token, _ string) (*ingest.Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	want, ok := d.tokens[camera]
	if !ok {
		return nil, ingest.ErrUnknownCamera
	}
	if token != want && camera != "open" {
		return nil, ingest.ErrWrongToken
	}
	if camera == "door" {
		// The second camera's sink takes nothing.
		return d.admit(ctx, camera, errors.New("sink is full")), nil
	}
	return d.admit(ctx, camera, nil), nil
}

func (d *door) admit(ctx context.Context, camera string, refuse error) *ingest.Session {
	v := &visit{
		started: make(chan frames.Parameters, 1), units: make(chan ingest.Unit, 10000),
		sounds: make(chan ingest.Sound, 1000),
		ended:  make(chan error, 1), refuse: refuse,
	}
	ctx, cancel := context.WithCancelCause(ctx)
	if before := d.current[camera]; before != nil {
		before.takeOver()
	}
	v.takeOver = func() { cancel(errTakenOver) }
	d.current[camera] = v
	d.open++
	d.admitted <- v
	return &ingest.Session{Sink: v, Context: ctx, End: func(reason error) {
		cancel(reason)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
		v.ended <- reason
	}}
}

// testEndpoint is a running endpoint behind a real server.
type testEndpoint struct {
	*Endpoint
	door *door
	url  string // without a slash at its end
}

// TestMain fails when anything is left behind by the tests.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newTestEndpoint starts one. Sessions that are left at its end fail the test.
func newTestEndpoint(t *testing.T, change func(*Endpoint)) *testEndpoint {
	t.Helper()
	d := newDoor()
	e, err := New(Config{UDP: "127.0.0.1:0", Admission: d, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(e)
	}
	return runEndpoint(t, e, d)
}

func runEndpoint(t *testing.T, e *Endpoint, d *door) *testEndpoint {
	t.Helper()
	srv := httptest.NewServer(e.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error("run:", err)
		}
		http.DefaultClient.CloseIdleConnections()
		srv.Close()
		if e.pending != 0 || len(e.sessions) != 0 || d.open != 0 {
			t.Errorf("at the end: %d pending, %d sessions, %d admitted, want none", e.pending, len(e.sessions), d.open)
		}
	})
	return &testEndpoint{Endpoint: e, door: d, url: srv.URL}
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// clear forgets everything, so that one case does not shut out the next.
func (s *buckets[K]) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.all)
}

// only is the endpoint's session of a URL.
func (e *testEndpoint) only(url string) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sessions[url[strings.LastIndexByte(url, '/')+1:]]
}

// reply is an answer without its body.
type reply struct {
	StatusCode int
	Header     http.Header
}

// request does one and returns its answer, with the body read.
func request(t *testing.T, method, url, body string, header ...string) (reply, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header}, string(b)
}

// within fails the test when nothing comes of c in time.
func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s within 20 s", what)
		panic("not reached")
	}
}
