//go:build !nocv

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips/mp4"
	"vigil/frames"
	"vigil/internal/app"
	"vigil/internal/config"
	"vigil/internal/mediatest"
	"vigil/internal/web"
	"vigil/vision"
)

// running is a vigil in this process, on free ports.
type running struct {
	t       *testing.T
	program *app.App
	environ []string // with which commands find it
	end     func()
}

func begin(t *testing.T, endpoints ...config.Endpoint) *running {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir) // the embedded store changes it, and this takes it back
	cfg := config.Default()
	cfg.DataDir = filepath.Join(dir, "data")
	cfg.HTTP.Listen, cfg.RTSP.Listen, cfg.WebRTC.UDP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Models.Engine, cfg.Endpoints = "classic", endpoints
	cfg.Clips.PreRoll, cfg.Clips.PostRoll, cfg.Alerts.VisitGap = time.Second, time.Second, 3*time.Second
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	program, err := app.New(t.Context(), app.Options{Config: cfg, Version: "test", Log: log})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- program.Run(ctx) }()
	end := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(end)
	return &running{t, program, []string{"VIGIL_DATA_DIR=" + cfg.DataDir}, end}
}

func (r *running) vigil(args ...string) told {
	r.t.Helper()
	return vigilIn(r.t.Context(), r.t, r.environ, args...)
}

func TestPeople(t *testing.T) {
	r := begin(t)
	dir := t.TempDir()
	photos := album(t, filepath.Join(dir, "photos"), mediatest.Resident())
	blank := write(t, filepath.Join(dir, "wall.png"), string(wall(t)))
	garbage := write(t, filepath.Join(dir, "garbage.jpg"), "garbage")

	r.vigil("people", "list").works(t, "PERSON")
	r.vigil("people", "enroll", "Ann", blank).fails(t, 1, "Ann", "wall.png: no face found")
	r.vigil("people", "enroll", "Ann", garbage, blank).fails(t, 1, "garbage.jpg: ", "not a readable picture", "wall.png: no face found")
	r.vigil("people", "enroll", "..", photos[0]).fails(t, 1, `".."`)
	if got := r.vigil("people", "list", "--json"); got.out != "" {
		t.Errorf("refused: got %s, want nobody", got.out)
	}

	r.vigil(append([]string{"people", "enroll", "Ann / Zoë"}, photos...)...).works(t, "1.jpg: ok", "3.jpg: ok", "Ann / Zoë is enrolled")
	r.vigil("people", "enroll", "Bob", photos[0]).fails(t, 1, "Bob", "1.jpg: resembles Ann / Zoë")
	got := each[web.PersonView](t, r.vigil("people", "enroll", "Bob", photos[0], blank, "--force", "--json"))
	if len(got) != 1 || got[0].Name != "Bob" || len(got[0].Photos) != 2 || !got[0].Photos[0].Used || got[0].Photos[1].Used {
		t.Errorf("got %+v, want the good photo used and the other named", got)
	}
	r.vigil("people", "list").works(t, "Ann / Zoë  enrolled  3 of 3", "Bob        enrolled  1 of 1")
	if got := each[web.PersonView](t, r.vigil("people", "list", "--json")); len(got) != 2 || got[0].Name != "Ann / Zoë" {
		t.Errorf("got %+v", got)
	}

	r.vigil("people", "enroll", "Bob", photos[0], "--face", "2").fails(t, 1, "1.jpg: the chosen face is not among")
	r.vigil("people", "calibrate").works(t, "2 people, 4 templates", "probability 0.003", "threshold that follows", "Bob",
		"may be taken for each other", "of 4, ", "one photo only")
	reports := each[vision.Report](t, r.vigil("people", "calibrate", "--json"))
	if len(reports) != 1 || reports[0].Stated != 0.003 || reports[0].People != 2 || len(reports[0].Alike) != 1 || reports[0].FalseAccepts.Count < 2 {
		t.Errorf("got %+v", reports)
	}

	r.vigil("people", "remove", "Cid").fails(t, 1, "Cid", "not found")
	r.vigil("people", "remove", "Ann / Zoë").works(t, "Ann / Zoë is removed")
	r.vigil("people", "remove", "Ann / Zoë").fails(t, 1, "not found")
	r.vigil("people", "remove", "Bob", "--json").works(t, `{"removed":"Bob"}`)
	if got := r.vigil("people", "list", "--json"); got.out != "" {
		t.Errorf("removed: got %s, want nobody", got.out)
	}
}

