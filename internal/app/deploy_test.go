//go:build !nocv

package app

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/clips/retention"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/client"
	"vigil/internal/config"
	"vigil/vision"
)

const (
	rulesFile     = "../../deploy/prometheus/vigil.rules.yaml"
	rulesTestFile = "../../deploy/prometheus/vigil.rules.test.yaml"
	dashboardFile = "../../deploy/grafana/vigil.json"
)

var metricName = regexp.MustCompile(`\bvigil_[a-z0-9_]+`)

// named are the metrics that the dashboard and the rules name.
func named(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	for _, file := range []string{rulesFile, dashboardFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before := len(names)
		for _, name := range metricName.FindAllString(string(text), -1) {
			names[name] = true
		}
		if file == rulesFile && len(names) == before {
			t.Fatalf("%s names no metric", file)
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// TestNamedMetricsExist: what the dashboard and the rules name is what a running program shows.
func TestNamedMetricsExist(t *testing.T) {
	want := named(t) // before the working directory changes
	cfg := onFreePorts(t)
	cfg.Endpoints = []config.Endpoint{{ID: "home", URL: "http://127.0.0.1:1/hush", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", AllowPrivate: true}}
	a, end := begin(t, cfg)
	defer end()
	now := time.Now()
	put(t, a, bus.Cameras, "door", frames.CameraState{Camera: "door", Online: true, Updated: now, LastUnit: now})
	put(t, a, bus.Watching, "door", vision.State{Camera: "door"})
	put(t, a, bus.Settings, retentionSetting, []retention.State{{Kind: "clips", Ran: now, Measured: now}})
	var l latencies
	l.first(opened(t, "home", now, now), now)
	put(t, a, bus.Latencies, "one", l.snapshot())
	got := scrape(t, cfg)
	for _, name := range want {
		if !strings.Contains(got, "\n"+name+"{") && !strings.Contains(got, "\n"+name+" ") {
			t.Errorf("%s is named in deploy, and no metric", name)
		}
	}
}

func put[T any](t *testing.T, a *App, bucket, key string, v T) {
	t.Helper()
	kv, err := bus.OpenKV[T](t.Context(), a.bus, bucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), key, v); err != nil {
		t.Fatal(err)
	}
}

// scrape reads /metrics as Prometheus does.
func scrape(t *testing.T, cfg config.Config) string {
	t.Helper()
	access, err := client.Find(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, access.Server+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+access.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("got %d, %v", response.StatusCode, err)
	}
	return string(body)
}

func TestDashboardIsWhole(t *testing.T) {
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Type    string
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, p := range d.Panels {
		if seen[p.ID] || p.Title == "" || p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %d %q: its id is taken, or it shows nothing", p.ID, p.Title)
		}
		seen[p.ID] = true
	}
}

// TestRules has Prometheus' own tool check the rules and the dashboard's expressions, and try the rules.
func TestRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool: `make test-deps` installs it")
	}
	for _, args := range [][]string{
		{"check", "rules", "--lint=all", "--lint-fatal", filepath.Base(rulesFile)}, {"test", "rules", filepath.Base(rulesTestFile)},
	} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = filepath.Dir(rulesFile)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	checkDashboard(t, promtool)
}

// checkDashboard has the dashboard's expressions parsed as rules are.
func checkDashboard(t *testing.T, promtool string) {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			rules = append(rules, rule{
				Record: "panel:" + strings.Repeat("x", len(rules)+1), Expr: strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"),
			})
		}
	}
	file := filepath.Join(t.TempDir(), "panels.yaml") // JSON is YAML
	group, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, group, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", file).CombinedOutput(); err != nil || len(rules) < 20 {
		t.Errorf("%d expressions: %v\n%s", len(rules), err, out)
	}
}
