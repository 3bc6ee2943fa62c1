package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	"vigil/alerts/alertstest"
	"vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/vision"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a NATS server over dir; stop may be called before the test ends.
func serve(t *testing.T, dir string) (c *bus.Conn, stop func()) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	server, err := natsd.Start(t.Context(), natsd.Config{Dir: dir, Log: log, MaxStore: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := server.Connect()
	if err != nil {
		t.Fatal(err)
	}
	if c, err = bus.New(nc); err != nil {
		t.Fatal(err)
	}
	c.Log = log
	if err := c.Declare(t.Context(), bus.Limits{Store: server.MaxStore()}); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		nc.Close()
		server.Close()
	}
	t.Cleanup(stop)
	return c, stop
}

// run starts the alerts role: a desk and a sender to url, at once ended by stop.
func run(t *testing.T, c *bus.Conn, url string) (stop func()) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	desk := &alerts.Desk{
		Evaluator: alerts.Evaluator{
			Rules: []alerts.Rule{alerts.Strangers()}, VisitGap: time.Second, PreRoll: 5 * time.Second, PostRoll: 5 * time.Second,
			Links: alertstest.Links{},
		},
		Endpoints: []string{"home"}, Now: time.Now, Log: log,
	}
	if err := jetstream.Connect(t.Context(), c, desk); err != nil {
		t.Fatal(err)
	}
	ledger, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := webhook.Endpoint{ID: "home", URL: url, Secret: secret, AllowPrivate: true}
	sender, err := webhook.New(endpoint, ledger, log)
	if err != nil {
		t.Fatal(err)
	}
	sender.Random = func() float64 { return 0 }
	sender.First = func(d webhook.Delivery, at time.Time) {
		if took := at.Sub(d.Decided); d.Type == alerts.Opened && (took < 0 || took > time.Minute) {
			t.Errorf("%s: attempted %s after the decision", d.ID, took)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var g errgroup.Group
	g.Go(func() error { return desk.Run(ctx) })
	g.Go(func() error { return jetstream.Deliver(ctx, c, sender) })
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := g.Wait(); err != nil {
			t.Error(err)
		}
		sender.Close()
	}
	t.Cleanup(stop)
	return stop
}

// receiver answers what status says and tells of every request that the reference library takes for ours.
func receiver(t *testing.T, status *atomic.Int32) (url string, events chan alerts.Event) {
	t.Helper()
	wh, err := reference.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	events = make(chan alerts.Event, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if err := wh.Verify(body, r.Header); err != nil {
			t.Errorf("the reference library says: %v", err)
		}
		var e alerts.Event
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		if id := r.Header.Get("webhook-id"); id != e.ID() {
			t.Errorf("webhook-id: got %s, want %s", id, e.ID())
		}
		w.WriteHeader(int(status.Load()))
		events <- e
	}))
	t.Cleanup(server.Close)
	return server.URL, events
}

func next(t *testing.T, events <-chan alerts.Event) alerts.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	select {
	case e := <-events:
		return e
	case <-ctx.Done():
		t.Fatal("no event")
		return alerts.Event{}
	}
}

func sighting(start time.Time) vision.Sighting {
	return vision.Sighting{
		Camera: "door", Track: "door/e1/90000-0", Stage: "decided", Stranger: "s-7f3a", Start: start, Seen: start,
		Decision: vision.Decision{Outcome: vision.Unknown, Nearest: "Resident", Score: 0.19, Reason: "nobody enrolled"},
		Shot:     &vision.Shot{Key: "shots/door/1.jpg", Time: start},
	}
}

