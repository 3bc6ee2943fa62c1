package e2e

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/ingest/rtsp"
	"vigil/internal/mediatest"
)

const (
	camera  = "door"
	preRoll = 2 * time.Second
)

// site is a place that is watched: its configuration, and the receiver of its webhooks.
type site struct {
	data     string // folder
	photos   string // folder of Resident's
	token    string // the camera's
	secret   string // the endpoint's
	hook     string // where webhooks go
	http     *port
	rtsp     *port
	receiver *mediatest.Receiver

	// What tests change.
	engine string // part of the configuration's models
	alerts string
	clips  string
}

func newSite(t *testing.T) *site {
	t.Helper()
	build(t)
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	s := &site{
		data: filepath.Join(t.TempDir(), "data"), photos: filepath.Join(t.TempDir(), "Resident"),
		token: strings.ToLower(rand.Text()), secret: "whsec_" + base64.StdEncoding.EncodeToString(key),
		http: reserve(t), rtsp: reserve(t),
		engine: "engine: classic", alerts: "visit_gap: 3s", clips: "pre_roll: " + preRoll.String() + ", post_roll: 1s",
	}
	s.portraits(t)
	receiver, err := mediatest.NewReceiver(s.secret)
	if err != nil {
		t.Fatal(err)
	}
	background(t, receiver.Run)
	s.receiver, s.hook = receiver, receiver.URL()
	return s
}

// background runs until the test ends.
func background(t *testing.T, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func (s *site) portraits(t *testing.T) {
	t.Helper()
	if err := os.MkdirAll(s.photos, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		photo, err := mediatest.PortraitJPEG(mediatest.Resident(), 480, i)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.photos, fmt.Sprint(i, ".jpg")), photo, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// config is the configuration of a process at the site.
func (s *site) config() string {
	return fmt.Sprintf(`
data_dir: %q
http: { listen: %q }
rtsp: { listen: %q }
webrtc: { udp: "127.0.0.1:0" }
models: { %s }
cameras: [ { id: %s, publish_token: %q } ]
people: [ { name: Resident, photos: %q } ]
endpoints: [ { id: home, url: %q, secret: %q, allow_private: true } ]
alerts: { %s }
clips: { %s }
`, s.data, s.http, s.rtsp, s.engine, camera, s.token, s.photos, s.hook, s.secret, s.alerts, s.clips)
}

// address is where the camera publishes to.
func (s *site) address() string {
	return fmt.Sprintf("rtsp://camera:%s@%s/%s", s.token, s.rtsp, camera)
}

// film is what a camera shows: its access units in decoding order.
type film struct {
	parameters frames.Parameters
	units      []frames.AccessUnit
}

// clip is an embedded clip.
func clip(t *testing.T, name string) film {
	t.Helper()
	p, units, err := mediatest.Camera{Clip: name}.Units()
	return collect(t, p, units, err)
}

func collect(t *testing.T, p frames.Parameters, units iter.Seq2[frames.AccessUnit, error], err error) film {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	f := film{parameters: p}
	for u, err := range units {
		if err != nil {
			t.Fatal(err)
		}
		f.units = append(f.units, u)
	}
	return f
}

// reel is a film on its way to the site. A camera that connects again goes on with the next key picture.
type reel struct {
	film
	next    int           // access unit
	alarm   time.Duration // when in the film to close reached; never when that is nil
	reached chan struct{}
}

func (r *reel) rest() iter.Seq2[frames.AccessUnit, error] {
	return func(yield func(frames.AccessUnit, error) bool) {
		for r.next < len(r.units) && !r.units[r.next].Key {
			r.next++
		}
		for r.next < len(r.units) {
			u := r.units[r.next]
			r.next++
			if r.reached != nil && u.PTS > frames.Ticks(r.alarm) {
				close(r.reached)
				r.reached = nil
			}
			if !yield(u, nil) {
				return
			}
		}
	}
}

// show publishes the rest of a reel, in real time. The returned channel gives the connection's error when it ends.
func (s *site) show(t *testing.T, r *reel) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	background(t, func(ctx context.Context) error {
		ended <- rtsp.Publish(ctx, s.address(), r.parameters, r.rest(), true)
		return nil
	})
	return ended
}

// play publishes a film to its end, or to the test's.
func (s *site) play(t *testing.T, f film) {
	t.Helper()
	background(t, func(ctx context.Context) error {
		return rtsp.Publish(ctx, s.address(), f.parameters, (&reel{film: f}).rest(), true)
	})
}

// wait waits for an event of the type.
func (s *site) wait(t *testing.T, kind alerts.EventType, within time.Duration) alerts.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	event, err := s.receiver.Wait(ctx, mediatest.OfType(kind))
	if err != nil {
		t.Fatalf("no %s within %s: %v", kind, within, err)
	}
	return event
}

// once expects that every one of the types arrived once, counted by webhook-id, and all for one alert.
func (s *site) once(t *testing.T, kinds ...alerts.EventType) {
	t.Helper()
	ids := map[alerts.EventType]map[string]bool{}
	raised := map[string]bool{}
	for _, d := range s.receiver.Deliveries() {
		if d.ID != d.Event.ID() {
			t.Errorf("webhook-id is %q, want %q", d.ID, d.Event.ID())
		}
		if clip := d.Event.Data.Clip; d.Event.Type == alerts.ClipReady && clip != nil && clip.Piece > 1 {
			continue // whoever comes back after an outage is filmed again
		}
		if ids[d.Event.Type] == nil {
			ids[d.Event.Type] = map[string]bool{}
		}
		ids[d.Event.Type][d.ID] = true
		if d.Event.Data.Camera == nil {
			raised[d.Event.Data.Alert.ID] = true
		}
	}
	if len(raised) != 1 {
		t.Errorf("got %d alerts, want 1: %v", len(raised), raised)
	}
	for _, kind := range kinds {
		if len(ids[kind]) != 1 {
			t.Errorf("got %d %s, want 1", len(ids[kind]), kind)
		}
	}
	for _, err := range s.receiver.Refused() {
		t.Errorf("refused webhook: %v", err)
	}
}
