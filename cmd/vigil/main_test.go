package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMain makes the vision role's process of the test's own program.
func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{"vision-process"}) {
		main()
	}
	os.Exit(m.Run())
}

// told is what a command left.
type told struct {
	code     int
	out, err string
}

// vigil runs a command in this process. The working directory is the test's own: the embedded store changes it.
func vigil(t *testing.T, args ...string) told { return vigilIn(t.Context(), t, nil, args...) }

func vigilIn(ctx context.Context, t *testing.T, environ []string, args ...string) told {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(ctx, args, environ, &out, &errs)
	return told{code, out.String(), errs.String()}
}

// fails checks that a command failed with the code and said all of want on standard error.
func (got told) fails(t *testing.T, code int, want ...string) {
	t.Helper()
	if got.code != code || !strings.HasPrefix(got.err, "vigil: ") {
		t.Errorf("got code %d and %q, want code %d and an error", got.code, got.err, code)
	}
	for _, text := range want {
		if !strings.Contains(got.err, text) {
			t.Errorf("got %q, want %q in it", got.err, text)
		}
	}
}

// works checks that a command succeeded and printed all of want.
func (got told) works(t *testing.T, want ...string) {
	t.Helper()
	if got.code != 0 {
		t.Fatalf("got code %d and %q", got.code, got.err)
	}
	for _, text := range want {
		if !strings.Contains(got.out, text) {
			t.Errorf("got %q, want %q in it", got.out, text)
		}
	}
}

// each reads JSON, one document a line.
func each[T any](t *testing.T, got told) []T {
	t.Helper()
	var all []T
	for line := range strings.Lines(got.out) {
		var one T
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Errorf("%.300q: %v", line, err)
		}
		all = append(all, one)
	}
	return all
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestHelp(t *testing.T) {
	for _, command := range []string{
		"", "serve", "demo", "drill", "analyze", "faces", "people", "people enroll", "people list", "people remove", "people calibrate", "alerts",
		"alerts list", "alerts show", "alerts tail", "endpoints", "endpoints list", "endpoints test", "endpoints enable", "endpoints deliveries", "endpoints replay", "dlq", "dlq list", "dlq show", "dlq replay", "clips", "clips get", "clips verify", "clips key", "cameras", "cameras list", "cameras discover", "models", "models list",
		"models fetch", "models verify", "config", "config check", "config print", "config schema", "doctor", "health", "version",
	} {
		got := vigil(t, append(strings.Fields(command), "--help")...)
		got.works(t, strings.TrimSpace("Usage: vigil "+command), "Flags:")
		if got.err != "" {
			t.Errorf("%s --help: got %q on standard error", command, got.err)
		}
		for line := range strings.Lines(got.out) {
			if len(line) > 81 {
				t.Errorf("%s --help: %q is wider than a terminal", command, line)
			}
		}
	}
}

func TestCommandLinesThatMakeNoSense(t *testing.T) {
	for line, want := range map[string]string{
		"":                            `expected one of "serve"`,
		"nonsense":                    "nonsense",
		"serve --nonsense":            "--nonsense",
		"serve now":                   "now",
		"people":                      "enroll",
		"people enroll":               "<name>",
		"people enroll Ann":           "<photos>",
		"people enroll Ann none.jpg":  "none.jpg",
		"alerts list --limit many":    "--limit",
		"alerts tail --since soon":    "--since",
		"faces":                       "<images>",
		"analyze":                     "<videos>",
		"version --log-level=chatter": "chatter",
	} {
		vigil(t, strings.Fields(line)...).fails(t, 2, want, "vigil --help")
	}
}

func TestVersion(t *testing.T) {
	vigil(t, "version").works(t, "vigil unknown, go1")
	if got := each[struct{ Version, Go string }](t, vigil(t, "version", "--json")); len(got) != 1 || got[0].Version != "unknown" {
		t.Errorf("got %+v", got)
	}
}

