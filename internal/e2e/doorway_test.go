package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips/mp4"
)

// need returns the folder that an environment variable names, and skips the test without it.
func need(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv(name)
	if dir == "" {
		t.Skipf("%s names no folder", name)
	}
	return dir
}

// TestDoorway publishes filmed people with another program, and knows one of them from one photo.
func TestDoorway(t *testing.T) {
	models, faces, videos := need(t, "VIGIL_MODELS_DIR"), need(t, "VIGIL_FACES_DIR"), need(t, "VIGIL_VIDEO_DIR")
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	t.Parallel()
	s := newSite(t)
	s.engine, s.clips = fmt.Sprintf("engine: deep, dir: %q", models), "pre_roll: 5s, post_roll: 5s"
	photo, err := os.ReadFile(filepath.Join(faces, "portraits", "obama", "1.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	s.photos = t.TempDir()
	if err := os.WriteFile(filepath.Join(s.photos, "1.jpg"), photo, 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, s.config())
	video := filepath.Join(videos, "doorway-1080p25.mp4")
	ffmpeg := spawn(t, "ffmpeg", "ffmpeg", "-nostdin", "-v", "error", "-re", "-i", video, "-c", "copy", "-f", "rtsp", s.address())
	opened := s.wait(t, alerts.Opened, 60*time.Second)
	made := s.wait(t, alerts.ClipReady, 60*time.Second)
	s.wait(t, alerts.Closed, 60*time.Second)
	ffmpeg.finished(t, 60*time.Second) // nobody else comes by until the end
	s.once(t, alerts.Opened, alerts.ClipReady, alerts.Closed)
	s.shaped(t)
	file, err := os.Open(video)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	source, err := mp4.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	sent := collect(t, source.Parameters, source.Units(), nil)
	f := fetch(t, made.Data.Clip)
	f.unbroken(t, sent)
	f.begins(t, opened.Data.Alert, 5*time.Second)
	const tolerance = 1500 * time.Millisecond
	at := f.when(sent, opened.Data.Alert.OpenedAt.Time)
	if at < 20*time.Second-tolerance || at > 28*time.Second+tolerance {
		t.Errorf("the sighting is at %s of the video, want the second person's 20 s to 28 s", at)
	}
	f.probed(t)
}

// probed expects that ffprobe decodes all of the clip.
func (f *footage) probed(t *testing.T) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, f.body, 0o644); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	probe := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-count_frames", "-select_streams", "v",
		"-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path)
	probe.Stderr = &errs
	out, err := probe.Output()
	if got := strings.TrimSpace(string(out)); err != nil || errs.Len() > 0 || got != fmt.Sprint(len(f.units)) {
		t.Errorf("ffprobe: got %q pictures, %v %s, want %d", got, err, &errs, len(f.units))
	}
}
