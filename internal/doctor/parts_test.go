package doctor

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"

	"vigil/alerts/webhook"
	"vigil/clips"
	"vigil/clips/clipstest"
	"vigil/clips/s3"
	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/internal/objectd"
)

func TestModels(t *testing.T) {
	runs := func(name string, err error) func() (string, error) {
		return func() (string, error) { return name, err }
	}
	empty, damaged := t.TempDir(), t.TempDir()
	for _, file := range []string{"face_detection_yunet_2023mar.onnx", "face_recognition_sface_2021dec.onnx"} {
		if err := os.WriteFile(filepath.Join(damaged, file), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		n     Networks
		level Level
		want  string
	}{
		"no vision":     {Networks{Dir: empty}, Warning, "built without OpenCV"},
		"classic":       {Networks{Dir: empty, Engine: "classic", Runtime: runs("x", nil)}, Warning, "classic engine is chosen"},
		"missing":       {Networks{Dir: empty, Engine: "auto", Runtime: runs("x", nil)}, Warning, "vigil models fetch"},
		"deep, missing": {Networks{Dir: empty, Engine: "deep", Runtime: runs("x", nil)}, Problem, "yunet"},
		"unknown":       {Networks{Dir: damaged, Engine: "auto", Embedder: "mine", Runtime: runs("x", nil)}, Problem, `"mine"`},
		"damaged":       {Networks{Dir: damaged, Engine: "auto", Runtime: runs("x", nil)}, Problem, "wrong SHA-256"},
	} {
		t.Run(name, func(t *testing.T) { only(t, Models(tt.n)).want(t, tt.level, tt.want) })
	}
	dir := os.Getenv("VIGIL_MODELS_DIR")
	if dir == "" {
		t.Skip("VIGIL_MODELS_DIR is not set")
	}
	for _, tt := range []struct {
		runtime func() (string, error)
		level   Level
		want    string
	}{{runs("ONNX Runtime 1.30", nil), OK, "ONNX Runtime 1.30"}, {runs("OpenCV", nil), OK, "make onnxruntime"}, {runs("", errors.New("no library")), Problem, "no library"}} {
		got := Models(Networks{Dir: dir, Engine: "auto", Runtime: tt.runtime})
		if len(got) != 2 {
			t.Fatalf("got %+v", got)
		}
		got[0].want(t, OK, "yunet@", "digests are right")
		got[1].want(t, tt.level, tt.want)
	}
}

func TestEmbedded(t *testing.T) {
	lock := filepath.Join(t.TempDir(), "lock")
	says := func(ok bool) *Running { return &Running{Parts: []Part{{Name: "bus", OK: ok, Detail: "no answer"}}} }
	embedded("nats", "bus", lock, nil).want(t, OK, "starts with vigil")
	embedded("nats", "bus", lock, says(true)).want(t, OK, "works in the running vigil")
	embedded("nats", "bus", lock, says(false)).want(t, Problem, "no answer")
	f, err := os.Create(lock)
	if err != nil {
		t.Fatal(err)
	}
	embedded("nats", "bus", lock, nil).want(t, OK, "starts with vigil")
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	embedded("nats", "bus", lock, nil).want(t, Problem, "another process uses")
	embedded("nats", "bus", lock, &Running{}).want(t, OK, "runs")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	embedded("nats", "bus", filepath.Dir(lock), nil).want(t, Problem, "is a directory")
}

func TestBus(t *testing.T) {
	broker, err := natsd.Start(t.Context(), natsd.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", MaxStore: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	look := func(url string) Finding {
		return only(t, Bus{URL: url, Server: "bus", Declared: 1 << 20}.Look(t.Context()))
	}
	look(broker.URL()).want(t, OK, "bus answers, with JetStream")
	conn, err := bus.Connect(t.Context(), broker.URL(), bus.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Declare(t.Context(), bus.Limits{Store: 64 << 20}); err != nil {
		t.Fatal(err)
	}
	streams := 1 // the log of fragments
	for range conn.JetStream().ListStreams(t.Context()).Info() {
		streams++
	}
	if streams != streamCount {
		t.Errorf("got %d streams, and %d are looked for", streams, streamCount)
	}

	for name, change := range map[string]func(*server.Options){
		"no JetStream": func(o *server.Options) { o.JetStream = false },
		"max_payload":  func(o *server.Options) { o.MaxPayload = 64 << 10 },
	} {
		o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
		change(o)
		s, err := server.NewServer(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("no server")
		}
		look("nats://"+s.Addr().String()).want(t, Problem, strings.TrimPrefix(name, "no "))
		s.Shutdown()
		s.WaitForShutdown()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	only(t, Bus{URL: "nats://user:hunter2@127.0.0.1:9"}.Look(ctx)).want(t, Problem, "127.0.0.1:9")
	if f := only(t, Bus{URL: "nats://user:hunter2@127.0.0.1:9"}.Look(ctx)); strings.Contains(f.Text, "hunter2") {
		t.Errorf("got %s", f.Text)
	}
}

func TestBusLimits(t *testing.T) {
	b := Bus{Server: "bus", Declared: 6 << 30, Replicas: 3}
	for _, tt := range []struct {
		limits jetstream.AccountLimits
		level  Level
		want   string
	}{
		{jetstream.AccountLimits{MaxStore: -1, MaxStreams: -1}, OK, "answers"},
		{jetstream.AccountLimits{MaxStore: 18 << 30, MaxStreams: streamCount}, OK, "answers"},
		{jetstream.AccountLimits{MaxStore: 10 << 30, MaxStreams: -1}, Warning, "10 GiB"},
		{jetstream.AccountLimits{MaxStore: 0, MaxStreams: -1}, Problem, "may not store"},
		{jetstream.AccountLimits{MaxStore: -1, MaxStreams: 5}, Problem, "5 streams"},
	} {
		b.limits(&jetstream.AccountInfo{Tier: jetstream.Tier{Limits: tt.limits}}).want(t, tt.level, tt.want)
	}
}

// writeOnly is a store whose key may write and not read.
type writeOnly struct{ clips.Store }

func (writeOnly) Get(context.Context, string) (io.ReadSeekCloser, clips.Object, error) {
	return nil, clips.Object{}, errors.New("access denied")
}

func TestStore(t *testing.T) {
	service, err := objectd.Start(t.Context(), objectd.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close() //nolint:errcheck // a test's
	access, secret := service.Keys()
	target := s3.Config{Endpoint: service.Endpoint(), Bucket: "vigil", AccessKey: access, SecretKey: s3.Secret(secret), PathStyle: true, Transport: service.Transport()}
	look := func() Finding {
		open := func() (clips.Store, error) { return s3.Open(target) }
		return only(t, Store{Endpoint: target.Endpoint, Bucket: target.Bucket, Open: open}.Look(t.Context()))
	}
	look().want(t, Warning, "no bucket vigil yet")
	store, err := s3.New(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	look().want(t, OK, "bucket vigil", "can be written, read and deleted")
	for o, err := range store.List(t.Context(), "") {
		t.Errorf("left behind: %s, %v", o.Key, err)
	}
	only(t, Store{Endpoint: "x", Open: func() (clips.Store, error) { return writeOnly{store}, nil }}.Look(t.Context())).want(t, Problem, "access denied")
	target.SecretKey = "wrong"
	look().want(t, Problem, "s3.endpoint", "may write")
	only(t, Store{Endpoint: "x", Open: func() (clips.Store, error) { return nil, errors.New("no address") }}.Look(t.Context())).want(t, Problem, "no address")
	only(t, Store{Lock: filepath.Join(t.TempDir(), "lock")}.Look(t.Context())).want(t, OK, "embedded")
	if f := (Store{}).try(t.Context(), &clipstest.Memory{}); f.Level != OK {
		t.Errorf("got %+v", f)
	}
}

func TestEndpoints(t *testing.T) {
	receiver, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	here := "http://" + receiver.Addr().String() + "/hook?token=hunter2"
	look := func(url string, private bool) Finding {
		return only(t, Endpoints(t.Context(), []webhook.Endpoint{{ID: "home", URL: url, AllowPrivate: private}}))
	}
	look(here, true).want(t, OK, "endpoint home", "accepts connections")
	look(here, false).want(t, Problem, "loopback", "allow_private: true")
	look("http://169.254.169.254/", true).want(t, Problem, "metadata")
	look("http://vigil.invalid/?token=hunter2", true).want(t, Problem, "vigil.invalid")
	look("http://a b/", true).want(t, Problem, "cannot be read")
	if err := receiver.Close(); err != nil {
		t.Fatal(err)
	}
	look(here, true).want(t, Warning, "nobody answers")
	if f := look(here, true); strings.Contains(f.Text, "hunter2") {
		t.Errorf("got %s", f.Text)
	}
	only(t, Endpoints(t.Context(), nil)).want(t, Warning, "there is none")
}