func TestConfigCheck(t *testing.T) {
	dir := t.TempDir()
	vigil(t, "config", "check").works(t, "the configuration is good")
	good := write(t, filepath.Join(dir, "good.yaml"), "http: {listen: '127.0.0.1:1'}\n")
	vigil(t, "config", "check", "-c", good).works(t, "good")
	if got := each[struct{ OK bool }](t, vigil(t, "config", "check", "-c", good, "--json")); len(got) != 1 || !got[0].OK {
		t.Errorf("got %+v", got)
	}
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"typo":     {"http: {}\nrtps:\n  listen: x\n", []string{"line 2", `"rtps"`}},
		"type":     {"nats:\n  replicas: many\n", []string{"line 2", "type int"}},
		"duration": {"clips: {pre_roll: soon}\n", []string{"line 1", "clips.pre_roll", `"soon"`}},
		"port":     {"http: {listen: '127.0.0.1:99999'}\n", []string{"http.listen", "99999"}},
		"no port":  {"rtsp: {listen: localhost}\n", []string{"rtsp.listen", "localhost"}},
		"syntax":   {"http: [\n", []string{"line 1"}},
		"parts":    {"people: [{name: Ann, photos: ./none}]\n", []string{"people.known[0].photos", "Ann", filepath.Join(dir, "none")}},
		"secret":   {"endpoints: [{id: home, url: 'https://h/', secret: hunter2}]\n", []string{"endpoints[0]", "secret"}},
	} {
		path := write(t, filepath.Join(dir, name+".yaml"), test.text)
		got := vigil(t, "config", "check", "-c", path)
		got.fails(t, 1, append(test.want, path)...)
		if got.out != "" || strings.Contains(got.err, "hunter2") {
			t.Errorf("%s: got %q and %q", name, got.out, got.err)
		}
	}
	vigil(t, "config", "check", "-c", filepath.Join(dir, "none.yaml")).fails(t, 1, filepath.Join(dir, "none.yaml"), "no such file")
	vigilIn(t.Context(), t, []string{"VIGIL_NATS_REPLICAS=x"}, "config", "check").fails(t, 1, "VIGIL_NATS_REPLICAS", `"x"`)
	got := vigilIn(t.Context(), t, []string{"VIGIL_HTTP_LISTN=x"}, "config", "check")
	got.works(t)
	if !strings.Contains(got.err, "VIGIL_HTTP_LISTN belongs to no") {
		t.Errorf("got %q, want a warning", got.err)
	}
}

func TestConfigPrintShowsNoSecret(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "vigil.yaml"),
		"cameras: [{id: door, url: 'rtsp://user:hunter2@10.0.0.5/1?key=hunter2'}]\nnats: {url: 'nats://user:hunter2@h:4222'}\n")
	got := vigilIn(t.Context(), t, []string{"VIGIL_S3_SECRET_KEY=hunter2", "VIGIL_CLIPS_PRE_ROLL=7s"}, "config", "print", "-c", path)
	got.works(t, "10.0.0.5/1", "h:4222", "pre_roll: 7s", "listen: 127.0.0.1:8080")
	if strings.Contains(got.out, "hunter2") {
		t.Errorf("got %s", got.out)
	}
}

func TestConfigSchema(t *testing.T) {
	got := vigil(t, "config", "schema")
	got.works(t, "<camera>") // not \u003c
	var schema map[string]any
	if err := json.Unmarshal([]byte(got.out), &schema); err != nil || schema["$schema"] == nil {
		t.Errorf("got %v, %v", schema["$schema"], err)
	}
}

