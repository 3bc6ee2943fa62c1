package e2e

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestRolesApart runs every role as a process of its own. They share a NATS server and the S3 API of the clips
// process, and nothing else: each has a folder of its own. They are started all at once, in no order.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bus, store := reserve(t), reserve(t)
	spawn(t, "nats", build(t).nats, "-js", "-sd", t.TempDir(), "-a", "127.0.0.1", "-p", fmt.Sprint(bus.number))
	eventually(t, startTime, "nats-server listens", func() error {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", bus.String())
		if err == nil {
			err = c.Close()
		}
		return err
	})
	common := s.config() + fmt.Sprintf("nats: { url: \"nats://%s\" }\n", bus)
	keys := `access_key: e2e, secret_key: "not-a-secret-at-all"`
	client := fmt.Sprintf("s3: { endpoint: \"http://%s\", %s }\n", store, keys)
	processes := map[string]*process{}
	for role, more := range map[string]string{
		"ingest":  "",
		"vision":  client,
		"alerts":  "",
		"clips":   fmt.Sprintf("s3: { listen: %q, %s }\n", store, keys),
		"console": client,
	} {
		config := strings.Replace(common+more, s.data, filepath.Join(s.data, role), 1)
		switch role {
		case "alerts": // makes links to the console, which ingest's listener is not
			config = strings.Replace(config, "http: {", fmt.Sprintf("http: { public_url: \"http://%s\",", s.http), 1)
		case "ingest":
			config = strings.Replace(config, s.http.String(), "127.0.0.1:0", 1)
		}
		processes[role] = launch(t, config, role)
	}
	for role, p := range processes {
		g := p.greeted(t)
		if role == "console" {
			ready(t, g.Console)
		}
	}
	walk := clip(t, "walk")
	s.play(t, walk)
	s.strangerOnly(t, walk, filepath.Join(s.data, "clips"))
	for _, p := range processes {
		p.stop(t)
	}
}
