package mqtt

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"vigil/frames"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func good() Config {
	return Config{URL: "mqtt://127.0.0.1:1883", Prefix: "vigil", Discovery: "homeassistant", Version: "1.2"}
}

func TestValidate(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string // part of the error; empty: none
	}{
		"good":              {func(*Config) {}, ""},
		"no port":           {func(c *Config) { c.URL = "mqtts://broker.local" }, ""},
		"no discovery":      {func(c *Config) { c.Discovery = "" }, ""},
		"prefix in parts":   {func(c *Config) { c.Prefix = "home/vigil" }, ""},
		"other scheme":      {func(c *Config) { c.URL = "http://broker" }, `mqtt.url: want mqtt:// or mqtts://, got "http"`},
		"no host":           {func(c *Config) { c.URL = "mqtt://" }, "mqtt.url: has no host"},
		"user in the url":   {func(c *Config) { c.URL = "mqtt://me:hush@broker" }, "mqtt.url: holds a user"},
		"path":              {func(c *Config) { c.URL = "mqtt://broker/topic" }, "mqtt.url: want nothing behind"},
		"wildcard":          {func(c *Config) { c.Prefix = "vigil/#" }, "mqtt.prefix: \"vigil/#\": want no +, no #"},
		"empty prefix":      {func(c *Config) { c.Prefix = "" }, "mqtt.prefix: is \"\", want 1 to 100 bytes"},
		"slash":             {func(c *Config) { c.Discovery = "homeassistant/" }, "mqtt.discovery_prefix"},
		"password alone":    {func(c *Config) { c.Password = "hush" }, "mqtt.password: needs mqtt.username"},
		"no such authority": {func(c *Config) { c.URL, c.CAFile = "mqtts://b", "/nowhere.pem" }, "mqtt.ca_file"},
		"no certificate":    {func(c *Config) { c.URL, c.CAFile = "mqtts://b", empty }, "holds no certificate"},
	} {
		cfg := good()
		c.change(&cfg)
		err := cfg.Validate()
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v shows the password", name, err)
		}
	}
	cfg := good()
	cfg.URL = "mqtts://broker.local"
	if got, err := cfg.Address(); err != nil || got != "broker.local:8883" {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestPasswordIsNotPrinted(t *testing.T) {
	cfg := good()
	cfg.Password = "hush"
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, printed := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v %#v %s %q", cfg, cfg, cfg.Password, cfg.Password), string(text)} {
		if strings.Contains(printed, "hush") {
			t.Errorf("got %s", printed)
		}
	}
}

// TestDocument: the keys are what Home Assistant's documentation of MQTT discovery has for a device.
func TestDocument(t *testing.T) {
	text, err := names{"home/vigil", "homeassistant"}.document("door", "1.2")
	if err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	pretty, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/device.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(pretty)+"\n" != string(want) {
		t.Errorf("got\n%s\nwant\n%s", pretty, want)
	}
}

func TestConfigured(t *testing.T) {
	n := names{"vigil", "homeassistant"}
	for _, c := range []struct {
		topic string
		want  frames.CameraID
	}{
		{n.config("door"), "door"},
		{n.config("test"), "test"},
		{"homeassistant/device/other_door/config", ""},
		{"homeassistant/device/vigil_two_door/config", ""}, // of a program with the prefix vigil/two
		{"homeassistant/device/vigil_/config", ""},
		{"homeassistant/device/vigil_door", ""},
		{"elsewhere/device/vigil_door/config", ""},
	} {
		got, ok := n.configured(c.topic)
		if got != c.want && ok || ok != (c.want != "") {
			t.Errorf("%s: got %q, %t, want %q", c.topic, got, ok, c.want)
		}
	}
	if _, ok := (names{prefix: "vigil"}).configured("/device/vigil_door/config"); ok {
		t.Error("a document was found without discovery")
	}
}

func FuzzConfigured(f *testing.F) {
	f.Add("vigil", "homeassistant/device/vigil_door/config")
	f.Add("a/b", "homeassistant/device/a_b_c/config")
	f.Add("", "homeassistant/device/_x/config")
	f.Fuzz(func(t *testing.T, prefix, topic string) {
		n := names{prefix, "homeassistant"}
		camera, ok := n.configured(topic)
		if !ok {
			return
		}
		if _, err := frames.ParseCameraID(string(camera)); err != nil || n.config(camera) != topic {
			t.Errorf("%q: got %q, whose topic is %q, %v", topic, camera, n.config(camera), err)
		}
	})
}

func TestMirror(t *testing.T) {
	n := names{"vigil", "homeassistant"}
	m := &mirror{poke: make(chan struct{}, 1)}
	m.reset(true)
	say := func(want map[string]string) (topics []string) {
		for _, s := range m.missing(n, want) {
			topics = append(topics, s.topic+"="+string(s.payload))
			m.note(s)
		}
		return topics
	}
	want := map[string]string{"vigil/door/online": "ON", n.config("door"): "{}", "vigil/status": "online"}
	got := fmt.Sprint(say(want))
	if got != "[vigil/door/online=ON vigil/status=online homeassistant/device/vigil_door/config={}]" {
		t.Errorf("at first: got %s", got)
	}
	if got := say(want); got != nil {
		t.Errorf("again: got %v, want nothing", got)
	}
	want["vigil/door/online"] = "OFF"
	if got := fmt.Sprint(say(want)); got != "[vigil/door/online=OFF]" {
		t.Errorf("changed: got %s", got)
	}
	if got := fmt.Sprint(say(map[string]string{"vigil/status": "online"})); got != "[vigil/door/online= homeassistant/device/vigil_door/config=]" {
		t.Errorf("gone: got %s", got)
	}
	m.remember("old")
	if got := len(say(map[string]string{"vigil/status": "online"})); got != 1+len(retained) {
		t.Errorf("of an old camera: got %d messages", got)
	}
	if got := say(map[string]string{"vigil/status": "online"}); got != nil {
		t.Errorf("once more: got %v", got)
	}
}
