//go:build !nocv

package app

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/client"
	"vigil/internal/config"
)

func TestPortInUse(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	cfg.S3.AccessKey, cfg.S3.SecretKey = "access-key", "secret-key"
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	udp, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	for key, change := range map[string]func(*config.Config) net.Addr{
		"http.listen": func(c *config.Config) net.Addr { c.HTTP.Listen = tcp.Addr().String(); return tcp.Addr() },
		"rtsp.listen": func(c *config.Config) net.Addr { c.RTSP.Listen = tcp.Addr().String(); return tcp.Addr() },
		"webrtc.udp":  func(c *config.Config) net.Addr { c.WebRTC.UDP = udp.LocalAddr().String(); return udp.LocalAddr() },
		"s3.listen":   func(c *config.Config) net.Addr { c.S3.Listen = tcp.Addr().String(); return tcp.Addr() },
	} {
		bad := cfg
		address := change(&bad)
		a, err := open(t, bad)
		if err == nil {
			t.Fatalf("%s: got no error", key)
		}
		if a != nil || !strings.HasPrefix(err.Error(), key+": ") || !strings.Contains(err.Error(), address.String()) {
			t.Errorf("%s: got %v", key, err)
		}
		if _, err := client.Find(cfg.DataDir); err == nil {
			t.Errorf("%s: an access file was left", key)
		}
		if a, err = open(t, cfg); err != nil {
			t.Fatalf("start after %s: %v", key, err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close after %s: %v", key, err)
		}
	}
}

func TestSecondInstanceOnTheSameData(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	_, end := begin(t, cfg)
	if _, err := open(t, cfg); err == nil || !strings.HasPrefix(err.Error(), "data_dir: ") ||
		!strings.Contains(err.Error(), cfg.DataDir) || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v", err)
	}
	if status, body, err := asking(t, cfg).Ready(t.Context()); err != nil || status != 200 {
		t.Errorf("the first one: got %d %s, %v", status, body, err)
	}
	end()
}

func TestStartThatFailsSaysWhy(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	home := filepath.Dir(cfg.DataDir)
	file := filepath.Join(home, "file")
	if err := os.WriteFile(file, []byte("no certificate, no photo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(*config.Config)
		want   []string
		kept   bool // whether the data folder may have been made by then
	}{
		"no networks": {
			func(c *config.Config) { c.Models.Engine = "deep" },
			[]string{"models: ", filepath.Join(cfg.DataDir, "models"), "vigil models fetch"},
			false,
		},
		"a file in the data folder's place": {func(c *config.Config) { c.DataDir = filepath.Join(file, "data") }, []string{"data_dir: ", file}, false},
		"no certificate":                    {func(c *config.Config) { c.HTTP.TLSCert, c.HTTP.TLSKey = file, file }, []string{"http.tls_cert: "}, false},
		"no secret":                         {func(c *config.Config) { c.Endpoints = []config.Endpoint{{ID: "home", URL: "https://h/", Secret: "x"}} }, []string{"configuration: endpoints[0]"}, false},
		"nobody to see":                     {func(c *config.Config) { c.People.Known = []config.Person{{Name: "Ann", Photos: home}} }, []string{"person Ann", home, "file: "}, true},
	} {
		bad := cfg
		test.change(&bad)
		_, err := open(t, bad)
		if err == nil {
			t.Fatalf("%s: got no error", name)
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", name, err, want)
			}
		}
		if _, err := os.Stat(cfg.DataDir); (err == nil) != test.kept {
			t.Errorf("%s: data folder: got %v", name, err)
		}
		if err := os.RemoveAll(cfg.DataDir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStartThatIsEndedWhileItWaits(t *testing.T) {
	noLeak(t)
	unused, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := unused.Addr().String()
	_ = unused.Close()
	for key, change := range map[string]func(*config.Config){
		"nats.url":    func(c *config.Config) { c.NATS.URL = config.Secret("nats://user:hunter2@" + nobody) },
		"s3.endpoint": func(c *config.Config) { c.S3.Endpoint = "http://" + nobody },
	} {
		cfg := onFreePorts(t)
		change(&cfg)
		said := make(chan string, 100)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := New(ctx, Options{Config: cfg, Log: slog.New(slog.NewTextHandler(lines(said), nil))})
			done <- err
		}()
		for line := range said {
			if strings.Contains(line, "hunter2") {
				t.Errorf("%s: the password is in %q", key, line)
			}
			if strings.Contains(line, key+": no answer yet") && strings.Contains(line, nobody) {
				break
			}
		}
		cancel()
		if err := <-done; err == nil || ctx.Err() == nil || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", key, err)
		}
	}
}

// lines takes a log, line by line.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	select {
	case l <- string(line):
	default:
	}
	return len(line), nil
}
