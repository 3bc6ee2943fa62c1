package rtsp

import (
	"bufio"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/frames"
	"vigil/ingest"
)

// tool returns the program's path, or skips the test.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed: deploy/debian-packages test brings it", name)
	}
	return path
}

// element skips the test when GStreamer lacks an element.
func element(t *testing.T, names ...string) {
	t.Helper()
	inspect := tool(t, "gst-inspect-1.0")
	for _, name := range names {
		if err := exec.CommandContext(t.Context(), inspect, name).Run(); err != nil {
			t.Skipf("GStreamer has no %s: deploy/debian-packages test brings it", name)
		}
	}
}

// run runs the tool, for twice as long as anything may take.
func run(t *testing.T, path string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	return string(out), err
}

// pictures returns the slices of the units, without what tools may put beside them.
func pictures(units []frames.AccessUnit) (out []frames.AccessUnit) {
	for _, u := range units {
		var slices [][]byte
		for _, n := range u.NALUs {
			if typ := n[0] & 0x1f; typ >= 1 && typ <= 5 {
				slices = append(slices, n)
			}
		}
		out = append(out, frames.AccessUnit{PTS: u.PTS, NALUs: slices})
	}
	return out
}

// wantRecorded holds what the camera porch recorded to the units; slack is by how many ticks presentation times may
// differ from those of the file.
func wantRecorded(t *testing.T, st *station, units []frames.AccessUnit, slack int64) {
	t.Helper()
	eventually(t, "publisher gone", func() bool { return strings.Contains(st.said.String(), "publisher gone") })
	st.stop()
	got := pictures(unpack(t, recorded(t, st.log, "porch", func(fs []*frames.Fragment) bool {
		return len(unpack(t, fs...)) >= len(units)
	})...))
	want := pictures(units)
	for i := range got {
		if !sameUnits(got[i:i+1], want[i:i+1]) {
			t.Fatalf("access unit %d differs: got %d slices, want %d", i, len(got[i].NALUs), len(want[i].NALUs))
		}
		d := got[i].PTS - got[0].PTS - (want[i].PTS - want[0].PTS)
		if d > slack || d < -slack {
			t.Errorf("unit %d: got PTS %d more than after the first, want 0", i, d)
		}
	}
	if strings.Contains(st.said.String(), "guessed_decoding_times") {
		t.Errorf("decoding times were guessed:\n%s", st.said)
	}
}

// peerServer serves porch, of the token secret, over plain RTSP or with a certificate of nobody's.
func peerServer(t *testing.T, udp string, secure bool) (*station, *Server) {
	t.Helper()
	st := newStation(t, &logged{}, ingest.Camera{ID: "porch", PublishToken: "secret"})
	cfg := ServerConfig{Listen: "127.0.0.1:0", UDP: udp, Admission: st.supervisor, Log: st.said.logger()}
	if secure {
		var nobody *authority
		cfg.TLS = nobody.issue(t, "127.0.0.1", time.Now().Add(time.Hour))
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	background(t, s.Run)
	return st, s
}

func TestFFmpegPublishes(t *testing.T) {
	ffmpeg := tool(t, "ffmpeg")
	for _, tt := range []struct {
		name, transport, udp string
		secure               bool
	}{
		{"tcp", "tcp", "", false},
		{"udp", "udp", "127.0.0.1:0", false},
		{"udp refused, then tcp", "", "", false},
		{"tls", "tcp", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st, s := peerServer(t, tt.udp, tt.secure)
			_, units := fixture(t, "bframes")
			args := strings.Fields("-v error -re -i ../testdata/bframes.mp4 -f lavfi -i sine" +
				" -map 0:v -map 1:a -c:v copy -c:a pcm_alaw -shortest -f rtsp")
			if tt.transport != "" {
				args = append(args, "-rtsp_transport", tt.transport)
			}
			address := at(s, "x:secret", "porch")
			if tt.secure {
				address = strings.Replace(address, "rtsp://", "rtsps://", 1)
			}
			out, err := run(t, ffmpeg, append(args, address)...)
			if err != nil {
				t.Fatalf("ffmpeg: %v\n%s\n%s", err, out, st.said)
			}
			wantRecorded(t, st, units, 0)
			if !strings.Contains(st.said.String(), "only the video is taken") {
				t.Error("nothing was said of the audio")
			}
		})
	}
}

