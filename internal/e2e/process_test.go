package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigil/alerts"
)

// killsVariable is how often the vision role's process is killed.
const killsVariable = "VIGIL_E2E_KILLS"

// TestVisionProcess kills the process of the vision role again and again while somebody is in view.
func TestVisionProcess(t *testing.T) {
	t.Parallel()
	kills := 6
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	s := newSite(t)
	p, _ := start(t, s.config())
	solo := clip(t, "solo")
	gone := s.show(t, &reel{film: solo})
	killed := map[int]bool{}
	var longest time.Duration
	for range kills {
		began := time.Now()
		var pid int
		eventually(t, 30*time.Second, "a new process runs", func() (err error) {
			if pid, err = child(p.cmd.Process.Pid); err == nil && killed[pid] {
				err = fmt.Errorf("it is still %d", pid)
			}
			return err
		})
		longest = max(longest, time.Since(began))
		// It is to be in the middle of its work, not at its beginning each time.
		time.Sleep(time.Duration(len(killed)%7) * 100 * time.Millisecond)
		killed[pid] = true
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d processes killed, the next one ran after %s at most", kills, longest)
	if err := <-gone; err != nil {
		t.Error(err)
	}
	s.onceAfterAll(t, solo)
	pid, err := child(p.cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	p.stop(t)
	vanishes(t, pid)
}

// TestVisionProcessDiesWithItsParent kills the program.
func TestVisionProcessDiesWithItsParent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	p, _ := start(t, s.config())
	var pid int
	eventually(t, 10*time.Second, "a process runs", func() (err error) {
		pid, err = child(p.cmd.Process.Pid)
		return err
	})
	p.kill(t)
	vanishes(t, pid)
	start(t, s.config())
	s.play(t, clip(t, "solo"))
	s.wait(t, alerts.Opened, 40*time.Second)
}

func vanishes(t *testing.T, pid int) {
	t.Helper()
	eventually(t, 10*time.Second, "the process is gone", func() error {
		state, err := stat(pid)
		if errors.Is(err, os.ErrNotExist) || err == nil && state[0] == "Z" {
			return nil
		}
		return fmt.Errorf("process %d: %v, %w", pid, state, err)
	})
}

// child is the one process that the process has started.
func child(parent int) (int, error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range all {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if state, err := stat(pid); err == nil && state[1] == strconv.Itoa(parent) && state[0] != "Z" {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("process %d has none", parent)
}

// stat is a process's state, its parent and so on: proc_pid_stat(5) from the third field on.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 2 {
		return nil, fmt.Errorf("process %d: %d fields", pid, len(fields))
	}
	return fields, nil
}
