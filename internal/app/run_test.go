//go:build !nocv

package app

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/client"
	"vigil/internal/config"
	"vigil/internal/mediatest"
	"vigil/internal/natsd"
)

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

func TestTLS(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	cfg.HTTP.TLSCert, cfg.HTTP.TLSKey = certificate(t)
	a, end := begin(t, cfg)
	if at := a.Addresses(); !strings.HasPrefix(at.Console, "https://") || !strings.HasPrefix(at.WHIP, "https://") {
		t.Errorf("got %+v", at)
	}
	if _, err := asking(t, cfg).Cameras(t.Context()); err != nil {
		t.Errorf("the command line: %v", err)
	}
	end()
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
		{Camera: "stale", Online: true, Updated: now.Add(-2 * frames.StaleState)},
		{Camera: "gone", LastError: "no route", Updated: now.Add(-2 * frames.StaleState)},
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
