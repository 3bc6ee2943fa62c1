package mediatest

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"vigil/frames"
	"vigil/ingest"
	"vigil/ingest/rtsp"
)

// door lets everybody publish, and collects what is sent.
type door struct {
	units chan ingest.Unit
	ended chan error
}

func (d *door) Publishing(string) (string, bool, error) { return "", true, nil }

func (d *door) Admit(_ context.Context, camera, _, _ string) (*ingest.Session, error) {
	if camera != "door" {
		return nil, ingest.ErrUnknownCamera
	}
	return &ingest.Session{Sink: d, Context: context.Background(), End: func(reason error) { d.ended <- reason }}, nil
}

func (d *door) Start(frames.Parameters) error { return nil }

func (d *door) Audio(ingest.Sound) {}
func (d *door) Lost(uint64)        {}

func (d *door) Unit(u ingest.Unit) error {
	select {
	case d.units <- u:
	default: // the test has seen enough
	}
	return nil
}

func TestCameraPublishes(t *testing.T) {
	d := &door{units: make(chan ingest.Unit, 5), ended: make(chan error, 1)}
	srv, err := rtsp.NewServer(rtsp.ServerConfig{
		Listen: "127.0.0.1:0", Admission: d, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	published := make(chan error, 1)
	go func() { published <- Camera{Clip: "solo", Loop: true}.Publish(ctx, "rtsp://"+srv.Addr()+"/door") }()
	var last int64
	for n := range cap(d.units) {
		select {
		case u := <-d.units:
			if n > 0 && u.PTS-last != int64(frames.ClockRate/Solo().FPS) {
				t.Errorf("picture %d comes %d ticks after the one before, want %d", n, u.PTS-last, frames.ClockRate/Solo().FPS)
			}
			last = u.PTS
		case err := <-published:
			t.Fatalf("Publish ended with %v", err)
		}
	}
	cancel()
	if err := <-published; err != nil {
		t.Errorf("got %v after the context ended, want nil", err)
	}
	if reason := <-d.ended; errors.Is(reason, ingest.ErrUnknownCamera) {
		t.Errorf("the session ended with %v", reason)
	}
}