func TestPrintKeepsLinks(t *testing.T) {
	var out strings.Builder
	g := &Globals{out: &out}
	if err := g.print(map[string]string{"url": "http://h/?expires=1&signature=<2>"}); err != nil || out.String() != "{\"url\":\"http://h/?expires=1&signature=<2>\"}\n" {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

const yunet = "face_detection_yunet_2023mar.onnx"

func TestModels(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	type status struct{ State, Path, Error string }
	for _, command := range []string{"list", "verify"} {
		vigil(t, "models", command, "--dir", dir).works(t, "yunet", "sface", "missing", yunet)
		for _, one := range each[status](t, vigil(t, "models", command, "--dir", dir, "--json")) {
			if one.State != "missing" || !strings.HasPrefix(one.Path, dir) || one.Error == "" {
				t.Errorf("%s: got %+v", command, one)
			}
		}
	}
	path := write(t, filepath.Join(dir, yunet), "not the network\n")
	vigil(t, "models", "list", "--dir", dir).works(t, "present")
	got := vigil(t, "models", "verify", "--dir", dir)
	// printf 'not the network\n' | sha256sum
	got.fails(t, 1, path, "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4", "f411dd62dce5c2a2eb2ff946b999b5593dcfaa0b357b17aa05f8b65fd6fb892f")
	if !strings.Contains(got.out, "differs") {
		t.Errorf("got %q", got.out)
	}
	vigilIn(t.Context(), t, []string{"VIGIL_MODELS_DIR=" + dir}, "models", "verify").fails(t, 1, path)
	vigil(t, "models", "fetch", "nothing", "--dir", dir).fails(t, 1, `"nothing"`, "yunet")
	vigil(t, "models", "fetch", "mobilefacenet", "--dir", dir).fails(t, 1, "mobilefacenet", "cannot be fetched", dir)
	write(t, filepath.Join(dir, "models.yaml"), "models: [\n")
	vigil(t, "models", "list", "--dir", dir).fails(t, 1, filepath.Join(dir, "models.yaml"))
}

func TestNoVigilRuns(t *testing.T) {
	dir := t.TempDir()
	photo := write(t, filepath.Join(dir, "1.jpg"), "x")
	data := filepath.Join(dir, "data")
	environ := []string{"VIGIL_DATA_DIR=" + data}
	for _, command := range []string{
		"alerts list", "alerts show 01J", "alerts tail", "cameras list", "people list", "people calibrate", "people remove Ann", "people enroll Ann " + photo,
		"clips get 01J", "health",
	} {
		vigilIn(t.Context(), t, environ, strings.Fields(command)...).fails(t, 1, data, "vigil serve")
	}
	vigil(t, "alerts", "list", "--server", "http://127.0.0.1:1").fails(t, 1, "--token", "VIGIL_TOKEN")
	vigil(t, "alerts", "list", "--server", "nonsense", "--token", "x").fails(t, 1, `"nonsense"`)
	write(t, filepath.Join(data, "access.json"), `{"server":"http://127.0.0.1:1","token":"x"}`)
	vigilIn(t.Context(), t, environ, "alerts", "list").fails(t, 1, "no vigil answers at http://127.0.0.1:1")
	if left, err := os.ReadDir(data); err != nil || len(left) != 1 {
		t.Errorf("got %v, %v, want nothing new", left, err)
	}
}

func TestServeRefusesWhatIsNotConfigured(t *testing.T) {
	dir := t.TempDir()
	environ := []string{"VIGIL_DATA_DIR=" + filepath.Join(dir, "data")}
	vigilIn(t.Context(), t, environ, "serve", "--roles", "recorder").fails(t, 1, `"recorder"`, "vision")
	vigilIn(t.Context(), t, environ, "serve", "--roles", "ingest,alerts").fails(t, 1, "nats.url", "http.public_url")
	vigil(t, "serve", "-c", write(t, filepath.Join(dir, "bad.yaml"), "cams: []\n")).fails(t, 1, "bad.yaml", "line 1", "cams")
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("a data folder was made")
	}
}

func TestInterruptedIsNoSuccess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	environ := []string{"VIGIL_DATA_DIR=" + t.TempDir()}
	write(t, filepath.Join(strings.TrimPrefix(environ[0], "VIGIL_DATA_DIR="), "access.json"), `{"server":"http://127.0.0.1:1","token":"x"}`)
	vigilIn(ctx, t, environ, "alerts", "list").fails(t, 130, "interrupted")
	// It goes on until it is told to end.
	vigilIn(ctx, t, environ, "alerts", "tail").works(t)
}

func TestDemoTouchesNoFolderButItsOwn(t *testing.T) {
	dir := t.TempDir()
	kept := write(t, filepath.Join(dir, "data", "kept"), "x")
	if err := emptyDemo(dir); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
	fresh := filepath.Join(dir, "demo")
	for range 2 {
		if err := emptyDemo(fresh); err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(fresh); err != nil || len(left) != 1 {
			t.Errorf("got %v, %v, want the mark only", left, err)
		}
		write(t, filepath.Join(fresh, "data", "old"), "x")
	}
	if err := emptyDemo(write(t, filepath.Join(dir, "file"), "")); err == nil || !strings.Contains(err.Error(), "file") {
		t.Errorf("a file: got %v", err)
	}
}

func TestWholeFilesOrNone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "clip.mp4")
	vanished := func(w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return io.ErrUnexpectedEOF
	}
	if err := writeWhole(path, vanished); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if err := writeWhole(filepath.Join(dir, "none", "clip.mp4"), vanished); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("missing folder: got %v", err)
	}
}
