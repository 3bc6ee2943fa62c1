package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
)

// TestRulesAreReloaded starts with a rule that nobody meets, changes the file while the camera publishes, and expects the
// alert of the rule that is new, of the half of the picture that it names, on the stream that was never broken.
func TestRulesAreReloaded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	never := "\nrules: [ { name: quiet, who: [undecided], schedule: [ { from: '00:00', to: '00:01' } ], time_zone: UTC } ]\n"
	write(s.config() + never)
	vigil := spawn(t, "vigil", build(t).vigil, "serve", "--json", "--config", file)
	g := vigil.greeted(t)
	ready(t, g.Console)
	admin := http.Header{"Authorization": {"Bearer " + g.AdminToken}}
	rules := func(want string) {
		t.Helper()
		eventually(t, 20*time.Second, "the rules are "+want, func() error {
			status, _, body, err := get(t.Context(), g.Console+"/api/v1/rules", admin)
			if err == nil && (status != http.StatusOK || !strings.Contains(string(body), want)) {
				err = fmt.Errorf("%d %s", status, body)
			}
			return err
		})
	}
	rules(`"name":"quiet"`)
	walk := clip(t, "walk")
	s.play(t, walk)

	// A mistake is told of, and changes nothing.
	write(s.config() + "\nrules: [ { name: night, zones: [nowhere] } ]\n")
	eventually(t, 20*time.Second, "/readyz tells of the mistake", func() error {
		status, _, body, err := get(t.Context(), g.Console+"/readyz", nil)
		if err == nil && (status != http.StatusOK || !strings.Contains(string(body), "was refused")) {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	rules(`"name":"quiet"`)

	zone := "zones: [ { name: all, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] } ]"
	zoned := strings.Replace(s.config(), "publish_token: ", zone+", publish_token: ", 1)
	zoned = strings.Replace(zoned, "cameras: [ ", `cameras: [ { id: yard, publish_token: "yard-token" }, `, 1)
	write(zoned + "\nrules: [ { name: zoned, cameras: [" + camera + "], zones: [all], endpoints: [home] } ]\n")
	rules(`"name":"zoned"`)
	opened := s.wait(t, alerts.Opened, 60*time.Second)
	if got := opened.Data.Alert; got.Rule != "zoned" || got.Camera != camera {
		t.Errorf("got alert %+v, want one of the rule zoned", got)
	}
	made := s.wait(t, alerts.ClipReady, 30*time.Second)
	fetch(t, made.Data.Clip).unbroken(t, walk)
	s.wait(t, alerts.Closed, 30*time.Second)
	s.once(t, alerts.Opened, alerts.ClipReady, alerts.Closed)
	s.shaped(t)
	status, _, body, err := get(t.Context(), g.Console+"/metrics", admin)
	if err != nil || status != http.StatusOK {
		t.Fatalf("metrics: %d, %v", status, err)
	}
	for _, want := range []string{
		`vigil_config_reloads_total{result="taken",role="alerts"} 1`, `vigil_config_reloads_total{result="refused",role="alerts"} 1`,
		`vigil_config_last_reload_successful{role="alerts"} 1`, `vigil_rule_active{rule="zoned"} 1`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}
