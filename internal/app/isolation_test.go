//go:build !nocv

package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigil/internal/bus"
	"vigil/internal/client"
	"vigil/internal/config"
	"vigil/internal/mediatest"
	"vigil/vision"
)

// beginIsolated runs a program whose vision role has a process of its own.
func beginIsolated(t *testing.T, cfg config.Config) *App {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := New(t.Context(), Options{Config: cfg, Version: "test", Log: log, Child: []string{self, "vision-process"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() {
		pid := a.child.keeper.PID()
		cancel()
		running.Wait()
		if pid != 0 && syscall.Kill(pid, 0) == nil { // 0: it was being started, and goleak tells whether that ended
			t.Errorf("process %d is still there", pid)
		}
	})
	return a
}

// inject makes the first access unit of a second of a clip a fault.
func inject(t *testing.T, kind, clip string, second int) {
	t.Helper()
	_, units, err := mediatest.Camera{Clip: clip}.Units()
	if err != nil {
		t.Fatal(err)
	}
	for u, err := range units {
		if err != nil {
			t.Fatal(err)
		}
		if u.PTS >= int64(second)*90000+1 && !u.Key {
			t.Setenv(faultVariable, kind+" "+digestOf(u))
			return
		}
	}
	t.Fatalf("%s ends before second %d", clip, second)
}

// publish shows a clip until the test ends.
func publish(t *testing.T, a *App, camera, clip string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		err := mediatest.Camera{Clip: clip}.Publish(ctx, a.Addresses().RTSP+"/"+camera)
		if err != nil && ctx.Err() == nil {
			t.Errorf("camera %s: %v", camera, err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
}

// TestFragmentThatBreaksTheDecoder shows a camera whose video breaks the process, and another: both strangers raise their
// alerts, and one fragment is in the dead-letter queue.
func TestFragmentThatBreaksTheDecoder(t *testing.T) {
	if testing.Short() {
		t.Skip("a hang takes its time")
	}
	for kind, reasons := range map[string][]string{
		"crash": {"SIGSEGV"}, "hang": {"hung"}, "memory": {"memory", "allocate"}, // in the race detector's words
	} {
		t.Run(kind, func(t *testing.T) {
			noLeak(t)
			inject(t, kind, "solo", 2)
			cfg := onFreePorts(t)
			a := beginIsolated(t, cfg)
			publish(t, a, "door", "solo")
			publish(t, a, "yard", "walk")
			c := asking(t, cfg)
			within(t, 90*time.Second, func() string { return oneDead(t, c, "door/", reasons) })
			within(t, 90*time.Second, func() string { return alertsOf(t, c, "door", "yard") })
			if missing := oneDead(t, c, "door/", reasons); missing != "" {
				t.Error(missing)
			}
			within(t, 60*time.Second, func() string { return tellsOf(t, c, reasons) })
			goesOn(t, a, "door")
		})
	}
}

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// oneDead reports what is missing of one fragment in the dead-letter queue.
func oneDead(t *testing.T, c *client.Client, fragment string, reasons []string) string {
	t.Helper()
	dead, err := c.Dead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(dead) != 1 || dead[0].Stream != "FRAMES" || !strings.HasPrefix(dead[0].Message, fragment) || !containsAny(dead[0].Reason, reasons) {
		return fmt.Sprintf("dead-letter queue: got %+v", dead)
	}
	if one, err := c.DeadLetter(t.Context(), dead[0].ID); err != nil || len(one.Body) < 100 {
		return fmt.Sprintf("dead letter: got %d bytes, %v", len(one.Body), err)
	}
	if err := c.Replay(t.Context(), dead[0].ID); err == nil || !strings.Contains(err.Error(), "not put back") {
		return fmt.Sprintf("replay: got %v", err)
	}
	return ""
}

// tellsOf expects that /readyz tells of the crash.
func tellsOf(t *testing.T, c *client.Client, reasons []string) string {
	t.Helper()
	status, body, err := c.Ready(t.Context())
	if err != nil || status != 200 || !strings.Contains(string(body), "was started again") || !containsAny(string(body), reasons) {
		return fmt.Sprintf("ready: got %d %s, %v", status, body, err)
	}
	return ""
}

// goesOn expects that the camera is analysed beyond its next key frame.
func goesOn(t *testing.T, a *App, camera string) {
	t.Helper()
	states, err := bus.OpenKV[vision.State](t.Context(), a.bus, bus.Watching)
	if err != nil {
		t.Fatal(err)
	}
	within(t, 60*time.Second, func() string {
		entry, err := states.Get(t.Context(), camera)
		if err != nil || entry.Value.Decoded+entry.Value.Skipped < 60 {
			return fmt.Sprintf("got %+v, %v", entry.Value, err)
		}
		return ""
	})
}

func alertsOf(t *testing.T, c *client.Client, cameras ...string) string {
	t.Helper()
	found, err := c.Alerts(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, camera := range cameras {
		n := 0
		for _, alert := range found {
			if string(alert.Alert.Camera) == camera {
				n++
			}
		}
		if n == 0 {
			return "no alert of " + camera
		}
	}
	return ""
}

// within is eventually with another end.
func within(t *testing.T, d time.Duration, ok func() string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(d); ; <-tick.C {
		missing := ok()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
	}
}

func TestProcessThatIsKilledIsStartedAgain(t *testing.T) {
	noLeak(t)
	cfg := onFreePorts(t)
	a := beginIsolated(t, cfg)
	c := asking(t, cfg)
	publish(t, a, "door", "solo")
	pids := map[int]bool{}
	for range 5 {
		within(t, 30*time.Second, func() string {
			if pid := a.child.keeper.PID(); pid != 0 && !pids[pid] {
				pids[pid] = true
				if err := syscall.Kill(pid, syscall.SIGKILL); err == nil {
					return ""
				}
			}
			return "no new process"
		})
	}
	within(t, 60*time.Second, func() string { return alertsOf(t, c, "door") })
	if dead, err := c.Dead(t.Context()); err != nil || len(dead) > 0 {
		t.Errorf("dead-letter queue: got %+v, %v", dead, err)
	}
	cfg.Quality.MinEyeDistance++
	if err := a.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	within(t, 30*time.Second, func() string {
		if pid := a.child.keeper.PID(); pid == 0 || pids[pid] {
			return "no new process"
		}
		return ""
	})
}

func TestStartThatFailsInTheProcessSaysWhy(t *testing.T) {
	noLeak(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := onFreePorts(t)
	empty := t.TempDir()
	for want, change := range map[string]func(*config.Config){
		"vigil models fetch": func(c *config.Config) { c.Models.Engine = "deep" },
		"person Ann":         func(c *config.Config) { c.People.Known = []config.Person{{Name: "Ann", Photos: empty}} },
	} {
		bad := cfg
		change(&bad)
		_, err := New(t.Context(), Options{Config: bad, Log: slog.New(slog.DiscardHandler), Child: []string{self, "vision-process"}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q in it", err, want)
		}
	}
}
