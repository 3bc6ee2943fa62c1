// Package mqtttest runs Mosquitto, as Debian has it, for tests, and listens to what it is told. It imports nothing of ours.
package mqtttest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/paho"
)

// Mosquitto is a broker that keeps nothing over its end.
type Mosquitto struct {
	Address string // 127.0.0.1:port, the same at every Start
	// Lines are added to its configuration, which is otherwise a listener that lets everybody in.
	Lines []string

	t    testing.TB
	path string
	stop func()
}

// New returns a broker that does not run yet, or skips the test where Mosquitto is missing.
func New(t testing.TB, lines ...string) *Mosquitto {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not in the path of users
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("no mosquitto: `make test-deps` installs it")
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return &Mosquitto{Address: l.Addr().String(), Lines: lines, t: t, path: path}
}

// Start runs the broker until Stop, or the test's end.
func (m *Mosquitto) Start() {
	m.t.Helper()
	host, port, _ := net.SplitHostPort(m.Address)
	text := append([]string{"listener " + port + " " + host, "persistence false"}, m.Lines...)
	if len(m.Lines) == 0 {
		text = append(text, "allow_anonymous true")
	}
	file := filepath.Join(m.t.TempDir(), "mosquitto.conf")
	if err := os.WriteFile(file, []byte(strings.Join(text, "\n")+"\n"), 0o600); err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.t.Context()))
	command := exec.CommandContext(ctx, m.path, "-c", file)
	command.Stdout, command.Stderr = m.t.Output(), m.t.Output()
	if err := command.Start(); err != nil {
		cancel()
		m.t.Fatal(err)
	}
	m.stop = sync.OnceFunc(func() {
		cancel()
		_ = command.Wait()
	})
	m.t.Cleanup(m.Stop)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		conn, err := new(net.Dialer).DialContext(m.t.Context(), "tcp", m.Address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(deadline) {
			m.t.Fatalf("mosquitto: %v", err)
		}
	}
}

// Stop kills the broker.
func (m *Mosquitto) Stop() {
	if m.stop != nil {
		m.stop()
	}
}

// Message is one that the broker passed on.
type Message struct {
	Topic, Payload string
	Retained       bool   // it was there before the subscription
	ID             string // user property
}

// Client is somebody else at the broker.
type Client struct {
	Messages <-chan Message

	t      testing.TB
	client *paho.Client
}

// Listen subscribes to everything.
func (m *Mosquitto) Listen() *Client {
	m.t.Helper()
	conn, err := new(net.Dialer).DialContext(m.t.Context(), "tcp", m.Address)
	if err != nil {
		m.t.Fatal(err)
	}
	messages := make(chan Message, 1000)
	client := paho.NewClient(paho.ClientConfig{Conn: conn, OnPublishReceived: []func(paho.PublishReceived) (bool, error){
		func(p paho.PublishReceived) (bool, error) {
			got := Message{Topic: p.Packet.Topic, Payload: string(p.Packet.Payload), Retained: p.Packet.Retain}
			if p.Packet.Properties != nil {
				got.ID = p.Packet.Properties.User.Get("id")
			}
			messages <- got
			return true, nil
		},
	}})
	connect := &paho.Connect{ClientID: fmt.Sprintf("listener-%d", time.Now().UnixNano()), CleanStart: true, KeepAlive: 30}
	if _, err := client.Connect(m.t.Context(), connect); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = client.Disconnect(&paho.Disconnect{}); <-client.Done() })
	all := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "#", QoS: 1}}}
	if _, err := client.Subscribe(m.t.Context(), all); err != nil {
		m.t.Fatal(err)
	}
	return &Client{Messages: messages, t: m.t, client: client}
}

// Publish sends a message as somebody else would.
func (c *Client) Publish(topic, payload string, retain bool) {
	c.t.Helper()
	if _, err := c.client.Publish(c.t.Context(), &paho.Publish{Topic: topic, Payload: []byte(payload), QoS: 1, Retain: retain}); err != nil {
		c.t.Fatal(err)
	}
}

// Wait returns the next message that is as asked, and passes over others.
func (c *Client) Wait(what string, is func(Message) bool) Message {
	c.t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for {
		select {
		case m := <-c.Messages:
			if is(m) {
				return m
			}
		case <-deadline.C:
			c.t.Fatalf("no message: %s", what)
		}
	}
}

// WaitFor waits for that payload on that topic.
func (c *Client) WaitFor(topic, payload string) {
	c.t.Helper()
	c.Wait(topic+" "+payload, func(m Message) bool { return m.Topic == topic && m.Payload == payload })
}
