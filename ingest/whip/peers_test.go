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

	"vigil/frames"
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
	var ended error
	exited := make(chan struct{})
	go func() { ended = cmd.Wait(); close(exited) }()
	defer func() { cancel(); <-exited }()
	var v *visit
	select {
	case v = <-e.door.admitted:
	case <-exited:
		t.Fatalf("the peer ended before it was connected: %v\n%s%s", ended, said.String(), complained.String())
	}
	checkPicture(t, collect(t, v))
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
	if reason := within(t, v.ended, "end"); !errors.Is(reason, errDeleted) {
		t.Errorf("reason: got %v, want %v", reason, errDeleted)
	}
	within(t, exited, "end of the peer")
	if out := said.String(); ended != nil || !strings.Contains(out, "published 201") || !strings.Contains(out, "deleted 200") {
		t.Errorf("the peer said %q, %v\n%s", out, ended, complained.String())
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

// checkPicture has the units recorded as Vigil records them, decodes that with FFmpeg, and wants as many pictures,
// which are not of one grey.
func checkPicture(t *testing.T, units []ingest.Unit) {
	t.Helper()
	const w, h = 64, 48
	var film bytes.Buffer
	segmenter := ingest.NewSegmenter("porch", func(f *frames.Fragment) { film.Write(f.Payload) })
	if err := segmenter.Start(frames.Parameters{Codec: frames.H264}); err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		if err := segmenter.Unit(u); err != nil {
			t.Fatal(err)
		}
	}
	if err := segmenter.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-f", "mp4", "-i", "-",
		"-fps_mode", "passthrough", "-s", "64x48", "-f", "rawvideo", "-pix_fmt", "gray", "-")
	cmd.Stdin = &film
	var complained bytes.Buffer
	cmd.Stderr = &complained
	pictures, err := cmd.Output()
	if err != nil {
		t.Fatalf("decode: %v\n%s", err, complained.String())
	}
	if got := len(pictures) / (w * h); got != len(units) {
		t.Errorf("decoded pictures: got %d, want %d\n%s", got, len(units), complained.String())
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

// aiortc prefers VP8 and sends what the answer takes.
func TestAiortcPublishes(t *testing.T) {
	publishFromPython(t, "aiortc_publish.py", "import aiortc")
}

// GStreamer's webrtcbin is what whipclientsink is made of.
func TestGStreamerPublishes(t *testing.T) {
	publishFromPython(t, "gstreamer_publish.py", "import gi; gi.require_version('Gst', '1.0'); from gi.repository import Gst; "+
		"Gst.init(None); assert all(Gst.ElementFactory.find(e) for e in ('webrtcbin', 'nicesink', 'x264enc', 'rtph264pay', 'dtlsenc'))")
}

// publishFromPython runs a script on Debian's Python, whichever else is first in the path: Debian's packages are its.
func publishFromPython(t *testing.T, script, check string) {
	t.Helper()
	python := needs(t, "/usr/bin/python3", "make test-deps")
	needs(t, "ffmpeg", "make test-deps")
	if out, err := exec.CommandContext(t.Context(), python, "-c", check).CombinedOutput(); err != nil {
		t.Skipf("the peer is not installed; make test-deps brings it: %s", out)
	}
	publishFrom(t, func(ctx context.Context, url string) *exec.Cmd {
		return exec.CommandContext(ctx, python, filepath.Join("testdata", "peers", script), url, "right")
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
