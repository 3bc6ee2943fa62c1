package doctor

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/ingest"
	"vigil/ingest/rtsp"
	"vigil/internal/mediatest"
)

// source is a camera that sends a picture each 40 ms, and a key frame each so often.
type source struct {
	codec frames.Codec
	every time.Duration // 0: never
	fails error         // instead of anything
	mute  bool
}

func (s source) String() string { return "rtsp://10.0.0.5/1" }

func (s source) Run(ctx context.Context, sink ingest.Sink) error {
	if s.fails != nil {
		return s.fails
	}
	if err := sink.Start(frames.Parameters{Codec: s.codec}); err != nil {
		return err
	}
	key, other, set := []byte{0x65, 1}, []byte{0x41, 1}, []byte{0x67, 1}
	if s.codec == frames.H265 {
		key, other, set = []byte{19 << 1, 1}, []byte{1 << 1, 1}, []byte{33 << 1, 1}
	}
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for at := 40 * time.Millisecond; ; at += 40 * time.Millisecond {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if s.mute {
			continue
		}
		nalus := [][]byte{other}
		if s.every > 0 && at%s.every == 0 {
			nalus = [][]byte{set, key}
		}
		if err := sink.Unit(ingest.Unit{PTS: frames.Ticks(at), Received: time.Now(), NALUs: nalus}); err != nil {
			return err
		}
	}
}

func TestCameras(t *testing.T) {
	live := &Running{Cameras: []frames.CameraState{{Camera: "door", Online: true, Codec: frames.H264, Width: 1280, Height: 720, GOP: 2}}}
	slow := &Running{Cameras: []frames.CameraState{{Camera: "door", Online: true, GOP: 10}}}
	decodes := func(err error) Decode {
		return func(p frames.Parameters, u frames.AccessUnit) error {
			if len(p.SPS) == 0 || !u.Key {
				return errors.New("no parameter sets, or no key frame")
			}
			return err
		}
	}
	for name, tt := range map[string]struct {
		source  ingest.Source
		decode  Decode
		running *Running
		level   Level
		want    string
	}{
		"good":              {source{codec: frames.H264, every: time.Second}, decodes(nil), nil, OK, "h264, decoded; first key frame after 1.0 s, then every 1.0 s"},
		"H.265":             {source{codec: frames.H265, every: 2 * time.Second}, decodes(nil), nil, OK, "h265, decoded"},
		"no vision":         {source{codec: frames.H264, every: time.Second}, nil, nil, OK, "not decoded here"},
		"cannot be decoded": {source{codec: frames.H264, every: time.Second}, decodes(errors.New("10 bits")), nil, Problem, "10 bits"},
		"long GOP":          {source{codec: frames.H264, every: 8 * time.Second}, nil, nil, Warning, "8.0 s apart"},
		"longer GOP":        {source{codec: frames.H264, every: 12 * time.Second}, nil, nil, Warning, "apart"},
		"no key frame":      {source{codec: frames.H264}, nil, nil, Problem, "without a key frame"},
		"silence":           {source{codec: frames.H264, mute: true}, nil, nil, Problem, "sends no video"},
		"credentials":       {source{fails: ingest.ErrCredentials}, nil, nil, Problem, "refuses user or password"},
		"refused":           {source{fails: errors.New("connection refused")}, nil, nil, Problem, "connection refused"},
		"one connection":    {source{fails: errors.New("too many clients")}, nil, live, Warning, "the running vigil has its video"},
		"publisher":         {nil, nil, nil, OK, "publishes to vigil"},
		"publishing":        {nil, nil, live, OK, "h264 1280x720, key frames 2.0 s apart"},
		"publishing slowly": {nil, nil, slow, Warning, "10.0 s apart"},
		"publisher away":    {nil, nil, &Running{}, Warning, "publishes nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				only(t, Cameras(t.Context(), []Camera{{"door", tt.source}}, tt.decode, tt.running)).want(t, tt.level, "camera door", tt.want)
			})
		})
	}
	only(t, Cameras(t.Context(), nil, nil, nil)).want(t, OK, "none is named")
}

// A camera at an RTSP address, with the client that Vigil pulls with.
func TestCameraAtAnAddress(t *testing.T) {
	player, err := mediatest.NewPlayer(mediatest.Camera{Clip: "solo", Loop: true}, "admin", "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- player.Run(ctx) }()
	client := func(url string) Camera {
		source, err := rtsp.NewClient(rtsp.ClientConfig{URL: url, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return Camera{"door", source}
	}
	got := Cameras(t.Context(), []Camera{client(player.URL()), client(strings.Replace(player.URL(), "hunter2", "hunter3", 1))}, nil, nil)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	got[0].want(t, OK, "h264 1280x720", "first key frame after")
	got[1].want(t, Problem, "refuses user or password")
	got = append(got, Cameras(t.Context(), []Camera{client(player.URL())}, nil, nil)...)
	got[2].want(t, Problem, "refused")
	for _, f := range got {
		t.Log(f.Text)
		if strings.Contains(f.Text, "hunter") {
			t.Errorf("got %s", f.Text)
		}
	}
}