func TestAskingARunningVigil(t *testing.T) {
	r := begin(t)
	at := r.program.Addresses()
	r.vigil("alerts", "list").works(t, "ALERT")
	r.vigil("cameras", "list").works(t, "CAMERA")
	r.vigil("retention").works(t, "WOULD GO NOW", "clips", "shots", "0, 0.0 MB")
	for _, list := range []string{"alerts", "cameras", "people"} {
		if got := r.vigil(list, "list", "--json"); got.code != 0 || got.out != "" {
			t.Errorf("%s: got %+v, want no document", list, got)
		}
	}
	r.vigil("alerts", "list", "--limit", "0").fails(t, 1, `"0"`, "1 to 500")
	r.vigil("alerts", "show", "01J").fails(t, 1, "alert 01J: not found")
	r.vigil("clips", "get", "01J").fails(t, 1, "alert 01J: not found")
	r.vigil("explain", "01J").fails(t, 1, "explain 01J: there is no such alert: not found")
	r.vigil("health").works(t, "bus        ok", "store      ok", "vision     ok     classic engine")
	var health struct{ Ready bool }
	if err := json.Unmarshal([]byte(r.vigil("health", "--json").out), &health); err != nil || !health.Ready {
		t.Errorf("got %+v, %v", health, err)
	}

	// From another machine, as it were.
	vigil(t, "alerts", "list", "--server", at.Console, "--token", r.program.AdminToken()).works(t, "ALERT")
	for _, command := range []string{"alerts list", "alerts tail", "cameras list", "people remove Ann", "clips get 01J"} {
		args := append(strings.Fields(command), "--server", at.Console, "--token", "vgl_wrong")
		if got := vigil(t, args...); got.code != 1 || got.err != "vigil: wrong token\n" {
			t.Errorf("%s: got %+v", command, got)
		}
	}

	// A second one on the same data says so, and leaves the first alone.
	second := append([]string{"VIGIL_HTTP_LISTEN=127.0.0.1:0", "VIGIL_RTSP_LISTEN=127.0.0.1:0", "VIGIL_WEBRTC_UDP=127.0.0.1:0"}, r.environ...)
	vigilIn(t.Context(), t, append(second, classic...), "serve").fails(t, 1, "data_dir", "in use by another process")
	port := strings.TrimPrefix(at.Console, "http://")
	vigilIn(t.Context(), t, append(second[1:], "VIGIL_HTTP_LISTEN="+port), "serve").fails(t, 1, "http.listen", port, "in use")
	r.vigil("health").works(t)
	r.end()
	r.vigil("health").fails(t, 1, "vigil serve")
}

// feed is what a command prints while it runs.
type feed struct {
	mu     sync.Mutex
	text   bytes.Buffer
	events chan string // lines
}

func (f *feed) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(b)
	for {
		line, err := f.text.ReadString('\n')
		if err != nil {
			f.text.WriteString(line)
			return len(b), nil
		}
		f.events <- line
	}
}

// tail follows events until ctx ends, and tells the exit code then.
func (r *running) tail(ctx context.Context, args ...string) (lines <-chan string, code <-chan int) {
	out, ended := &feed{events: make(chan string, 100)}, make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"alerts", "tail"}, args...), r.environ, out, io.Discard)
	}()
	return out.events, ended
}

func next(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line := <-lines:
		return line
	case <-time.After(time.Minute):
		t.Fatal("no event came")
		return ""
	}
}

