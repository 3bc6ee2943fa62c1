package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"

	"vigil/internal/web"
)

func TestDrillTellsWhatCame(t *testing.T) {
	passes := `echo '{"ok":true,"step":"a stranger came","after":1.5}'; echo words; echo '{"ok":true,"step":"passed","after":2}'`
	for name, c := range map[string]struct {
		script string
		want   web.Drill
	}{
		"passed": {passes, web.Drill{Passed: true, Steps: []web.DrillStep{{Step: "a stranger came", After: 1.5}, {Step: "passed", After: 2}}}},
		"failed": {
			`echo '{"step":"a stranger came","after":1}'; echo first >&2; echo "vigil: no alert within 20 s" >&2; exit 1`,
			web.Drill{Steps: []web.DrillStep{{Step: "a stranger came", After: 1}}, Problem: "vigil: no alert within 20 s"},
		},
	} {
		d := &drill{command: []string{"/bin/sh", "-c", c.script}, dir: t.TempDir()}
		if got, err := d.Drill(t.Context()); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestDrillCannotBeDone(t *testing.T) {
	if _, err := (&drill{}).Drill(t.Context()); !isRefused(err) {
		t.Errorf("got %v without a command line, want a refusal", err)
	}
	if _, err := (&drill{command: []string{"/nowhere/vigil"}}).Drill(t.Context()); err == nil || isRefused(err) {
		t.Errorf("got %v for a program that is not there, want an error", err)
	}
}

func isRefused(err error) bool {
	_, is := errors.AsType[web.Refused](err)
	return is
}

// TestOneDrillAtATime has a drill that says through one pipe that it runs, and ends when it is told so through another.
func TestOneDrillAtATime(t *testing.T) {
	dir := t.TempDir()
	began, end := filepath.Join(dir, "began"), filepath.Join(dir, "end")
	for _, pipe := range []string{began, end} {
		if err := unix.Mkfifo(pipe, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &drill{command: []string{"/bin/sh", "-c", "echo yes > began; read answer < end"}, dir: dir}
	done := make(chan error, 1)
	go func() {
		_, err := d.Drill(t.Context())
		done <- err
	}()
	if _, err := os.ReadFile(began); err != nil { // it waits for the writer
		t.Fatal(err)
	}
	if _, err := d.Drill(t.Context()); !errors.As(err, new(web.Conflict)) {
		t.Errorf("got %v for a second drill, want a conflict", err)
	}
	if err := os.WriteFile(end, []byte("now\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestDrillIsTakenBack: whoever asked is gone, and the drill takes away what it has made.
func TestDrillIsTakenBack(t *testing.T) {
	dir := t.TempDir()
	began := filepath.Join(dir, "began")
	if err := unix.Mkfifo(began, 0o600); err != nil {
		t.Fatal(err)
	}
	script := `trap 'touch tidied; exit 1' INT; echo yes > began; while :; do read answer < began; done`
	d := &drill{command: []string{"/bin/bash", "-c", script}, dir: dir}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := d.Drill(ctx)
		done <- err
	}()
	if _, err := os.ReadFile(began); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if _, err := os.Stat(filepath.Join(dir, "tidied")); err != nil {
		t.Errorf("it was not let end by itself: %v", err)
	}
}
