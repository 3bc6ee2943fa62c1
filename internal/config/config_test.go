package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// reference has every key that owners meet first, as the README shows them.
const reference = `
data_dir: ./data
http:   { listen: "127.0.0.1:8080" }
rtsp:   { listen: "127.0.0.1:8554" }
webrtc: { udp: ":8189" }
nats:   { url: "" }
s3:     { endpoint: "", bucket: vigil }
models: { dir: "", engine: auto, library: lib/libonnxruntime.so.1 }
cameras:
  - { id: door, url: "rtsp://user:pass@10.0.0.5/stream1" }
  - { id: porch, publish_token: "porch-token" }
people:
  - { name: Resident, photos: ./people/resident }
endpoints:
  - { id: home, url: "http://127.0.0.1:9000/hook", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", allow_private: true }
mqtt:   { url: "mqtt://10.0.0.2:1883", username: vigil, password_file: mqtt.password }
clips:  { pre_roll: 5s, post_roll: 5s }
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vigil.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadReference(t *testing.T) {
	path := write(t, reference)
	cfg, warnings, err := Load(path, nil)
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", err, warnings)
	}
	if got, want := cfg.DataDir, filepath.Join(filepath.Dir(path), "data"); got != want {
		t.Errorf("data_dir: got %q, want %q", got, want)
	}
	if got, want := cfg.Models.Library, filepath.Join(filepath.Dir(path), "lib/libonnxruntime.so.1"); got != want {
		t.Errorf("models.library: got %q, want %q", got, want)
	}
	if got, want := cfg.People.Known[0].Photos, filepath.Join(filepath.Dir(path), "people/resident"); got != want {
		t.Errorf("photos: got %q, want %q", got, want)
	}
	if got, want := cfg.MQTT.PasswordFile, filepath.Join(filepath.Dir(path), "mqtt.password"); got != want {
		t.Errorf("mqtt.password_file: got %q, want %q", got, want)
	}
	if got := cfg.Cameras[0].URL.Reveal(); got != "rtsp://user:pass@10.0.0.5/stream1" {
		t.Errorf("camera url: got %q", got)
	}
	if !cfg.Endpoints[0].AllowPrivate || cfg.Clips.PreRoll != 5*time.Second {
		t.Errorf("got %+v", cfg)
	}
}

func TestLoadWithoutFile(t *testing.T) {
	cfg, _, err := Load("", nil)
	if err != nil || cfg.HTTP.Listen != "127.0.0.1:8080" {
		t.Fatalf("got %+v, %v", cfg, err)
	}
}

func TestLoadFileWithoutKeys(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n", "{}", "cameras:\n"} {
		cfg, _, err := Load(write(t, text), nil)
		if err != nil || cfg.HTTP.Listen != "127.0.0.1:8080" {
			t.Errorf("%q: got %+v, %v", text, cfg.HTTP, err)
		}
	}
}

func TestLoadErrorsNameTheThing(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		env  []string
		want []string
	}{
		"unknown key":          {"http:\n  listen: 127.0.0.1:1\n  lisen: x\n", nil, []string{"vigil.yaml", "line 3, column 3", `"lisen"`}},
		"wrong type":           {"http: {}\nnats: {replicas: many}\n", nil, []string{"vigil.yaml", "line 2, column 18", "type int"}},
		"wrong duration":       {"clips:\n  pre_roll: 5 minutes\n", nil, []string{"vigil.yaml", "line 2", "clips.pre_roll", `"5 minutes"`}},
		"not YAML":             {"http: [\n", nil, []string{"vigil.yaml", "line 1"}},
		"malformed tag":        {"cameras:\n !00 0", nil, []string{"vigil.yaml"}},
		"two documents":        {"data_dir: a\n---\ndata_dir: b\n", nil, []string{"more than one"}},
		"camera without way":   {"cameras: [{id: door}]", nil, []string{"cameras[0]", "door", "publish_token"}},
		"camera id":            {"cameras: [{id: Door!, publish_token: x}]", nil, []string{"cameras[0].id", "Door!"}},
		"camera twice":         {"cameras: [{id: a, publish_token: x}, {id: a, publish_token: y}]", nil, []string{"cameras[1].id", "twice"}},
		"camera scheme":        {"cameras: [{id: a, url: 'file:///etc/passwd'}]", nil, []string{"cameras[0].url", "rtsp://"}},
		"public without TLS":   {"http: {listen: '0.0.0.0:8080'}", nil, []string{"http.listen", "insecure"}},
		"public without token": {"rtsp: {listen: ':8554'}", nil, []string{"rtsp.listen", "publish_token"}},
		"port":                 {"http: {listen: '127.0.0.1:99999'}", nil, []string{"http.listen", "port", "65535"}},
		"engine":               {"models: {engine: quick}", nil, []string{"models.engine", "quick"}},
		"runtime":              {"models: {runtime: gpu}", nil, []string{"models.runtime", "gpu", "onnxruntime"}},
		"roll":                 {"clips: {pre_roll: 2m}", nil, []string{"clips.pre_roll", "2m0s"}},
		"gap":                  {"alerts: {visit_gap: 2s}", nil, []string{"alerts.visit_gap", "2s", "3s to 1h"}},
		"endpoint":             {"endpoints: [{id: x, url: 'ftp://h', secret: s}]", nil, []string{"endpoints[0].url"}},
		"two at once":          {"models: {engine: quick}\nclips: {pre_roll: 2m}", nil, []string{"models.engine", "clips.pre_roll"}},
		"env bool":             {"", []string{"VIGIL_HTTP_INSECURE=maybe"}, []string{"VIGIL_HTTP_INSECURE", "maybe"}},
		"env twice":            {"", []string{"VIGIL_S3_BUCKET=a", "VIGIL_S3_BUCKET_FILE=b"}, []string{"VIGIL_S3_BUCKET_FILE"}},
		"env file":             {"", []string{"VIGIL_S3_SECRET_KEY_FILE=/does/not/exist"}, []string{"VIGIL_S3_SECRET_KEY_FILE", "/does/not/exist"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(write(t, test.text), test.env)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
	if _, _, err := Load("/does/not/exist.yaml", nil); err == nil || !strings.Contains(err.Error(), "/does/not/exist.yaml") {
		t.Errorf("missing file: got %v", err)
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	for _, line := range []string{"rtps: x", "nats: {replicas: many}", "clips: {pre_roll: soon}", "http: ["} {
		text := "cameras: [{id: a, publish_token: hunter2}]\n" + line + "\nendpoints: [{id: b, secret: hunter2}]\n"
		_, _, err := Load(write(t, text), nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", line, err)
		}
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, warnings, err := Load(write(t, reference), []string{
		"VIGIL_HTTP_LISTEN=127.0.0.1:1234", "VIGIL_CAMERAS_1_PUBLISH_TOKEN_FILE=" + secret,
		"VIGIL_CAMERAS_2_ID=yard", "VIGIL_CAMERAS_2_URL=rtsp://h/1", "VIGIL_CLIPS_POST_ROLL=7s",
		"VIGIL_WEBRTC_HOSTS=192.0.2.1,192.0.2.2", "VIGIL_MODELS_DIR=/models", "VIGIL_TYPO=1", "VIGIL_SERVER=http://h",
		"VIGIL_ONNXRUNTIME=/lib/x", "VIGIL_MODELS_RUNTIME=opencv",
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.HTTP.Listen != "127.0.0.1:1234" || cfg.Cameras[1].PublishToken != "from-file" || cfg.Cameras[2].ID != "yard" ||
		cfg.Clips.PostRoll != 7*time.Second || len(cfg.WebRTC.Hosts) != 2 || cfg.ModelsDir() != "/models" ||
		cfg.Models.Runtime != "opencv" {
		t.Errorf("got %+v", cfg)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "VIGIL_TYPO") {
		t.Errorf("warnings: got %q", warnings)
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	cfg, _, err := Load(write(t, reference), nil)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := cfg.Print(&shown); err != nil {
		t.Fatal(err)
	}
	for _, encode := range []func() ([]byte, error){cfg.JSON, func() ([]byte, error) { return json.Marshal(cfg) }} {
		text, err := encode()
		if err != nil || !json.Valid(text) {
			t.Fatalf("got %s, %v", text, err)
		}
		shown.Write(text)
	}
	fmt.Fprintf(&shown, "%v %+v %#v %v", cfg, cfg, cfg, cfg.Cameras)
	for _, secret := range []string{"user:pass", "pass@", "porch-token", "MfKQ9r8"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q is shown in %s", secret, shown.String())
		}
	}
	if !strings.Contains(shown.String(), "10.0.0.5/stream1") {
		t.Errorf("the camera's address is not shown: %s", shown.String())
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	text, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"pre_roll"`, `"default":"5s"`, `"enum":["auto","deep","classic"]`, `"enum":["auto","onnxruntime","opencv"]`, `"allow_private"`, `"default":0.003`, `"known"`, `"anyOf"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
	if strings.Contains(string(text), `"description":""`) {
		t.Errorf("a key has no description: %s", text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(reference))
	f.Add([]byte("cameras: [{id: a, url: 'rtsp://h'}]"))
	f.Add([]byte("cameras:\n !00 0"))
	f.Add([]byte("people: {false_accept: 0.01, known: [{name: Ann, photos: a}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		cfg := Default()
		if Parse(text, &cfg) == nil {
			_ = cfg.Validate()
		}
	})
}
