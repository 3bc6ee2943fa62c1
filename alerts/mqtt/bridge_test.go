package mqtt

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/alerts/mqtt/mqtttest"
	"vigil/frames"
	"vigil/internal/faultproxy"
	"vigil/vision"
)

// queue is an alerts.Feed in memory: what is not taken comes again.
type queue struct {
	notices chan alerts.Notice
	failed  chan error
}

func (q *queue) Consume(ctx context.Context, handle func(context.Context, alerts.Notice) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case n := <-q.notices:
			for err := handle(ctx, n); err != nil && ctx.Err() == nil; err = handle(ctx, n) {
				select {
				case q.failed <- err:
				default:
				}
			}
		}
	}
}

// house is what a bridge tells of.
type house struct {
	t      *testing.T
	store  alertstest.Store
	events *queue

	mu      sync.Mutex
	cameras []frames.CameraState
}

func newHouse(t *testing.T, cameras ...frames.CameraState) *house {
	return &house{
		t: t, cameras: cameras, events: &queue{notices: make(chan alerts.Notice, 10), failed: make(chan error, 1)},
	}
}

func (h *house) set(cameras ...frames.CameraState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cameras = cameras
}

// begin runs a bridge to the address until the returned function, or the test's end.
func (h *house) begin(cfg Config) (end func()) {
	h.t.Helper()
	b := &Bridge{
		Config: cfg, patience: 300 * time.Millisecond, Events: h.events, Visits: &h.store, Links: alertstest.Links{},
		Log: slog.New(slog.NewTextHandler(h.t.Output(), nil)),
		Cameras: func(context.Context) ([]frames.CameraState, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.cameras, nil
		},
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(h.t.Context()))
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("run: %v", err)
		}
	})
	h.t.Cleanup(end)
	return end
}

// visit is one that begins now, saved.
func (h *house) visit(track string) alerts.Visit {
	h.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	e := alerts.Evaluator{Rules: []alerts.Rule{alerts.Strangers()}, Links: alertstest.Links{}}
	v, err := e.Opened(vision.Sighting{
		Camera: "door", Track: track, Stranger: "s-" + track, Start: now, Seen: now,
		Decision: vision.Decision{Outcome: vision.Unknown}, Shot: &vision.Shot{Key: "shots/" + track + ".jpg"},
	}, alerts.Strangers(), 1)
	if err != nil {
		h.t.Fatal(err)
	}
	if v, err = h.store.Create(h.t.Context(), v); err != nil {
		h.t.Fatal(err)
	}
	return v
}

// over ends a visit.
func (h *house) over(v alerts.Visit) alerts.Visit {
	h.t.Helper()
	v, err := alerts.Evaluator{Rules: []alerts.Rule{alerts.Strangers()}, Links: alertstest.Links{}}.Closed(v)
	if err != nil {
		h.t.Fatal(err)
	}
	if v, err = h.store.Update(h.t.Context(), v); err != nil {
		h.t.Fatal(err)
	}
	return v
}

// say hands on the visit's latest event, and returns it.
func (h *house) say(v alerts.Visit) alerts.Notice {
	n := v.Pending[len(v.Pending)-1].Notice
	n.Camera = v.Alert.Camera
	h.events.notices <- n
	return n
}

