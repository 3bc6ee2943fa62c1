package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"

	"vigil/alerts"
	"vigil/clips/mp4"
	"vigil/frames"
)

// relay is an RTSP camera that sends several films, each at a path of its own.
type relay struct {
	server  *gortsplib.Server
	streams map[string]*gortsplib.ServerStream
	played  chan string // the paths that are asked for, as they are
}

func newRelay(t *testing.T, films map[string]film) *relay {
	t.Helper()
	r := &relay{streams: map[string]*gortsplib.ServerStream{}, played: make(chan string, 64)}
	r.server = &gortsplib.Server{Handler: r, RTSPAddress: "127.0.0.1:0"}
	if err := r.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.server.Close)
	for path, f := range films {
		video := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{
			&format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: f.parameters.SPS, PPS: f.parameters.PPS},
		}}
		stream := &gortsplib.ServerStream{Server: r.server, Desc: &description.Session{Medias: []*description.Media{video}}}
		if err := stream.Initialize(); err != nil {
			t.Fatal(err)
		}
		r.streams[path] = stream
	}
	return r
}

func (r *relay) OnDescribe(x *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return r.answer(x.Path)
}

func (r *relay) OnSetup(x *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return r.answer(x.Path)
}

func (r *relay) answer(path string) (*base.Response, *gortsplib.ServerStream, error) {
	stream := r.streams[strings.Trim(path, "/")]
	if stream == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, stream, nil
}

