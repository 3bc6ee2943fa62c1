package natsd

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"
)

func TestSlowest(t *testing.T) {
	dir := t.TempDir()
	took, err := slowest(dir)
	if err != nil || took <= 0 {
		t.Errorf("got %s, %v, want the time of a write", took, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want nothing left", left, err)
	}
	if _, err := slowest("/proc/nowhere"); err == nil {
		t.Error("got no error where nothing can be written")
	}
}

func TestSlowDiskIsWarnedOf(t *testing.T) {
	for took, want := range map[time.Duration]bool{time.Millisecond: false, 51 * time.Millisecond: true} {
		var out bytes.Buffer
		warn(slog.New(slog.NewTextHandler(&out, nil)), "dir", took)
		if got := strings.Contains(out.String(), "WARN"); got != want {
			t.Errorf("%s: got %q, want a warning: %v", took, out.String(), want)
		}
	}
}

func TestEveryWriteIsSynchronised(t *testing.T) {
	opts, err := Config{Dir: t.TempDir()}.options()
	if err != nil || !opts.SyncAlways {
		t.Errorf("got %+v, %v, want writes that are on the disk when they are acknowledged", opts, err)
	}
}
