package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/mediatest"
	"vigil/internal/natsd"
	"vigil/vision"
)

const (
	// What an alert may take once it is decided.
	decided   = 200                    // alerts
	apart     = 150 * time.Millisecond // from one to the next
	oneCamera = "camera-1"
	// The flood: so many alerts in a minute.
	flood       = 10_000
	floodFor    = time.Minute
	floodDrain  = 3 * time.Minute // for how long the last of them are waited for
	slowAnswer  = 5 * time.Second
	filmedClips = 20
)

// newsroom is a broker with the settings of the embedded one, and a Vigil on it without cameras and vision: what they
// would say is said here, so that time begins at the decision.
type newsroom struct {
	broker *natsd.Server
	conn   *bus.Conn
	site   *site
	store  string // host:port
	dir    string
}

// openNewsroom starts both. roles are Vigil's, yaml is added to its configuration; gap ends visits.
func (l *lab) openNewsroom(ctx context.Context, roles, yaml, gap string) (n *newsroom, err error) {
	n = &newsroom{}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close())
		}
	}()
	if n.dir, err = os.MkdirTemp("", "vigil-bench-"); err != nil {
		return n, err
	}
	if n.broker, err = natsd.Start(ctx, natsd.Config{Dir: n.dir, Listen: "127.0.0.1:0"}); err != nil {
		return n, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return n, err
	}
	n.store = "127.0.0.1:" + strconv.Itoa(port)
	served := fmt.Sprintf("s3: { listen: %q, access_key: bench, secret_key: bench-secret }\n", n.store)
	site, err := l.open(ctx, settings{yaml: n.nats() + served + yaml, gap: gap, args: []string{"--roles", roles}, path: "/healthz"})
	if err != nil {
		return n, err
	}
	n.site = site
	n.conn, err = bus.Connect(ctx, n.broker.URL(), bus.Options{})
	return n, err
}

func (n *newsroom) nats() string { return fmt.Sprintf("nats: { url: %q }\n", n.broker.URL()) }

// shared is how another process finds the bus and the store.
func (n *newsroom) shared() string {
	return n.nats() + fmt.Sprintf("s3: { endpoint: %q, access_key: bench, secret_key: bench-secret }\n", "http://"+n.store)
}

func (n *newsroom) close() error {
	var errs []error
	if n.conn != nil {
		n.conn.Close()
	}
	if n.site != nil {
		errs = append(errs, n.site.close())
	}
	if n.broker != nil {
		n.broker.Close()
	}
	return errors.Join(append(errs, os.RemoveAll(n.dir))...)
}

// stranger is what vision says when it has decided that it does not know somebody.
func stranger(n int, at time.Time) vision.Sighting {
	return vision.Sighting{
		Camera: oneCamera, Track: fmt.Sprintf("%s/bench/%d-%d", oneCamera, at.UnixMilli(), n), Stage: "decided", Stranger: fmt.Sprintf("s-%06d", n),
		Start: at, Seen: at, Ended: true, Decision: vision.Decision{Outcome: vision.Unknown},
	}
}

// press is a receiver at work.
type press struct {
	*mediatest.Receiver
	secret string
	stop   func() error
}

func openPress(ctx context.Context) (*press, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	p := &press{secret: "whsec_" + base64.StdEncoding.EncodeToString(key)}
	receiver, err := mediatest.NewReceiver(p.secret) //nolint:contextcheck // it only listens; its Run has a ctx
	if err != nil {
		return nil, err
	}
	p.Receiver = receiver
	receiving, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- receiver.Run(receiving) }()
	p.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	return p, nil
}

// first is when each event of the type came first, by alert.
func (p *press) first(t alerts.EventType) map[string]mediatest.Delivery {
	all := map[string]mediatest.Delivery{}
	for _, d := range p.Deliveries() {
		id := d.Event.Data.Alert.ID
		if _, seen := all[id]; d.Event.Type == t && !seen {
			all[id] = d
		}
	}
	return all
}

