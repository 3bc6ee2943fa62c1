//go:build !nocv

package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/client"
	"vigil/internal/config"
	"vigil/internal/mediatest"
	"vigil/internal/natsd"
)

// onFreePorts is a configuration that needs nothing: the classic engine, and listeners that take free ports.
func onFreePorts(t *testing.T) config.Config {
	t.Helper()
	dir := t.TempDir()
	// The embedded store changes the working directory; the test's own comes back with this.
	t.Chdir(dir)
	cfg := config.Default()
	cfg.DataDir = filepath.Join(dir, "data")
	cfg.HTTP.Listen, cfg.RTSP.Listen, cfg.WebRTC.UDP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.Models.Engine = "classic"
	return cfg
}

// noLeak fails the test when a goroutine of its own outlives it. The embedded store's library keeps two: one clock for
// the process, and a sweeper that ends with its next round, every ten seconds.
func noLeak(t *testing.T) {
	t.Helper()
	known := []goleak.Option{
		goleak.IgnoreCurrent(),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	}
	t.Cleanup(func() { goleak.VerifyNone(t, known...) })
}

func open(t *testing.T, cfg config.Config, roles ...Role) (*App, error) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	return New(t.Context(), Options{Config: cfg, Roles: roles, Version: "test", Log: log})
}