func TestGStreamerPublishes(t *testing.T) {
	launch := tool(t, "gst-launch-1.0")
	element(t, "rtspclientsink", "qtdemux", "h264parse", "rtph264pay")
	for _, tt := range []struct {
		name, protocols, udp string
		secure               bool
	}{
		{"tcp", "tcp", "", false},
		{"udp", "udp", "127.0.0.1:0", false},
		{"its own choice", "tcp+udp-mcast+udp", "127.0.0.1:0", false},
		{"tls", "tcp", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			st, s := peerServer(t, tt.udp, tt.secure)
			_, units := fixture(t, "plain")
			address := "rtsp://" + s.Addr() + "/porch"
			if tt.secure {
				address = strings.Replace(address, "rtsp://", "rtsps://", 1)
			}
			args := append(strings.Fields("-q filesrc location=../testdata/plain.mp4 ! qtdemux ! h264parse ! rtspclientsink"),
				"location="+address, "user-id=x", "user-pw=secret", "protocols="+tt.protocols, "tls-validation-flags=0")
			// GStreamer 1.22 sometimes loses the end of the file and never ends: it is ended once its video is here.
			ctx, cancel := context.WithCancel(t.Context())
			cmd := exec.CommandContext(ctx, launch, args...)
			out := &logged{}
			cmd.Stdout, cmd.Stderr = out, out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				cancel()
				if err := cmd.Wait(); t.Failed() {
					t.Logf("gst-launch: %v\n%s\n%s", err, out, st.said)
				}
			}()
			wantRecorded(t, st, units, frames.ClockRate/1000) // it rounds to its own clock
		})
	}
}

// A wrong token is an error that the publisher shows, and not a wait.
func TestPeersAreRefused(t *testing.T) {
	st, s := peerServer(t, "", false)
	ffmpeg := tool(t, "ffmpeg")
	out, err := run(t, ffmpeg, strings.Fields("-v error -re -i ../testdata/plain.mp4 -c copy -f rtsp "+at(s, "x:wrong", "porch"))...)
	if err == nil || !strings.Contains(out, "401") {
		t.Errorf("got %v and %s, want 401", err, out)
	}
	if !strings.Contains(st.said.String(), ingest.ErrWrongToken.Error()) {
		t.Errorf("the log does not say why: %s", st.said)
	}
}

// gstreamerCamera starts GStreamer's RTSP server and returns its address.
func gstreamerCamera(t *testing.T, transport, way string) string {
	t.Helper()
	python, ffmpeg := tool(t, "/usr/bin/python3"), tool(t, "ffmpeg")
	element(t, "h264parse", "rtph264pay", "alawenc", "rtppcmapay", "multifilesrc")
	const needs = `import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer`
	if err := exec.CommandContext(t.Context(), python, "-c", needs).Run(); err != nil {
		t.Skip("GStreamer's RTSP server is not installed: deploy/debian-packages test brings it")
	}
	file := filepath.Join(t.TempDir(), "plain.h264")
	if out, err := run(t, ffmpeg, "-v", "error", "-i", "../testdata/plain.mp4", "-c", "copy", file); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), python, "testdata/peers/gstreamer_camera.py", file, transport, way)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("no port: %v", err)
	}
	return "rtsp://admin:p@ss:w/rd?@127.0.0.1:" + strings.TrimSpace(port) + "/stream1"
}

func TestPullFromGStreamer(t *testing.T) {
	for _, tt := range []struct {
		offers, method string
		way            Transport
	}{
		{"both", "digest", Auto},
		{"both", "digest", UDP},
		{"udp", "basic", Auto}, // it refuses TCP
		{"tcp", "digest", UDP}, // it refuses UDP
	} {
		t.Run(tt.offers+" "+tt.method+" "+string(tt.way), func(t *testing.T) {
			t.Parallel()
			said := &logged{}
			source, err := NewClient(ClientConfig{URL: gstreamerCamera(t, tt.offers, tt.method), Transport: tt.way, Log: said.logger()})
			if err != nil {
				t.Fatal(err)
			}
			// It answers 503 now and then while it starts, as cameras do; then it is asked again.
			st := newStation(t, said, ingest.Camera{ID: "door", Source: source})
			got := unpack(t, recorded(t, st.log, "door", func(fs []*frames.Fragment) bool { return len(fs) >= 8 })...)
			st.stop()
			_, units := fixture(t, "plain")
			known := map[string]bool{}
			for _, u := range pictures(units) {
				known[string(u.NALUs[0])] = true
			}
			for i, u := range pictures(got) {
				if len(u.NALUs) == 0 || !known[string(u.NALUs[0])] {
					t.Errorf("unit %d is none of the file", i)
				}
			}
			if tt.offers != "both" && !strings.Contains(said.String(), "status 461 Unsupported Transport") {
				t.Errorf("nothing was said of what the camera refused: %s", said)
			}
			if strings.Contains(said.String(), "p@ss:w/rd?") {
				t.Errorf("the log shows the password: %s", said)
			}
		})
	}
}
