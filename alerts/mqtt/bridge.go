package mqtt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	"vigil/frames"
)

const (
	// lookEvery is how often the house is compared with what the broker was told of it.
	lookEvery = 2 * time.Second
	// answerTime bounds one message, from the wait for the connection to the broker's acknowledgement.
	answerTime = 10 * time.Second
)

// errAway says that the broker is not there. It is normal: what it should get waits.
var errAway = errors.New("the broker is away")

// Bridge takes events and the state of the house to a broker. One runs at a time.
type Bridge struct {
	Config  Config
	Events  alerts.Feed[alerts.Notice]                              // what waits for the broker, in order
	Cameras func(ctx context.Context) ([]frames.CameraState, error) // those that there are; others are forgotten
	Visits  Visits
	Links   alerts.Links
	Log     *slog.Logger

	patience time.Duration // in place of answerTime
	presence *presence
	mirror   *mirror
}

// broker is what a Bridge needs of the connection.
type broker interface {
	// publish returns when the broker has acknowledged the message, or an error that wraps errAway.
	publish(ctx context.Context, m message) error
}

// message is one message for the broker. An empty retained one makes it forget the topic.
type message struct {
	topic   string
	payload []byte
	retain  bool
	id      string // of the event
}

// Run works until ctx ends.
func (b *Bridge) Run(ctx context.Context) error {
	b.presence = &presence{visits: b.Visits, links: b.Links}
	b.mirror = &mirror{poke: make(chan struct{}, 1)}
	conn, err := dial(ctx, b.Config, cmp.Or(b.patience, answerTime), b.Log, b.heard, b.fresh)
	if err != nil {
		return err
	}
	defer conn.close(context.WithoutCancel(ctx))
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return b.Events.Consume(ctx, func(ctx context.Context, n alerts.Notice) error { return b.tell(ctx, conn, n) })
	})
	group.Go(func() error { return b.reflect(ctx, conn) })
	return group.Wait()
}

// tell publishes an event.
func (b *Bridge) tell(ctx context.Context, to broker, n alerts.Notice) error {
	topic := b.names().of(n.Camera, leafEvent)
	if err := to.publish(ctx, message{topic: topic, payload: n.Body, id: n.ID}); err != nil {
		return err
	}
	e, err := n.Event()
	if err != nil {
		return err
	}
	if id := e.Data.Alert.ID; id != "" && n.Type != alerts.Test {
		if err := b.presence.changed(ctx, id); err != nil {
			b.Log.Warn("retained topics come later", "error", err) // the event is told; the next look reads anew
		}
	}
	b.mirror.wake()
	return nil
}

// reflect keeps the retained topics as the house is.
func (b *Bridge) reflect(ctx context.Context, to broker) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	failed := ""
	for {
		switch err := b.look(ctx, to); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failed = ""
		case errors.Is(err, errAway): // the connection says so itself
		case err.Error() != failed:
			failed = err.Error()
			b.Log.Warn("retained topics wait", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-b.mirror.poke:
		}
	}
}

// look publishes what differs from what the broker was told.
func (b *Bridge) look(ctx context.Context, to broker) error {
	if !b.mirror.connected() {
		return nil
	}
	if err := b.presence.load(ctx); err != nil {
		return err
	}
	cameras, err := b.Cameras(ctx)
	if err != nil {
		return fmt.Errorf("read the cameras' states: %w", err)
	}
	n := b.names()
	want := map[string]string{n.status(): "online"}
	for _, s := range cameras {
		maps.Copy(want, b.presence.topics(n, s))
		if n.discovery == "" {
			continue
		}
		if want[n.config(s.Camera)], err = n.document(s.Camera, b.Config.Version); err != nil {
			return err
		}
	}
	for _, m := range b.mirror.missing(n, want) {
		if err := to.publish(ctx, m); err != nil {
			return err
		}
		b.mirror.note(m)
	}
	return nil
}

func (b *Bridge) names() names { return names{prefix: b.Config.Prefix, discovery: b.Config.Discovery} }

// fresh is called when a connection begins: the broker may have forgotten everything.
func (b *Bridge) fresh() {
	b.presence.reload()
	b.mirror.reset(true)
}

// heard is called for every message that the broker sends: retained documents of cameras, and Home Assistant's birth.
func (b *Bridge) heard(topic string, payload []byte) {
	n := b.names()
	if topic == n.birth() {
		if string(payload) == "online" {
			b.Log.Info("Home Assistant has started: it is told everything")
			b.presence.reload()
			b.mirror.reset(false)
		}
		return
	}
	if camera, ok := n.configured(topic); ok && len(payload) > 0 {
		b.mirror.remember(camera)
	}
}

// mirror is what the broker was told on this connection.
type mirror struct {
	poke chan struct{}

	mu   sync.Mutex
	up   bool
	told map[string]string
	old  map[frames.CameraID]bool // cameras whose documents the broker keeps
}

func (m *mirror) wake() {
	select {
	case m.poke <- struct{}{}:
	default:
	}
}

func (m *mirror) reset(connection bool) {
	m.mu.Lock()
	m.told = map[string]string{}
	if connection {
		m.up, m.old = true, map[frames.CameraID]bool{}
	}
	m.mu.Unlock()
	m.wake()
}

func (m *mirror) connected() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.up
}

func (m *mirror) remember(camera frames.CameraID) {
	m.mu.Lock()
	m.old[camera] = true
	m.mu.Unlock()
	m.wake()
}

func (m *mirror) note(sent message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told[sent.topic] = string(sent.payload)
}

// missing is what has to be said so that the broker holds want, documents last: what they name is then there. Of
// cameras that are no more it forgets everything.
func (m *mirror) missing(n names, want map[string]string) (say []message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	document := func(topic string) int {
		if _, ok := n.configured(topic); ok {
			return 1
		}
		return 0
	}
	all := maps.Clone(want)
	for topic := range m.told {
		if _, ok := want[topic]; !ok {
			all[topic] = ""
		}
	}
	for camera := range m.old {
		if _, ok := want[n.config(camera)]; ok {
			continue
		}
		all[n.config(camera)] = ""
		for _, leaf := range retained {
			all[n.of(camera, leaf)] = ""
		}
	}
	topics := slices.Sorted(maps.Keys(all))
	slices.SortStableFunc(topics, func(a, b string) int { return document(a) - document(b) })
	for _, topic := range topics {
		if told, ok := m.told[topic]; !ok || told != all[topic] {
			say = append(say, message{topic: topic, payload: []byte(all[topic]), retain: true})
		}
	}
	return say
}
