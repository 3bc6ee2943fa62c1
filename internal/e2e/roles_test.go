package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/mediatest"
)

// apart is a site with every role in a process of its own. They share a NATS server and the S3 API of the clips
// process, and nothing else: each has a folder of its own.
type apart struct {
	*site
	configs   map[string]string // by role
	processes map[string]*process
}

func newApart(t *testing.T, visits string) *apart {
	t.Helper()
	a := &apart{site: newSite(t), configs: map[string]string{}, processes: map[string]*process{}}
	a.alerts = visits
	bus, store := reserve(t), reserve(t)
	spawn(t, "nats", build(t).nats, "-js", "-sd", t.TempDir(), "-a", "127.0.0.1", "-p", fmt.Sprint(bus.number))
	eventually(t, startTime, "nats-server listens", func() error {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", bus.String())
		if err == nil {
			err = c.Close()
		}
		return err
	})
	const keys = `access_key: e2e, secret_key: "not-a-secret-at-all"`
	client := fmt.Sprintf("s3: { endpoint: \"http://%s\", %s }\n", store, keys)
	for role, more := range map[string]string{
		"ingest":  "",
		"vision":  client,
		"alerts":  "",
		"clips":   fmt.Sprintf("s3: { listen: %q, %s }\n", store, keys),
		"console": client,
	} {
		config := a.config() + fmt.Sprintf("nats: { url: \"nats://%s\" }\n", bus) + more
		config = strings.Replace(config, a.data, a.dir(role), 1)
		switch role {
		case "alerts": // makes links to the console, which is in another process
			config = strings.Replace(config, "http: {", fmt.Sprintf("http: { public_url: \"http://%s\",", a.http), 1)
		case "ingest": // has a listener for WHIP
			config = strings.Replace(config, a.http.String(), "127.0.0.1:0", 1)
		}
		a.configs[role] = config
	}
	return a
}

func (a *apart) dir(role string) string { return filepath.Join(a.data, role) }

// startAll starts all roles at once, in no order.
func (a *apart) startAll(t *testing.T) {
	t.Helper()
	for role, config := range a.configs {
		a.processes[role] = launch(t, config, role)
	}
	for _, p := range a.processes {
		if g := p.greeted(t); g.Console != "" {
			ready(t, g.Console)
		}
	}
}

// TestRolesApart is the whole job in five processes.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	a := newApart(t, "visit_gap: 3s")
	a.startAll(t)
	walk := clip(t, "walk")
	a.play(t, walk)
	a.strangerOnly(t, walk, a.dir("clips"))
}

// TestKillRoles kills all five of them, with the stranger in view, and starts them again.
func TestKillRoles(t *testing.T) {
	t.Parallel()
	a := newApart(t, "visit_gap: 12s") // a busy machine takes half of that to start five processes
	a.startAll(t)
	solo := clip(t, "solo")
	inView := make(chan struct{})
	r := &reel{film: solo, alarm: (mediatest.Solo().Passes[0].Enter + mediatest.Solo().Passes[0].Leave) / 2, reached: inView}
	gone := a.show(t, r)
	<-inView
	for _, p := range a.processes {
		p.kill(t)
	}
	if err := <-gone; err == nil {
		t.Fatal("the camera noticed nothing")
	}
	a.startAll(t)
	a.show(t, r)
	a.onceAfterAll(t, solo)
}