// begin runs a program until the returned function is called, which waits for its end.
func begin(t *testing.T, cfg config.Config, roles ...Role) (*App, func()) {
	t.Helper()
	a, err := open(t, cfg, roles...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	end := func() {
		if ctx.Err() != nil {
			return
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(end)
	return a, end
}

// asking is a client as the command line has it.
func asking(t *testing.T, cfg config.Config) *client.Client {
	t.Helper()
	access, err := client.Find(cfg.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(access)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until ok, which reports what is missing, says nothing.
func eventually(t *testing.T, ok func() string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		missing := ok()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
	}
}

func refused(t *testing.T, address string) {
	t.Helper()
	_, address, _ = strings.Cut(address, "://")
	address, _, _ = strings.Cut(address, "/")
	if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
		t.Errorf("%s still answers", address)
		_ = c.Close()
	}
}

func TestRunUntilToldToEnd(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	a, end := begin(t, cfg)
	at := a.Addresses()
	if !strings.HasPrefix(at.Console, "http://127.0.0.1:") || !strings.HasPrefix(at.RTSP, "rtsp://127.0.0.1:") ||
		at.WHIP != at.Console+"/whip" || at.Store != "" {
		t.Errorf("got %+v", at)
	}
	first := a.AdminToken()
	if !strings.HasPrefix(first, "vgl_") {
		t.Errorf("admin token: got %q", first)
	}
	c := asking(t, cfg)
	status, body, err := c.Ready(t.Context())
	if err != nil || status != 200 || !strings.Contains(string(body), "classic engine") {
		t.Errorf("ready: got %d %s, %v", status, body, err)
	}
	end()
	if _, err := client.Find(cfg.DataDir); err == nil {
		t.Error("the access file is still there")
	}
	refused(t, at.Console)
	refused(t, at.RTSP)

	a, end = begin(t, cfg)
	if got := a.AdminToken(); got != "" {
		t.Errorf("second start: got admin token %q, want none: it was shown once", got)
	}
	c, err = client.New(client.Access{Server: a.Addresses().Console, Token: first})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Cameras(t.Context()); err != nil {
		t.Errorf("the first start's token: %v", err)
	}
	end()
}

func TestCloseWithoutRun(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	for range 2 {
		a, err := open(t, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
		refused(t, a.Addresses().Console)
		refused(t, a.Addresses().RTSP)
	}
}

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
	even := evenPort(t)
	for key, change := range map[string]func(*config.Config) net.Addr{
		"http.listen": func(c *config.Config) net.Addr { c.HTTP.Listen = tcp.Addr().String(); return tcp.Addr() },
		"rtsp.listen": func(c *config.Config) net.Addr { c.RTSP.Listen = tcp.Addr().String(); return tcp.Addr() },
		"rtsp.udp":    func(c *config.Config) net.Addr { c.RTSP.UDP = even.LocalAddr().String(); return even.LocalAddr() },
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

func TestTLS(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	cfg.HTTP.TLSCert, cfg.HTTP.TLSKey = certificate(t)
	cfg.RTSP.TLSCert, cfg.RTSP.TLSKey, cfg.RTSP.TLSListen = cfg.HTTP.TLSCert, cfg.HTTP.TLSKey, "127.0.0.1:0"
	a, end := begin(t, cfg)
	at := a.Addresses()
	if !strings.HasPrefix(at.Console, "https://") || !strings.HasPrefix(at.WHIP, "https://") || !strings.HasPrefix(at.RTSPS, "rtsps://") {
		t.Errorf("got %+v", at)
	}
	roots := x509.NewCertPool()
	if pem, err := os.ReadFile(cfg.RTSP.TLSCert); err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate", err)
	}
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	if c, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(at.RTSPS, "rtsps://")); err != nil {
		t.Errorf("RTSPS: %v", err)
	} else {
		_ = c.Close()
	}
	if _, err := asking(t, cfg).Cameras(t.Context()); err != nil {
		t.Errorf("the command line: %v", err)
	}
	end()
}

// evenPort holds a UDP port that RTP could have.
func evenPort(t *testing.T) net.PacketConn {
	t.Helper()
	for {
		c, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if c.LocalAddr().(*net.UDPAddr).Port%2 == 0 {
			return c
		}
	}
}

// certificate makes one for this machine, as an owner without an authority would.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestRolesInProcessesOfTheirOwn(t *testing.T) {
	noLeak(t)
	console, ingest := onFreePorts(t), onFreePorts(t)
	broker, err := natsd.Start(t.Context(), natsd.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	console.NATS.URL, ingest.NATS.URL = config.Secret(broker.URL()), config.Secret(broker.URL())
	console.S3.Listen, console.S3.AccessKey, console.S3.SecretKey = "127.0.0.1:0", "access-key", "secret-key"
	ingest.Cameras = []config.Camera{{ID: "door", PublishToken: "door-token"}}

	a, endConsole := begin(t, console, Console, Clips, Vision, Alerts)
	if at := a.Addresses(); at.Store == "" || at.RTSP != "" || at.WHIP != "" {
		t.Errorf("console: got %+v", at)
	}
	b, endIngest := begin(t, ingest, Ingest)
	at := b.Addresses()
	if at.Console != "" || at.Store != "" || at.RTSP == "" || at.WHIP == "" || b.AdminToken() != "" {
		t.Errorf("ingest: got %+v and token %q", at, b.AdminToken())
	}
	c := asking(t, console)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	published := make(chan error, 1)
	go func() {
		published <- mediatest.Camera{Clip: "solo", Loop: true}.Publish(ctx, strings.Replace(at.RTSP, "://", "://x:door-token@", 1)+"/door")
	}()
	eventually(t, func() string {
		cameras, err := c.Cameras(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(cameras) != 1 || !cameras[0].Online {
			return "the camera did not come online"
		}
		return ""
	})
	eventually(t, func() string {
		found, err := c.Alerts(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			return "the stranger raised no alert"
		}
		return ""
	})
	stop()
	if err := <-published; err != nil {
		t.Errorf("camera: %v", err)
	}
	endIngest()
	endConsole()
}

func TestStatesThatNobodyRenewsAreNotBelieved(t *testing.T) {
	a, err := open(t, onFreePorts(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	states, err := bus.OpenKV[frames.CameraState](t.Context(), a.bus, bus.Cameras)
	if err != nil {
		t.Fatal(err)
	}
	list := cameraList{states}
	now := time.Now()
	for _, state := range []frames.CameraState{
		{Camera: "fresh", Online: true, Updated: now},
		{Camera: "stale", Online: true, Updated: now.Add(-2 * staleState)},
		{Camera: "gone", LastError: "no route", Updated: now.Add(-2 * staleState)},
	} {
		if _, err := list.kv.Put(t.Context(), string(state.Camera), state); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := list.Cameras(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[frames.CameraID]frames.CameraState{}
	for _, state := range listed {
		got[state.Camera] = state
	}
	if len(got) != 3 || !got["fresh"].Online || got["stale"].Online || got["stale"].LastError == "" || got["gone"].LastError != "no route" {
		t.Errorf("got %+v", got)
	}
}
