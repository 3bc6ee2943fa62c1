package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"vigil/alerts"
	"vigil/clips/mp4"
	"vigil/frames"
)

// soundtrack is a file's audio: coded frames, each with the time at which a player is through with those before.
type soundtrack struct {
	codec string
	units [][]byte
	at    []time.Duration
	end   time.Duration
}

func hear(t *testing.T, path string) soundtrack {
	t.Helper()
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var file pmp4.Presentation
	if err := file.Unmarshal(r); err != nil {
		t.Fatal(err)
	}
	began := firstHeard(t, path)
	var s soundtrack
	for _, track := range file.Tracks {
		if track.Codec.IsVideo() {
			continue
		}
		switch track.Codec.(type) {
		case *codecs.MPEG4Audio:
			s.codec = "aac"
		case *codecs.Opus:
			s.codec = "opus"
		}
		media := int64(0)
		for _, sample := range track.Samples {
			data, err := sample.GetPayload()
			if err != nil {
				t.Fatal(err)
			}
			s.units = append(s.units, bytes.Clone(data))
			s.at = append(s.at, began+time.Duration(media)*time.Second/time.Duration(track.TimeScale))
			media += int64(sample.Duration)
			s.end = began + time.Duration(media)*time.Second/time.Duration(track.TimeScale)
		}
	}
	return s
}

// TestDoorwayAudio publishes H.265 and AAC with another program: both are in the clip, byte for byte and in step.
func TestDoorwayAudio(t *testing.T) {
	models, videos := need(t, "VIGIL_MODELS_DIR"), need(t, "VIGIL_VIDEO_DIR")
	for _, program := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	t.Parallel()
	s := newSite(t)
	s.engine, s.clips = fmt.Sprintf("engine: deep, dir: %q", models), "pre_roll: 2s, post_roll: 4s"
	start(t, s.config())
	video := filepath.Join(videos, "doorway-720p15-hevc-gop10s-aac.mp4")
	ffmpeg := spawn(t, "ffmpeg", "ffmpeg", "-nostdin", "-v", "error", "-re", "-i", video, "-c", "copy",
		"-f", "rtsp", "-rtsp_transport", "tcp", s.address())
	s.wait(t, alerts.Opened, 60*time.Second)
	made := s.wait(t, alerts.ClipReady, 60*time.Second)
	ffmpeg.finished(t, 60*time.Second)
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
	if f.Codec != frames.H265 {
		t.Errorf("clip: got %s, want h265", f.Codec)
	}
	f.unbroken(t, sent)
	f.probed(t)
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, f.body, 0o644); err != nil {
		t.Fatal(err)
	}
	f.inStep(t, sent, hear(t, video), hear(t, path))
	plays(t, path, "hvc1", "mp4a")
}

// inStep expects that the clip's audio is a stretch of what was sent, lasts as long as the pictures, and is heard with
// those it was sent with.
func (f *footage) inStep(t *testing.T, sent film, spoken, heard soundtrack) {
	t.Helper()
	n := len(heard.units)
	if n == 0 || heard.codec != spoken.codec {
		t.Fatalf("clip: %d units of %q audio, want some of %s", n, heard.codec, spoken.codec)
	}
	place := 0
	for ; place+n <= len(spoken.units); place++ {
		if slices.EqualFunc(heard.units, spoken.units[place:place+n], bytes.Equal) {
			break
		}
	}
	if place+n > len(spoken.units) {
		t.Fatalf("the clip's %d audio units are no stretch of the %d that were sent", n, len(spoken.units))
	}
	began := heard.at[0]
	off := began - (spoken.at[place] - frames.Duration(sent.units[f.place].PTS))
	length := f.End.Sub(f.Start.Time)
	t.Logf("clip of %v: audio from %v to %v, %v later than it was sent", length, began, heard.end, off)
	if off.Abs() > 100*time.Millisecond {
		t.Errorf("audio is heard %v later than it was sent", off)
	}
	const unit = 1024 * time.Second / 48000
	first := f.place == 0 // nothing was recorded before the first picture came, which its audio may precede
	if !first && began > 2*unit || heard.end < length-2*unit || heard.end > length {
		t.Errorf("audio is heard from %v to %v of %v, want all of it", began, heard.end, length)
	}
}

// firstHeard is when a file's first audio frame begins, as a player counts it: below zero when it is not heard whole.
func firstHeard(t *testing.T, path string) time.Duration {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "a:0",
		"-read_intervals", "%+#1", "-show_entries", "packet=pts_time", "-of", "default=nk=1:nw=1", path).Output()
	d, bad := time.ParseDuration(strings.TrimSpace(string(out)) + "s")
	if err != nil || bad != nil {
		t.Fatalf("ffprobe: %q, %v, %v", out, err, bad)
	}
	return d
}

// plays expects that FFmpeg decodes all of a file without a complaint, and the sample entries of its tracks.
func plays(t *testing.T, path string, tags ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries", "stream=codec_tag_string",
		"-of", "csv=p=0", path).CombinedOutput()
	if got := strings.Fields(string(out)); err != nil || !slices.Equal(got, tags) {
		t.Errorf("ffprobe: got %q, %v, want tracks of %q", got, err, tags)
	}
	out, err = exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", path,
		"-map", "0", "-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-").CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v: %s", err, out)
	}
}