func TestHomeAssistantSeesAVisit(t *testing.T) {
	broker := mqtttest.New(t)
	broker.Start()
	cfg := good()
	cfg.URL = "mqtt://" + broker.Address
	seen := broker.Listen()
	n := names{"vigil", "homeassistant"}
	for topic, payload := range map[string]string{
		n.config("gone"): "{}", "vigil/gone/online": "ON", "homeassistant/device/other_gone/config": "{}",
	} {
		seen.Publish(topic, payload, true)
		seen.WaitFor(topic, payload)
	}
	h := newHouse(t, frames.CameraState{Camera: "door", Online: true})
	end := h.begin(cfg)
	seen.WaitFor("vigil/door/online", "ON")
	seen.WaitFor("vigil/door/stranger", "OFF")
	seen.WaitFor("vigil/status", "online")
	document := seen.Wait("document", func(m mqtttest.Message) bool { return m.Topic == n.config("door") })
	if want, err := n.document("door", "1.2"); err != nil || document.Payload != want {
		t.Errorf("got %s, want %s, %v", document.Payload, want, err)
	}
	later := broker.Listen() // what a Home Assistant that starts now is told
	missing := map[string]bool{n.config("door"): true, "vigil/door/stranger": true, "vigil/status": true}
	later.Wait("what is retained", func(m mqtttest.Message) bool {
		if m.Retained {
			delete(missing, m.Topic)
		}
		return len(missing) == 0
	})

	v := h.visit("1")
	told := h.say(v)
	event := seen.Wait("event", func(m mqtttest.Message) bool { return m.Topic == "vigil/door/event" })
	if event.Payload != string(told.Body) || event.ID != told.ID || event.Retained {
		t.Errorf("got %+v, want %s of id %s", event, told.Body, told.ID)
	}
	alert := seen.Wait("alert", func(m mqtttest.Message) bool { return m.Topic == "vigil/door/alert" })
	if !strings.Contains(alert.Payload, `"alert":{"id":"`+v.Alert.ID+`"`) {
		t.Errorf("got %s", alert.Payload)
	}
	seen.WaitFor("vigil/door/best_shot", "https://vigil.example/media/shots/1.jpg")
	seen.WaitFor("vigil/door/stranger", "ON")
	h.say(h.over(v))
	seen.WaitFor("vigil/door/stranger", "OFF")

	h.set(frames.CameraState{Camera: "door"})
	seen.WaitFor("vigil/door/online", "OFF")
	seen.Publish("homeassistant/status", "online", false)
	seen.Wait("documents after a birth", func(m mqtttest.Message) bool { return m.Topic == n.config("door") })
	h.set()
	seen.WaitFor(n.config("door"), "")
	end()
	seen.WaitFor("vigil/status", "offline")

	left := map[string]string{}
	last := broker.Listen()
	last.Publish("the/end", "", false)
	last.Wait("end", func(m mqtttest.Message) bool { left[m.Topic] = m.Payload; return m.Topic == "the/end" })
	delete(left, "the/end")
	if len(left) != 2 || left["vigil/status"] != "offline" || left["homeassistant/device/other_gone/config"] != "{}" {
		t.Errorf("the broker keeps %v, want the status and the other program's document", left)
	}
}

// TestBrokerAway: events wait while the broker is away, and one that has forgotten everything is told all of it.
func TestBrokerAway(t *testing.T) {
	broker := mqtttest.New(t)
	cfg := good()
	cfg.URL = "mqtt://" + broker.Address
	h := newHouse(t, frames.CameraState{Camera: "door", Online: true})
	h.begin(cfg)
	first := h.visit("1")
	opened := h.say(first)
	if err := <-h.events.failed; !errors.Is(err, errAway) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("got %v, want why the broker is away", err)
	}
	broker.Start()
	seen := broker.Listen()
	seen.Wait("the event", func(m mqtttest.Message) bool { return m.ID == opened.ID })
	seen.WaitFor("vigil/door/stranger", "ON")

	broker.Stop()
	h.over(first)
	second := h.visit("2")
	told := h.say(second)
	broker.Start()
	seen = broker.Listen()
	seen.Wait("the event", func(m mqtttest.Message) bool { return m.ID == told.ID })
	seen.Wait("the document", func(m mqtttest.Message) bool { return strings.HasPrefix(m.Topic, "homeassistant/device/vigil_door") })
	h.over(second)
	h.say(second)
	seen.WaitFor("vigil/door/stranger", "OFF")
}

// TestWill: the broker itself says that we are away, and we that we are back.
func TestWill(t *testing.T) {
	broker := mqtttest.New(t)
	broker.Start()
	proxy, err := faultproxy.Listen(t.Context(), broker.Address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- proxy.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	cfg := good()
	cfg.URL = "mqtt://" + proxy.Addr()
	h := newHouse(t, frames.CameraState{Camera: "door"})
	defer h.begin(cfg)()
	seen := broker.Listen()
	seen.WaitFor("vigil/status", "online")
	proxy.Reset()
	seen.WaitFor("vigil/status", "offline")
	seen.WaitFor("vigil/status", "online")
}

func TestWrongPassword(t *testing.T) {
	broker := mqtttest.New(t, "allow_anonymous false")
	broker.Start()
	cfg := good()
	cfg.URL = "mqtt://" + broker.Address
	if err := Probe(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "mqtt.username") {
		t.Errorf("probe: got %v", err)
	}
	h := newHouse(t)
	h.begin(cfg)
	h.say(h.visit("1"))
	for err := <-h.events.failed; !strings.Contains(err.Error(), "refused with reason code 0x87"); err = <-h.events.failed {
		if !errors.Is(err, errAway) {
			t.Fatalf("got %v", err)
		}
	}
}
