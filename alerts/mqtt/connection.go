package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

const (
	keepAlive = 30 // seconds
	// Waits between attempts to connect.
	firstWait = time.Second
	lastWait  = 15 * time.Second
	// goodbye bounds the end of a connection.
	goodbye = 2 * time.Second
)

// connection is a broker over the network. It connects again by itself.
type connection struct {
	manager  *autopaho.ConnectionManager
	names    names
	patience time.Duration                 // bounds one message, from the wait for the connection to the acknowledgement
	trouble  atomic.Pointer[string]        // why there is no connection
	lost     atomic.Pointer[chan struct{}] // closed when the present connection ends: no answer comes any more
	log      *slog.Logger
	cancel   context.CancelFunc
	ups      chan struct{}
	done     chan struct{}
}

// dial begins to connect. patience bounds one message. heard is called for each message that comes, fresh once for each connection, after it was
// subscribed to what heard wants.
func dial(
	ctx context.Context, cfg Config, patience time.Duration, log *slog.Logger, heard func(topic string, payload []byte), fresh func(),
) (*connection, error) {
	server, err := cfg.server()
	if err != nil {
		return nil, err
	}
	secure, err := cfg.TLS()
	if err != nil {
		return nil, err
	}
	c := &connection{
		names: names{prefix: cfg.Prefix, discovery: cfg.Discovery}, log: log.With("broker", server.Host),
		patience: patience, ups: make(chan struct{}, 1), done: make(chan struct{}),
	}
	c.fail("no answer yet")
	never := make(chan struct{})
	c.lost.Store(&never)
	// It has to outlive ctx by what it says at the end.
	alive, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	c.manager, err = autopaho.NewConnection(alive, autopaho.ClientConfig{
		ServerUrls: []*url.URL{server}, TlsCfg: secure, KeepAlive: keepAlive, CleanStartOnInitialConnection: true,
		ReconnectBackoff: autopaho.NewExponentialBackoff(firstWait/4, lastWait, firstWait, 2), ConnectTimeout: answerTime,
		ConnectUsername: cfg.Username, ConnectPassword: []byte(cfg.Password),
		WillMessage:      &paho.WillMessage{Topic: c.names.status(), Payload: []byte("offline"), QoS: 1, Retain: true},
		OnConnectionUp:   func(*autopaho.ConnectionManager, *paho.Connack) { c.up() },
		OnConnectionDown: func() bool { c.down(); return true },
		OnConnectError:   func(err error) { c.refused(err) },
		ClientConfig: paho.ClientConfig{
			// The one name makes the broker give up what is left of a process that was killed, and its will with it, before
			// this one says that it is there.
			ClientID: c.names.object(), PacketTimeout: answerTime,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				heard(p.Packet.Topic, p.Packet.Payload)
				return true, nil
			}},
		},
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("mqtt %s: %w", server.Host, err)
	}
	go func() {
		defer close(c.done)
		c.welcome(alive, fresh)
	}()
	return c, nil
}

// welcome begins each connection.
func (c *connection) welcome(ctx context.Context, fresh func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.ups:
		}
		fresh()
		if c.names.discovery == "" {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, answerTime)
		_, err := c.manager.Subscribe(asking, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
			{Topic: c.names.birth(), QoS: 1, NoLocal: true},
			{Topic: c.names.discovery + "/device/+/config", QoS: 1, NoLocal: true},
		}})
		cancel()
		if err != nil && ctx.Err() == nil {
			c.log.Warn("subscribe to discovery topics: Home Assistant's start is not noticed, and cameras that are gone stay", "error", err)
		}
	}
}

// publish implements broker.
func (c *connection) publish(ctx context.Context, m message) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	if err := c.manager.AwaitConnection(ctx); err != nil {
		return fmt.Errorf("publish on %s: %w: %s", m.topic, errAway, c.why())
	}
	lost := c.lost.Load()
	go func() {
		select {
		case <-*lost:
			cancel()
		case <-ctx.Done():
		}
	}()
	packet := &paho.Publish{Topic: m.topic, Payload: m.payload, QoS: 1, Retain: m.retain}
	if m.id != "" {
		packet.Properties = &paho.PublishProperties{ContentType: "application/json"}
		packet.Properties.User.Add("id", m.id)
	}
	_, err := c.manager.Publish(ctx, packet)
	if reason := c.trouble.Load(); err != nil && reason != nil {
		return fmt.Errorf("publish on %s: %w: %s", m.topic, errAway, *reason)
	}
	if err != nil {
		return fmt.Errorf("publish on %s: %w", m.topic, err)
	}
	return nil
}

// close says that the program is not there any more and ends the connection.
func (c *connection) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	if c.trouble.Load() == nil {
		_ = c.publish(ctx, message{topic: c.names.status(), payload: []byte("offline"), retain: true}) // else the broker does, by the will
		_ = c.manager.Disconnect(ctx)
	}
	c.cancel()
	<-c.done
	<-c.manager.Done()
}

func (c *connection) up() {
	lost := make(chan struct{})
	c.lost.Store(&lost)
	c.trouble.Store(nil)
	c.log.Info("mqtt broker connected")
	select {
	case c.ups <- struct{}{}:
	default:
	}
}

func (c *connection) down() {
	c.fail("the connection was lost")
	close(*c.lost.Load())
	c.log.Warn("mqtt broker is away: events wait for it")
}

// refused notes why there is no connection, and says it when it is another reason than before.
func (c *connection) refused(err error) {
	text := err.Error()
	if refusal, ok := errors.AsType[*autopaho.ConnackError](err); ok {
		text = fmt.Sprintf("refused with reason code 0x%02X %s", refusal.ReasonCode, reasonOf(refusal.ReasonCode))
	}
	if before := c.trouble.Load(); before == nil || *before != text {
		c.log.Warn("mqtt broker does not take the connection, still trying", "reason", text)
	}
	c.fail(text)
}

// why there is no connection.
func (c *connection) why() string {
	if reason := c.trouble.Load(); reason != nil {
		return *reason
	}
	return "it has come back just now"
}

func (c *connection) fail(reason string) { c.trouble.Store(&reason) }