func TestStore(t *testing.T) {
	alertstest.TestStore(t, func(t *testing.T) alerts.Store {
		c, _ := serve(t, t.TempDir())
		s, err := jetstream.OpenStore(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestLedger(t *testing.T) {
	c, _ := serve(t, t.TempDir())
	l, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Get(t.Context(), "home_x"); !errors.Is(err, webhook.ErrNoRecord) {
		t.Errorf("got %v, want ErrNoRecord", err)
	}
	want := webhook.Record{Attempts: 3, Next: time.Now().UTC().Round(0), Status: 500, Reason: "answered 500"}
	for range 2 {
		if err := l.Put(t.Context(), "home_x", want); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := l.Get(t.Context(), "home_x"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestFromSightingToWebhook(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, t.TempDir())
	var status atomic.Int32
	status.Store(http.StatusOK)
	url, events := receiver(t, &status)
	run(t, c, url)
	start := time.Now().Truncate(time.Millisecond).UTC()
	first := sighting(start)
	if err := jetstream.Sightings(c).Publish(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	opened := next(t, events)
	if opened.Type != alerts.Opened || opened.Data.Alert.ID != alerts.AlertID(first) || !opened.Data.Alert.OpenedAt.Equal(start) {
		t.Errorf("got %+v", opened)
	}
	last := first
	last.Stage, last.Ended = "ended", true
	if err := jetstream.Sightings(c).Publish(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	film(t, c)
	ready, closed := next(t, events), next(t, events)
	if closed.Type == alerts.ClipReady { // the order is not promised
		ready, closed = closed, ready
	}
	if ready.Type != alerts.ClipReady || ready.Data.Clip == nil || !strings.HasSuffix(ready.Data.Clip.URL, "/clip.mp4") {
		t.Errorf("got %+v", ready)
	}
	if closed.Type != alerts.Closed || closed.Data.Alert.ClosedAt == nil {
		t.Errorf("got %+v", closed)
	}
	seen := 0
	for e, err := range jetstream.Events(c).Tail(t.Context(), bus.TailOptions{Filter: "vigil.events.alert.*.door"}) {
		if err != nil || e.Data.Alert.ID != alerts.AlertID(first) {
			t.Errorf("got %+v, %v", e, err)
		}
		seen++
	}
	if seen != 3 {
		t.Errorf("got %d events on the bus, want 3", seen)
	}
}

// TestCorrectionReachesTheEndpoint: also after everything was started again between an alert and its correction.
func TestCorrectionReachesTheEndpoint(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, stopServer := serve(t, dir)
	var status atomic.Int32
	status.Store(http.StatusOK)
	url, events := receiver(t, &status)
	stop := run(t, c, url)
	first := sighting(time.Now().Truncate(time.Millisecond).UTC())
	if err := jetstream.Sightings(c).Publish(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	opened := next(t, events)
	stop()
	stopServer()

	c, _ = serve(t, dir)
	run(t, c, url)
	known := first
	known.Stage, known.Stranger, known.Seen = "revised-1", "", first.Seen.Add(time.Second)
	known.Decision = vision.Decision{Outcome: vision.Known, Person: "Resident", Score: 0.7}
	if err := jetstream.Sightings(c).Publish(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	corrected := next(t, events)
	// The gap is short, and a delivery whose end was not noted before the stop comes again.
	for corrected.Type == alerts.Closed || corrected.ID() == opened.ID() {
		corrected = next(t, events)
	}
	a := corrected.Data.Alert
	if corrected.Type != alerts.Corrected || a.ID != opened.Data.Alert.ID || a.Decision != vision.Known ||
		a.Nearest == nil || a.Nearest.Person != "Resident" || a.CorrectedAt == nil || !a.CorrectedAt.Equal(known.Seen) {
		t.Errorf("got %+v", corrected)
	}
	for e, err := range jetstream.Events(c).Tail(t.Context(), bus.TailOptions{Filter: "vigil.events.alert.corrected.door"}) {
		if err != nil || e.ID() != corrected.ID() {
			t.Errorf("on the bus: got %+v, %v", e, err)
		}
	}
}

// film answers the next clip job.
func film(t *testing.T, c *bus.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	consumer := bus.Consumer{Durable: "clips", Filter: "vigil.clips.job.*"}
	err := jetstream.ClipJobs(c).Consume(ctx, consumer, func(ctx context.Context, j alerts.ClipJob, _ bus.Meta) error {
		defer cancel()
		return jetstream.ClipDones(c).Publish(ctx, alerts.ClipDone{Alert: j.Alert, Camera: j.Camera, Clip: &alerts.Clip{
			Key: "clip.mp4", Start: alerts.Time{Time: j.Start}, End: alerts.Time{Time: j.End}, Codec: "h264",
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestReceiverDownAndRestart: the first attempt fails, then everything is started again, and the second one comes when
// it is due, once, with the same id.
func TestReceiverDownAndRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, stopServer := serve(t, dir)
	var status atomic.Int32
	status.Store(http.StatusServiceUnavailable)
	url, events := receiver(t, &status)
	stop := run(t, c, url)
	if err := jetstream.Sightings(c).Publish(t.Context(), sighting(time.Now())); err != nil {
		t.Fatal(err)
	}
	failed := next(t, events)
	at := time.Now()
	ledger, err := jetstream.OpenLedger(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		r, err := ledger.Get(t.Context(), webhook.Delivery{ID: failed.ID(), Endpoint: "home"}.Key())
		return err == nil && r.Attempts == 1
	})
	stop()
	stopServer()

	status.Store(http.StatusOK)
	c, _ = serve(t, dir)
	run(t, c, url)
	for { // the visit's end comes meanwhile
		e := next(t, events)
		if e.Type == alerts.Closed {
			continue
		}
		if e.ID() != failed.ID() {
			t.Errorf("got %s, want %s", e.ID(), failed.ID())
		}
		break
	}
	if waited := time.Since(at); waited < 3500*time.Millisecond {
		t.Errorf("the second attempt came after %s, want 4s", waited)
	}
}

// until waits for a condition that something else brings about.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it never came")
		}
	}
}

func TestGoneEndsInTheDeadLetterQueue(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, t.TempDir())
	var status atomic.Int32
	status.Store(http.StatusGone)
	url, events := receiver(t, &status)
	run(t, c, url)
	if err := jetstream.Sightings(c).Publish(t.Context(), sighting(time.Now())); err != nil {
		t.Fatal(err)
	}
	next(t, events)
	dlq, err := c.JetStream().Stream(t.Context(), bus.DLQ)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		m, err := dlq.GetLastMsgForSubject(t.Context(), "vigil.dlq.OUTBOX.webhook-home")
		return err == nil && strings.Contains(m.Header.Get(bus.HeaderReason), "410")
	})
}
