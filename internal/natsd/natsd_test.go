package natsd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"vigil/internal/natsd"
)

func start(t *testing.T, c natsd.Config) *natsd.Server {
	t.Helper()
	s, err := natsd.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, s *natsd.Server) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestRestartKeepsMessages(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	s, err := natsd.Start(t.Context(), natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "GONE", Subjects: []string{"g.>"}}); err != nil {
		t.Fatal(err)
	}
	if err := js.DeleteStream(t.Context(), "GONE"); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if _, err := js.Publish(t.Context(), "s.x", fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	nc.Close()
	s.Close()
	s.Close()

	s, err = natsd.Start(t.Context(), natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	nc, err = s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "S")
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().State.Msgs; got != 10 {
		t.Errorf("got %d messages after the restart, want 10", got)
	}
}

func TestManyServersInOneProcess(t *testing.T) {
	for range 3 {
		js := open(t, start(t, natsd.Config{Dir: t.TempDir()}))
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
			t.Fatal(err)
		}
		if ack, err := js.Publish(t.Context(), "s", nil); err != nil || ack.Sequence != 1 {
			t.Fatalf("got %v, %v, want the first message of a server of its own", ack, err)
		}
	}
}

func TestListen(t *testing.T) {
	s := start(t, natsd.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if s := start(t, natsd.Config{Dir: t.TempDir()}); s.URL() != "" {
		t.Errorf("got URL %q without a listener", s.URL())
	}
	_, err = natsd.Start(t.Context(), natsd.Config{Dir: t.TempDir(), Listen: strings.TrimPrefix(s.URL(), "nats://")})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want the port to be in use", err)
	}
}

func TestPayloadLimit(t *testing.T) {
	s := start(t, natsd.Config{Dir: t.TempDir(), MaxStore: 64 << 20})
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got := nc.MaxPayload(); got != 1<<20 {
		t.Errorf("got %d bytes of payload, want 1 MiB", got)
	}
	if got := s.MaxStore(); got != 64<<20 {
		t.Errorf("got a store of %d bytes, want 64 MiB", got)
	}
}

func TestRefusals(t *testing.T) {
	used := t.TempDir()
	start(t, natsd.Config{Dir: used})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blocked := t.TempDir()
	if err := os.WriteFile(filepath.Join(blocked, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		config natsd.Config
		want   []string
	}{
		"directory in use": {natsd.Config{Dir: used}, []string{used, "in use"}},
		"no directory":     {natsd.Config{}, []string{"no directory"}},
		"a file":           {natsd.Config{Dir: file}, []string{file}},
		"store is a file":  {natsd.Config{Dir: blocked}, []string{blocked, "not a directory"}},
		"open listener":    {natsd.Config{Dir: t.TempDir(), Listen: "0.0.0.0:0"}, []string{"0.0.0.0:0", "loopback"}},
		"bad port":         {natsd.Config{Dir: t.TempDir(), Listen: "127.0.0.1:x"}, []string{"port"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := natsd.Start(t.Context(), tc.config)
			if err == nil {
				s.Close()
				t.Fatal("got a server, want an error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want it to name %q", err, want)
				}
			}
		})
	}
}

func TestUnreadableStreamIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := start(t, natsd.Config{Dir: dir})
	js := open(t, s)
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	meta := filepath.Join(dir, "jetstream", "$G", "streams", "S", "meta.inf")
	if err := os.WriteFile(meta, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := natsd.Start(t.Context(), natsd.Config{Dir: dir})
	if err == nil {
		s.Close()
		t.Fatal("got a server that lost a stream in silence")
	}
	if !strings.Contains(err.Error(), "stream S") {
		t.Errorf("got %q, want it to name the stream", err)
	}
}
