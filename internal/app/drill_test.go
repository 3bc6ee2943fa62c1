package app

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

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

func TestOneDrillAtATime(t *testing.T) {
	dir := t.TempDir()
	d := &drill{command: []string{"/bin/sh", "-c", "touch began; until test -e end; do sleep 0.01; done"}, dir: dir}
	done := make(chan error, 1)
	go func() {
		_, err := d.Drill(t.Context())
		done <- err
	}()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "began")); err == nil || time.Now().After(end) {
			break
		}
	}
	if _, err := d.Drill(t.Context()); !errors.As(err, new(web.Conflict)) {
		t.Errorf("got %v for a second drill, want a conflict", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "end"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
