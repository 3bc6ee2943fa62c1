package whip

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/ingest"
)

// A peer is a WHIP publisher that nobody here wrote: its command publishes to porch, says "published 201", and when
// its standard input ends deletes its session, says "deleted 200" and ends.
func publishFrom(t *testing.T, command func(ctx context.Context, url string) *exec.Cmd) {
	t.Helper()
	e := newTestEndpoint(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(ctx, e.url+"/whip/porch")
	cmd.WaitDelay = 5 * time.Second
	var said, complained bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complained
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	defer func() { cancel(); <-exited }()
	var v *visit
	select {
	case v = <-e.door.admitted:
	case err := <-exited:
		exited <- err
		t.Fatalf("the peer ended before it was connected: %v\n%s%s", err, said.String(), complained.String())
	}
	checkPicture(t, collect(t, v))
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
	if reason := within(t, v.ended, "end"); !errors.Is(reason, errDeleted) {
		t.Errorf("reason: got %v, want %v", reason, errDeleted)
	}
	err = within(t, exited, "end of the peer")
	exited <- err
	if out := said.String(); err != nil || !strings.Contains(out, "published 201") || !strings.Contains(out, "deleted 200") {
		t.Errorf("the peer said %q, %v\n%s", out, err, complained.String())
	}
	t.Log(strings.TrimSpace(said.String()))
}

// collect takes two groups of pictures' beginnings and what is between them, or a hundred pictures: some peers send
// few key frames.
func collect(t *testing.T, v *visit) []ingest.Unit {
	t.Helper()
	var units []ingest.Unit
	for keys := 0; keys < 2 && len(units) < 100 || len(units) < 20; {
		u := within(t, v.units, "unit")
		if n := len(units); n > 0 && u.PTS <= units[n-1].PTS {
			t.Fatalf("PTS %d after %d", u.PTS, units[n-1].PTS)
		}
		units = append(units, u)
		if _, key := kind(u.NALUs); key {
			keys++
		}
	}
	return units
}

// checkPicture decodes the units with FFmpeg, and wants as many pictures, which are not of one grey.
func checkPicture(t *testing.T, units []ingest.Unit) {
	t.Helper()
	const w, h = 64, 48
	var annexB bytes.Buffer
	for _, u := range units {
		for _, n := range u.NALUs {
			annexB.Write([]byte{0, 0, 0, 1})
			annexB.Write(n)
		}
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-f", "h264", "-i", "-",
		"-fps_mode", "passthrough", "-s", "64x48", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	cmd.Stdin = &annexB
	var complained bytes.Buffer
	cmd.Stderr = &complained
	pictures, err := cmd.Output()
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, complained.String())
	}
	if got := len(pictures) / (w * h); got != len(units) {
		t.Errorf("decoded pictures: got %d, want %d", got, len(units))
	}
	last := pictures[max(0, len(pictures)-w*h):]
	var sum, squares float64
	for _, v := range last {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(last))
	if spread := math.Sqrt(squares/n - sum*sum/n/n); spread < 10 {
		t.Errorf("the last picture is of one grey: its deviation is %.1f", spread)
	}
}

// needs skips unless a program is there, and says what brings it.
func needs(t *testing.T, program, from string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("other processes are slow")
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed; %s brings it", program, from)
	}
	return path
}

// aiortc 1.4 (Debian 12) prefers VP8 and sends what the answer takes.
func TestAiortcPublishes(t *testing.T) {
	needs(t, "ffmpeg", "make test-deps")
	// Debian's packages are Debian's Python's, whichever else is first in the path.
	const python = "/usr/bin/python3"
	needs(t, python, "make test-deps")
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import aiortc").CombinedOutput(); err != nil {
		t.Skipf("aiortc is not installed; make test-deps brings it: %s", out)
	}
	publishFrom(t, func(ctx context.Context, url string) *exec.Cmd {
		return exec.CommandContext(ctx, python, filepath.Join("testdata", "peers", "aiortc_publish.py"), url, "right")
	})
}

// libdatachannel is OBS's WebRTC: mid 0 is audio, 1 is video of payload type 96.
func TestLibdatachannelPublishes(t *testing.T) {
	needs(t, "ffmpeg", "make test-deps")
	node := needs(t, "node", "Debian's nodejs")
	modules, err := filepath.Abs(filepath.Join("..", "..", "bin", "peers", "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "node-datachannel")); err != nil {
		t.Skip("libdatachannel is not there; make peers brings it")
	}
	film := filepath.Join(t.TempDir(), "film.h264")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x480:rate=15",
		"-t", "4", "-c:v", "libx264", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "30", "-aud", "1",
		"-bsf:v", "h264_metadata=aud=insert", film).CombinedOutput()
	if err != nil {
		t.Fatalf("make a film: %v\n%s", err, out)
	}
	publishFrom(t, func(ctx context.Context, url string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, node, filepath.Join("testdata", "peers", "libdatachannel_publish.cjs"), url, "right", film)
		cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
		return cmd
	})
}
