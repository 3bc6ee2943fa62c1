//go:build !nocv

package app

import (
	"net/http"
	"strings"
	"testing"

	"vigil/internal/config"
)

// TestWHIPIsServed looks at what the wiring adds to the endpoint: its other address, tokens of the configuration, and
// the bound of headers.
func TestWHIPIsServed(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	cfg.Cameras = []config.Camera{{ID: "porch", PublishToken: "right"}, {ID: "door", URL: "rtsp://127.0.0.1:1/x"}}
	a, end := begin(t, cfg)
	defer end()
	base := strings.TrimSuffix(a.Addresses().WHIP, "/whip")
	for _, c := range []struct {
		name, method, path, token string
		status                    int
	}{
		{"get", "GET", "/whip/porch", "", 204},
		{"get by the other address", "GET", "/porch/whip", "", 204},
		{"no token", "POST", "/porch/whip", "", 401},
		{"a wrong token", "POST", "/whip/porch", "wrong", 401},
		{"the token, and no SDP", "POST", "/porch/whip", "right", 400},
		{"a camera that is pulled", "POST", "/whip/door", "", 401},
		{"a camera that is not configured", "POST", "/whip/attic", "right", 404},
		{"100 KiB of headers", "POST", "/whip/porch", strings.Repeat("x", 100<<10), 431},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader("junk"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/sdp")
		r.Header.Set("Authorization", "Bearer "+c.token)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != c.status {
			t.Errorf("%s: got %d, %v, want %d", c.name, resp.StatusCode, err, c.status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
