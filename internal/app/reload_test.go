//go:build !nocv

package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/mediatest"
	"vigil/internal/web"
)

// edited is a program whose configuration is a file that the test writes.
type edited struct {
	*App
	t     *testing.T
	file  string
	head  string
	asked chan os.Signal
}

// body is the part of the configuration that the tests change.
const body = `
cameras: [ { id: door, publish_token: door-token } ]
endpoints: [ { id: home, url: "http://127.0.0.1:9/hook", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private: true } ]
`

func edit(t *testing.T) *edited {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	e := &edited{t: t, file: filepath.Join(dir, "vigil.yaml"), asked: make(chan os.Signal), head: `
data_dir: ./data
http: { listen: "127.0.0.1:0" }
rtsp: { listen: "127.0.0.1:0" }
webrtc: { udp: "127.0.0.1:0" }
models: { engine: classic }
`}
	e.write(e.head + body)
	load := func() (config.Config, error) {
		cfg, _, err := config.Load(e.file, nil)
		return cfg, err
	}
	cfg, err := load()
	if err != nil {
		t.Fatal(err)
	}
	e.App, err = New(t.Context(), Options{
		Config: cfg, Version: "test", Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})), Changes: Changes{Asked: e.asked, Load: load},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return e
}

func (e *edited) write(text string) {
	e.t.Helper()
	if err := os.WriteFile(e.file, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// hup writes a configuration, asks for it to be loaded as SIGHUP does, and returns what the role ingest then tells of it.
func (e *edited) hup(text string) reloadState {
	e.t.Helper()
	e.write(text)
	states, err := bus.OpenKV[reloadState](e.t.Context(), e.bus, bus.Settings)
	if err != nil {
		e.t.Fatal(err)
	}
	var before bus.Entry[reloadState]
	until(e.t, "how the configuration is was told", func() bool {
		before, err = states.Get(e.t.Context(), reloadSetting+string(Ingest))
		return err == nil
	})
	e.asked <- syscall.SIGHUP
	var s reloadState
	until(e.t, "the attempt is told", func() bool {
		now, err := states.Get(e.t.Context(), reloadSetting+string(Ingest))
		s = now.Value
		return err == nil && s.Attempt.After(before.Value.Attempt)
	})
	return s
}

// TestReload changes what may change under a camera that publishes all the while, and tries what may not.
func TestReload(t *testing.T) {
	e := edit(t)
	publishing, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- mediatest.Camera{Clip: "solo", Loop: true}.Publish(publishing, strings.Replace(e.Addresses().RTSP, "//", "//any:door-token@", 1)+"/door")
	}()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the camera was disturbed: %v", err)
		}
	}()
	fragment := e.latest(t, "door", time.Time{})

	const zoned = `
cameras:
  - { id: door, publish_token: door-token, zones: [ { name: porch, polygon: [[0, 0], [1, 0], [1, 1]] } ] }
  - { id: yard, publish_token: yard-token }
people: [ { name: Ann, groups: [family] } ]
endpoints: [ { id: phone, url: "http://127.0.0.1:9/hook", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private: true } ]
rules:
  - { name: porch, cameras: [door], zones: [porch], schedule: [{ from: "00:00", to: "24:00" }], endpoints: [phone] }
  - { name: family, groups: [family], cooldown: 1h }
quality: { max_yaw: 30, usable_yaw: 45 }
retention: { clips: 20d, fragments: 20m }
`
	if s := e.hup(e.head + zoned); s.Error != "" || s.Taken != 1 {
		t.Fatalf("got %+v", s)
	}
	c := asking(t, *e.live.Load())
	var rules []web.RuleView
	until(t, "the rules are told", func() bool {
		rules, _ = c.Rules(t.Context())
		return len(rules) == 2
	})
	if r := rules[0]; r.Name != "porch" || !r.Active || r.Who[0] != "unknown" || r.Zones[0] != "porch" || r.Endpoints[0] != "phone" {
		t.Errorf("got %+v", r)
	}
	if r := rules[1]; r.Cooldown != 3600 || r.Groups[0] != "family" || len(r.Missing) != 1 || r.Missing[0] != "Ann" {
		t.Errorf("got %+v, want Ann to be missing", r)
	}
	until(t, "the new camera is listed", func() bool { return listed(t, e, "yard") })
	endpoints, err := c.Endpoints(t.Context())
	if err != nil || len(endpoints) != 1 || endpoints[0].ID != "phone" {
		t.Errorf("got endpoints %+v, %v", endpoints, err)
	}

	// A mistake, a key that takes a restart beside one that does not, photos that are not there: nothing changes.
	for name, test := range map[string]struct{ text, want string }{
		"a mistake":   {e.head + zoned + "colour: red\n", "colour"},
		"a restart":   {strings.Replace(e.head, "engine: classic", "engine: auto", 1) + body, "models.engine: has changed, which takes a restart"},
		"two of them": {strings.ReplaceAll(e.head, "127.0.0.1:0", "127.0.0.1:1") + body, "rtsp.listen: has changed"},
		"no photos":   {e.head + body + "people: [ { name: Bob, photos: ./bob } ]\n", "people.known[0].photos"},
	} {
		s := e.hup(test.text)
		if !strings.Contains(s.Error, test.want) {
			t.Errorf("%s: got %q, want %q", name, s.Error, test.want)
		}
		if got := e.live.Load(); len(got.Rules) != 2 || len(got.Cameras) != 2 || !listed(t, e, "yard") {
			t.Errorf("%s: got %+v", name, got)
		}
	}
	if status, text, err := c.Ready(t.Context()); err != nil || status != 200 || !strings.Contains(string(text), "was refused at") {
		t.Errorf("readyz: got %d %s, %v", status, text, err)
	}

	if s := e.hup(e.head + body); s.Error != "" || s.Taken != 2 || s.Refused != 4 {
		t.Errorf("got %+v", s)
	}
	until(t, "the camera that is no more is not listed", func() bool { return !listed(t, e, "yard") })
	if got := e.latest(t, "door", time.Now()); got.Epoch != fragment.Epoch {
		t.Errorf("door went from epoch %s to %s", fragment.Epoch, got.Epoch)
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventually(t, func() string {
		if ok() {
			return ""
		}
		return "not within time: " + what
	})
}

// latest waits for a fragment that begins after that time.
func (e *edited) latest(t *testing.T, camera frames.CameraID, after time.Time) *frames.Fragment {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for f, err := range e.frames.Follow(ctx, camera, 0) {
		if err != nil {
			t.Fatalf("no fragment of %s after %v: %v", camera, after, err)
		}
		if f.Start.After(after) {
			return f
		}
	}
	t.Fatalf("no fragment of %s after %v", camera, after)
	return nil
}

func listed(t *testing.T, e *edited, camera string) bool {
	t.Helper()
	all, err := asking(t, *e.live.Load()).Cameras(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if string(s.Camera) == camera {
			return true
		}
	}
	return false
}
