//go:build !nocv

package app

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vigil/internal/client"
	"vigil/internal/config"
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