func (r *relay) OnPlay(x *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	select {
	case r.played <- strings.Trim(x.Path, "/"):
	default: // nobody waits any more
	}
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// address is where a stream is played.
func (r *relay) address(path string) string {
	return "rtsp://" + r.server.NetListener().Addr().String() + "/" + path
}

// listened waits until every stream is asked for, so that what is sent from then on has a listener.
func (r *relay) listened(t *testing.T) {
	t.Helper()
	late := time.After(60 * time.Second)
	for heard := map[string]bool{}; len(heard) < len(r.streams); {
		select {
		case path := <-r.played:
			heard[path] = true
		case <-late:
			t.Fatalf("of %d streams only %v are asked for", len(r.streams), heard)
		}
	}
}

// play sends a film's access units in real time, over and over.
func (r *relay) play(t *testing.T, path string, f film, began time.Time) (stop func()) {
	t.Helper()
	stream := r.streams[path]
	video := stream.Desc.Medias[0]
	encoder, err := video.Formats[0].(*format.H264).CreateEncoder()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	background(t, func(ended context.Context) error {
		defer context.AfterFunc(ended, cancel)()
		length := f.units[len(f.units)-1].DTS + frames.ClockRate/25
		for i := 0; ; i++ {
			u, shift := f.units[i%len(f.units)], int64(i/len(f.units))*length
			timer := time.NewTimer(time.Until(began.Add(frames.Duration(u.DTS + shift))))
			select {
			case <-ctx.Done():
				timer.Stop()
				return nil
			case <-timer.C:
			}
			packets, err := encoder.Encode(u.NALUs)
			if err != nil {
				return err
			}
			for _, p := range packets {
				p.Timestamp = uint32(u.PTS + shift) //nolint:gosec // it wraps
				if err := stream.WritePacketRTP(video, p); err != nil {
					return err
				}
			}
		}
	})
	return cancel
}

// transcoded is a film made of a video by ffmpeg's filter: six seconds of an empty doorway, then somebody for eight.
func transcoded(t *testing.T, video, filter string) film {
	t.Helper()
	path := filepath.Join(t.TempDir(), "film.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-v", "error", "-ss", "14", "-t", "16", "-i", video, "-an",
		"-vf", filter, "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-crf", "20", "-g", "50", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	source, err := mp4.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return collect(t, source.Parameters, source.Units(), nil)
}

// TestSubstream watches a camera of two streams, 1080p and 640×360: the stranger is found in the small one, and shown and
// recorded out of the other. Then the small one goes, and the camera is watched all the same.
func TestSubstream(t *testing.T) {
	models, videos := need(t, "VIGIL_MODELS_DIR"), need(t, "VIGIL_VIDEO_DIR")
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	t.Parallel()
	s := newSite(t)
	// People take a quarter of the picture's height: a face is some 90 pixels wide in the large picture, 30 in the small one.
	const far = "scale=960:540,pad=1920:1080:480:270:gray"
	video := filepath.Join(videos, "doorway-1080p25.mp4")
	main, small := transcoded(t, video, far), transcoded(t, video, far+",scale=640:360")
	r := newRelay(t, map[string]film{"main": main, "small": small})

	s.engine = fmt.Sprintf("engine: deep, dir: %q", models)
	own := fmt.Sprintf("{ id: %s, publish_token: %q }", camera, s.token)
	pulled := fmt.Sprintf("{ id: %s, url: %q, detect_url: %q }", camera, r.address("main"), r.address("small"))
	_, g := start(t, strings.Replace(s.config(), own, pulled, 1))
	r.listened(t)
	began := time.Now()
	r.play(t, "main", main, began)
	stop := r.play(t, "small", small, began)
	opened := s.wait(t, alerts.Opened, 60*time.Second)
	if opened.Data.Alert.Camera != camera {
		t.Errorf("got an alert of camera %s, want %s", opened.Data.Alert.Camera, camera)
	}
	made := s.wait(t, alerts.ClipReady, 60*time.Second)
	if shot := shotWidth(t, made.Data.Alert.BestShotURL); shot < 200 {
		t.Errorf("the best shot is %d pixels wide, want more than the 160 that the small picture has", shot)
	}
	largeEyes(t, g, opened.Data.Alert.ID)
	if c := made.Data.Clip; c.Width != 1920 || c.Height != 1080 {
		t.Errorf("the clip is %d×%d, want the main stream's", c.Width, c.Height)
	}
	f := fetch(t, made.Data.Clip)
	f.inLoop(t, main)
	says(t, g, `vigil_stream_detect_up{camera="door"} 1`, `vigil_vision_main_instead{camera="door"} 0`, `vigil_stream_up{camera="door"} 1`)

	stop()
	eventually(t, 40*time.Second, "the main stream is analysed", func() error {
		return metric(t, g, `vigil_vision_main_instead{camera="door"} 1`, `vigil_stream_detect_up{camera="door"} 0`)
	})
	first := opened.Data.Alert.ID
	eventually(t, 60*time.Second, "the next alert", func() error {
		for _, d := range s.receiver.Deliveries() {
			if d.Event.Type == alerts.Opened && d.Event.Data.Alert.ID != first {
				return nil
			}
		}
		return fmt.Errorf("only %s", first)
	})
}

// shotWidth is how many pixels a best shot has across.
func shotWidth(t *testing.T, link string) int {
	t.Helper()
	status, _, body, err := get(t.Context(), link, nil)
	if err != nil || status != http.StatusOK {
		t.Fatalf("best shot: got %d, %v", status, err)
	}
	img, err := jpeg.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("best shot: %v", img.Bounds().Size())
	return img.Bounds().Dx()
}

// largeEyes expects that the faces that raised the alert were looked at in the main stream's pixels.
func largeEyes(t *testing.T, g greeting, alert string) {
	t.Helper()
	status, _, body, err := get(t.Context(), g.Console+"/api/v1/explain?id="+alert, http.Header{"Authorization": {"Bearer " + g.AdminToken}})
	if err != nil || status != http.StatusOK {
		t.Fatalf("explain: got %d, %v", status, err)
	}
	var eyes []float64
	for _, found := range regexp.MustCompile(`"eye_distance":([0-9.]+)`).FindAllSubmatch(body, -1) {
		pixels, err := strconv.ParseFloat(string(found[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		eyes = append(eyes, pixels)
	}
	if len(eyes) == 0 || slices.Min(eyes) < 25 {
		t.Errorf("got pixels between the eyes of %v, want three times the 13 of the small picture", eyes)
	}
	t.Logf("pixels between the eyes: %v", eyes)
}

// inLoop expects that the clip is a stretch of a film that is shown over and over.
func (f *footage) inLoop(t *testing.T, sent film) {
	t.Helper()
	twice := film{parameters: sent.parameters, units: append(append([]frames.AccessUnit{}, sent.units...), sent.units...)}
	f.unbroken(t, twice)
}

// metric looks for lines in /metrics.
func metric(t *testing.T, g greeting, lines ...string) error {
	t.Helper()
	status, _, body, err := get(t.Context(), g.Console+"/metrics", http.Header{"Authorization": {"Bearer " + g.AdminToken}})
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("metrics: %d, %w", status, err)
	}
	for _, line := range lines {
		if !bytes.Contains(body, []byte(line+"\n")) {
			return fmt.Errorf("no line %s", line)
		}
	}
	return nil
}

func says(t *testing.T, g greeting, lines ...string) {
	t.Helper()
	eventually(t, 20*time.Second, "metrics", func() error { return metric(t, g, lines...) })
}