// until waits for n alerts of the type, or the end of patience.
func (p *press) until(ctx context.Context, t alerts.EventType, n int, patience time.Duration) error {
	for end := time.Now().Add(patience); len(p.first(t)) < n && time.Now().Before(end); {
		if err := rest(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// alerting measures what happens after a decision.
func (l *lab) alerting(ctx context.Context) error {
	for _, measure := range []func(context.Context) error{l.decision, l.clip} {
		if err := measure(ctx); err != nil {
			return err
		}
	}
	return nil
}

const afterDecision = "From a decision to the receiver"

// decision measures one alert at a time.
func (l *lab) decision(ctx context.Context) (err error) {
	p, err := openPress(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	n, err := l.openNewsroom(ctx, "alerts,console", endpointYAML("bench", p.URL(), p.secret), shortVisits)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	said, sightings := map[string]time.Time{}, alertsjs.Sightings(n.conn)
	for i := range decided {
		s := stranger(i, time.Now())
		said[alerts.AlertID(s)] = time.Now()
		if err := sightings.Publish(ctx, s); err != nil {
			return err
		}
		if err := rest(ctx, apart); err != nil {
			return err
		}
	}
	if err := p.until(ctx, alerts.Opened, decided, 30*time.Second); err != nil {
		return err
	}
	var took []float64
	for id, d := range p.first(alerts.Opened) {
		took = append(took, 1000*d.Received.Sub(said[id]).Seconds())
	}
	if len(took) == 0 {
		return errors.New("no alert was raised")
	}
	const what = "a stranger decided → alert.opened received, "
	l.add(figure(afterDecision, what+"p50", "ms", atMost(50), took...))
	worst := figure(afterDecision, what+"p99", "ms", atMost(500), percentile(took, 99))
	worst.Note = fmt.Sprintf("%d of %d arrived; the bus syncs each message", len(took), decided)
	l.add(worst)
	return nil
}

func endpointYAML(id, url, secret string) string {
	return fmt.Sprintf("endpoints: [ { id: %s, url: %q, secret: %q, allow_private: true } ]\n", id, url, secret)
}

// clip measures how long after the last moment that it shows a clip is told of, and what the cutting costs.
func (l *lab) clip(ctx context.Context) (err error) {
	video, err := l.studio.shoot(ctx, personFilm, l.length)
	if err != nil {
		return err
	}
	p, err := openPress(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	n, err := l.openNewsroom(ctx, "alerts,console,ingest", endpointYAML("bench", p.URL(), p.secret), shortVisits)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	cutter, err := l.open(ctx, settings{yaml: n.shared(), args: []string{"--roles", "clips"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cutter.close()) }()
	if err := n.site.publish(ctx, video); err != nil {
		return err
	}
	if err := rest(ctx, 2*settle); err != nil { // a pre-roll is recorded
		return err
	}
	before, err := used(cutter.vigil.Process.Pid)
	if err != nil {
		return err
	}
	sightings := alertsjs.Sightings(n.conn)
	for i := range filmedClips {
		if err := sightings.Publish(ctx, stranger(i, time.Now())); err != nil {
			return err
		}
		if err := rest(ctx, 1500*time.Millisecond); err != nil {
			return err
		}
	}
	if err := p.until(ctx, alerts.ClipReady, filmedClips, 30*time.Second); err != nil {
		return err
	}
	after, err := used(cutter.vigil.Process.Pid)
	if err != nil {
		return err
	}
	return l.reportClips(p.first(alerts.ClipReady), after.cpu-before.cpu)
}

func (l *lab) reportClips(ready map[string]mediatest.Delivery, cpu float64) error {
	var took, seconds []float64
	for _, d := range ready {
		c := d.Event.Data.Clip
		took = append(took, d.Received.Sub(d.Event.Data.Alert.OpenedAt.Add(5*time.Second)).Seconds())
		seconds = append(seconds, c.End.Sub(c.Start.Time).Seconds())
	}
	if len(took) == 0 {
		return errors.New("no clip was made")
	}
	const what = "1080p25 at 4 Mbit/s, end of the post-roll → alert.clip_ready received, "
	l.add(figure(afterDecision, what+"p50", "s", nil, took...))
	worst := figure(afterDecision, what+"p95", "s", atMost(2), percentile(took, 95))
	worst.Note = fmt.Sprintf("%d of %d clips of %s s", len(took), filmedClips, number(percentile(seconds, 50)))
	cost := figure(afterDecision, "cutting and storing: CPU each, over the clip's length", "%", atMost(5), 100*cpu/float64(len(took))/percentile(seconds, 50))
	cost.Note = number(cpu/float64(len(took))) + " s each, the idle role included"
	l.add(worst, cost)
	return nil
}

// flood measures what 10,000 alerts in a minute do to five receivers, of which one is away and one slow.
func (l *lab) flood(ctx context.Context) (err error) {
	var healthy []*press
	var yaml strings.Builder
	yaml.WriteString("endpoints:\n")
	add := func(id, url, secret string) {
		fmt.Fprintf(&yaml, "  - { id: %s, url: %q, secret: %q, allow_private: true }\n", id, url, secret)
	}
	for i := range 3 {
		p, err := openPress(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.stop()) }()
		healthy = append(healthy, p)
		add("healthy-"+strconv.Itoa(i+1), p.URL(), p.secret)
	}
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = rest(r.Context(), slowAnswer)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer slow.Close()
	add("slow", slow.URL, healthy[0].secret)
	dead, err := freePort(ctx)
	if err != nil {
		return err
	}
	add("dead", fmt.Sprintf("http://127.0.0.1:%d/", dead), healthy[0].secret)
	n, err := l.openNewsroom(ctx, "alerts,console", yaml.String(), "10m") // nobody leaves meanwhile
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	said, took, err := n.pour(ctx)
	if err != nil {
		return err
	}
	return l.reportFlood(ctx, healthy, said, took)
}

// pour says that many decisions in a minute, or as fast as the bus takes them, and returns when each was said.
func (n *newsroom) pour(ctx context.Context) (said map[string]time.Time, took time.Duration, err error) {
	var mu sync.Mutex
	said = map[string]time.Time{}
	sightings := alertsjs.Sightings(n.conn)
	begun := time.Now()
	group, saying := errgroup.WithContext(ctx)
	group.SetLimit(32)
	for i := range flood {
		due := begun.Add(time.Duration(i) * floodFor / flood)
		if err := rest(saying, time.Until(due)); err != nil {
			break // whoever failed, or ctx, says why
		}
		group.Go(func() error {
			s := stranger(i, time.Now())
			s.Camera = frames.CameraID("camera-" + strconv.Itoa(1+i%16))
			mu.Lock()
			said[alerts.AlertID(s)] = time.Now()
			mu.Unlock()
			return sightings.Publish(saying, s)
		})
	}
	return said, time.Since(begun), errors.Join(group.Wait(), ctx.Err())
}

func (l *lab) reportFlood(ctx context.Context, healthy []*press, said map[string]time.Time, took time.Duration) error {
	var waits []float64
	arrived, end := 0, time.Now().Add(floodDrain)
	for _, p := range healthy {
		if err := p.until(ctx, alerts.Opened, len(said), time.Until(end)); err != nil {
			return err
		}
	}
	for _, p := range healthy {
		got := p.first(alerts.Opened)
		arrived += len(got)
		for id, at := range said {
			came := time.Now() // what has not come takes this long at least
			if d, ok := got[id]; ok {
				came = d.Received
			}
			waits = append(waits, came.Sub(at).Seconds())
		}
	}
	if arrived == 0 {
		return errors.New("no alert arrived")
	}
	const what = "10,000 alerts in a minute to five receivers, one away and one slow: the healthy ones' "
	l.add(figure(afterDecision, what+"p50", "s", nil, waits...))
	worst := figure(afterDecision, what+"p99", "s", atMost(5), percentile(waits, 99))
	worst.Note = fmt.Sprintf("%d of %d arrived; said in %s", arrived, len(healthy)*len(said), took.Round(time.Second))
	l.add(worst)
	return nil
}