func TestAlertFromCameraToFile(t *testing.T) {
	if testing.Short() {
		t.Skip("shows a clip in real time")
	}
	r := begin(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines, ended := r.tail(ctx, "--since", "1h", "--json")
	published := make(chan error, 1)
	go func() { published <- mediatest.Camera{Clip: "solo"}.Publish(ctx, r.program.Addresses().RTSP+"/door") }()

	events := map[alerts.EventType]alerts.Event{}
	for len(events) < 3 {
		var event alerts.Event
		line := next(t, lines)
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("got %s, %v", line, err)
		}
		if _, twice := events[event.Type]; twice || len(events) == 0 && event.Type != alerts.Opened {
			t.Fatalf("got %s after %d others", line, len(events))
		}
		events[event.Type] = event
		if event.Type == alerts.Opened {
			r.vigil("cameras", "list").works(t, "door", "online", "rtsp publish", "h264 1280x720")
			r.vigil("clips", "get", event.Data.Alert.ID).fails(t, 1, "alert "+event.Data.Alert.ID+" has no clip yet")
		}
	}
	if err := <-published; err != nil {
		t.Errorf("camera: %v", err)
	}
	cancel()
	if code := <-ended; code != 0 {
		t.Errorf("tail: got code %d, want 0: it ends when it is told to", code)
	}
	id, clip := events[alerts.Opened].Data.Alert.ID, events[alerts.ClipReady].Data.Clip
	got := r.vigil("cameras", "list", "--json")
	if states := each[frames.CameraState](t, got); len(states) != 1 || states[0].Camera != "door" || states[0].Codec != frames.H264 {
		t.Errorf("cameras: got %+v", got)
	}
	r.shows(id, clip)
	r.explains(id)
	r.gets(id, clip)
	r.verifies(id)

	again, stop := context.WithCancel(t.Context())
	lines, ended = r.tail(again, "--since", "1h")
	if line := next(t, lines); !strings.Contains(line, "alert.opened") || !strings.Contains(line, id) || !strings.Contains(line, "camera door") {
		t.Errorf("got %q", line)
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("tail: got code %d", code)
	}
	_, ended = r.tail(t.Context())
	r.end()
	if code := <-ended; code != 1 {
		t.Errorf("tail of a vigil that ended: got code %d, want 1", code)
	}
}

// shows checks what is told of an alert.
func (r *running) shows(id string, clip *alerts.Clip) {
	t := r.t
	t.Helper()
	r.vigil("alerts", "list").works(t, id, "door", clip.End.Sub(clip.Start.Time).Round(time.Second).String())
	listed := each[web.AlertView](t, r.vigil("alerts", "list", "--json"))
	shown := each[web.AlertView](t, r.vigil("alerts", "show", id, "--json"))
	for name, views := range map[string][]web.AlertView{"list": listed, "show": shown} {
		if len(views) != 1 || views[0].Alert.ID != id || views[0].Clip == nil || views[0].Clip.SHA256 != clip.SHA256 {
			t.Errorf("%s: got %+v", name, views)
		}
	}
	got := r.vigil("alerts", "show", id)
	got.works(t, "alert      "+id, "camera     door", "decision   unknown", "closed     ", clip.Key, clip.SHA256, "?expires=", "&signature=")
}

// explains checks what is told of the alert's decision, by its id and by its track's.
func (r *running) explains(id string) {
	t := r.t
	t.Helper()
	r.vigil("explain", id).works(t, "alert "+id+": unknown on camera door", "ended ", "(nobody_enrolled)", "REFUSED BY", "0 enrolled")
	got := each[web.Explanation](t, r.vigil("explain", id, "--json"))
	if len(got) != 1 || len(got[0].Tracks) == 0 || got[0].Tracks[0].Sightings[0].Evidence == nil {
		t.Fatalf("explain: got %+v", got)
	}
	track := got[0].Tracks[0]
	for _, s := range track.Sightings {
		if e := s.Evidence; e == nil || len(e.Config) != 12 || len(e.Shots) == 0 || e.Gate == "" {
			t.Errorf("%s: got evidence %+v", s.ID(), e)
		}
	}
	r.vigil("explain", track.Track).works(t, "track "+track.Track, "decided ")
	r.vigil("explain", track.Track+"0").fails(t, 1, "explain "+track.Track+"0", "decision log", "not found")
}

// gets checks a clip as a file and as a stream.
func (r *running) gets(id string, clip *alerts.Clip) {
	t := r.t
	t.Helper()
	home := t.TempDir()
	path := filepath.Join(home, "clip.mp4")
	r.vigil("clips", "get", id, "-o", path).works(t, path)
	digestOf := func(file string) string {
		film, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := mp4.Read(bytes.NewReader(film)); err != nil {
			t.Errorf("clip: %v", err)
		}
		return digest(film)
	}
	if got := digestOf(path); got != clip.SHA256 {
		t.Errorf("clip: got SHA-256 %s, want %s", got, clip.SHA256)
	}
	if got := r.vigil("clips", "get", id, "-o", "-"); digest([]byte(got.out)) != clip.SHA256 {
		t.Errorf("stream: got %d bytes, want %d", len(got.out), clip.Bytes)
	}
	again := filepath.Join(home, "again.mp4")
	got := r.vigil("clips", "get", id, "-o", again, "--json")
	if lines := each[struct{ File string }](t, got); len(lines) != 1 || lines[0].File != again || digestOf(again) != clip.SHA256 {
		t.Errorf("got %+v", got)
	}
	missing := filepath.Join(home, "none", "clip.mp4")
	r.vigil("clips", "get", id, "-o", missing).fails(t, 1, "none")
	if _, err := os.Stat(filepath.Dir(missing)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want no folder made", err)
	}
}

func TestServe(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	path := write(t, filepath.Join(dir, "vigil.yaml"),
		"http: {listen: '127.0.0.1:0'}\nrtsp: {listen: '127.0.0.1:0'}\nwebrtc: {udp: '127.0.0.1:0'}\nmodels: {engine: classic}\n")
	serve := func(args ...string) (greeting string) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out, ended := &feed{events: make(chan string, 100)}, make(chan int, 1)
		go func() { ended <- run(ctx, append([]string{"serve", "-c", path}, args...), nil, out, t.Output()) }()
		for !strings.Contains(greeting, "----") && !strings.Contains(greeting, "}") {
			greeting += next(t, out.events)
		}
		vigil(t, "health", "-c", path).works(t, "bus")
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("got code %d", code)
		}
		if _, err := os.Stat(filepath.Join(dir, "data", "access.json")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the access file: got %v, want it removed", err)
		}
		return greeting
	}
	first := serve()
	for _, want := range []string{"rtsp://127.0.0.1:", "/<any-name>", "/whip/", "http://127.0.0.1:", "vgl_", "shown once"} {
		if !strings.Contains(first, want) {
			t.Errorf("got %q, want %q in it", first, want)
		}
	}
	var second map[string]string
	if err := json.Unmarshal([]byte(serve("--json")), &second); err != nil || second["admin_token"] != "" || second["rtsp"] == "" {
		t.Errorf("second start: got %v, %v, want no token", second, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	vigilIn(ended, t, nil, "serve", "-c", path).works(t)
}

func TestDrillAndDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("shows clips in real time")
	}
	t.Chdir(t.TempDir())
	steps := each[struct {
		OK   bool
		Step string
	}](t, vigilIn(t.Context(), t, classic, "drill", "--json"))
	if len(steps) != 6 || steps[5].Step != "passed" {
		t.Errorf("drill: got %+v", steps)
	}
	vigilIn(t.Context(), t, []string{"VIGIL_MODELS_ENGINE=deep", "VIGIL_MODELS_DIR=/does/not/exist"}, "drill").fails(t, 1, "drill: start", "/does/not/exist")

	dir := filepath.Join(t.TempDir(), "demo")
	got := vigilIn(t.Context(), t, classic, "demo", "--exit", "--dir", dir)
	got.works(t, "alert.opened, signature good", "alert.clip_ready", "alert.closed", "one stranger, one alert", "&signature=")
	films, _ := filepath.Glob(filepath.Join(dir, "clips", "*.mp4"))
	shots, _ := filepath.Glob(filepath.Join(dir, "clips", "*.jpg"))
	if len(films) != 1 || len(shots) != 1 {
		t.Errorf("demo: got %v and %v", films, shots)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	vigilIn(ended, t, classic, "drill").fails(t, 130, "interrupted")
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
