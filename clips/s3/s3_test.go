package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"vigil/clips"
	"vigil/clips/clipstest"
	"vigil/internal/objectd"
)

func serve(t *testing.T, dir string) *objectd.Server {
	t.Helper()
	s, err := objectd.Start(t.Context(), objectd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t *testing.T, s *objectd.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func connect(t *testing.T, s *objectd.Server, bucket string) *Store {
	t.Helper()
	access, secret := s.Keys()
	store, err := New(t.Context(), Config{
		Endpoint: s.Endpoint(), Bucket: bucket, AccessKey: access, SecretKey: Secret(secret),
		PathStyle: true, Transport: s.Transport(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestContract(t *testing.T) {
	s := serve(t, t.TempDir())
	var n atomic.Int32
	clipstest.Contract(t, func(t *testing.T) clips.Store {
		return connect(t, s, fmt.Sprintf("vigil-%d", n.Add(1)))
	})
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, dir)
	opts := clips.PutOptions{ContentType: clips.TypeMP4}
	if err := connect(t, s, "vigil").Put(t.Context(), "clips/one.mp4", bytes.NewReader([]byte("a clip")), opts); err != nil {
		t.Fatal(err)
	}
	before, err := connect(t, s, "vigil").Stat(t.Context(), "clips/one.mp4")
	if err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	after, err := connect(t, serve(t, dir), "vigil").Stat(t.Context(), "clips/one.mp4")
	if err != nil || after != before {
		t.Errorf("got %+v, %v after a restart, want %+v", after, err, before)
	}
}

// answer is a service that gives everybody the same answer, but knows its bucket.
func answer(t *testing.T, status int, code string) *Store {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Trim(r.URL.Path, "/") == "vigil" && r.Method == http.MethodHead {
			return
		}
		w.WriteHeader(status)
		if _, err := fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code); err != nil {
			t.Log(err)
		}
	}))
	t.Cleanup(server.Close)
	store, err := New(t.Context(), Config{
		Endpoint: server.Listener.Addr().String(), Bucket: "vigil", AccessKey: "me", SecretKey: "hunter2", PathStyle: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		status int
		code   string
		want   error // nil: neither of the two
	}{
		{http.StatusPreconditionFailed, "PreconditionFailed", clips.ErrExists},
		{http.StatusNotFound, "NoSuchKey", clips.ErrNotFound},
		{http.StatusNotFound, "NoSuchBucket", nil},
		{http.StatusForbidden, "AccessDenied", nil},
		{http.StatusConflict, "ConditionalRequestConflict", nil},
	} {
		t.Run(tt.code, func(t *testing.T) {
			err := answer(t, tt.status, tt.code).Put(t.Context(), "clips/one.mp4", strings.NewReader("x"), clips.PutOptions{IfAbsent: true})
			if err == nil {
				t.Fatal("got no error")
			}
			for _, known := range []error{clips.ErrExists, clips.ErrNotFound} {
				if got, want := errors.Is(err, known), errors.Is(tt.want, known); got != want {
					t.Errorf("%v: is %q: got %v, want %v", err, known, got, want)
				}
			}
			if text := err.Error(); !strings.Contains(text, "put clips/one.mp4") || strings.Contains(text, "hunter2") {
				t.Errorf("got %q, want operation and key in it, and no secret", text)
			}
		})
	}
}

// lossy loses the answer to the first write.
type lossy struct {
	http.RoundTripper
	lost atomic.Bool
}

// RoundTrip implements http.RoundTripper.
func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil && r.Method == http.MethodPut && r.Header.Get("If-None-Match") == "*" && l.lost.CompareAndSwap(false, true) {
		return nil, errors.Join(errors.New("connection reset by peer"), resp.Body.Close())
	}
	return resp, err
}

// TestLostAnswer has a write of which the service says that it was done only to its repetition: that the object exists.
func TestLostAnswer(t *testing.T) {
	s := serve(t, t.TempDir())
	access, secret := s.Keys()
	transport := &lossy{RoundTripper: s.Transport()}
	store, err := New(t.Context(), Config{
		Endpoint: s.Endpoint(), Bucket: "vigil", AccessKey: access, SecretKey: Secret(secret), PathStyle: true, Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	// Small enough to be sent whole before the service refuses the repetition.
	body := bytes.Repeat([]byte("clip"), 2_000)
	opts := clips.PutOptions{ContentType: clips.TypeMP4, IfAbsent: true}
	if err := store.Put(t.Context(), "clips/one.mp4", bytes.NewReader(body), opts); !errors.Is(err, clips.ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	o, err := store.Stat(t.Context(), "clips/one.mp4")
	if sum := sha256.Sum256(body); err != nil || o.Size != int64(len(body)) || o.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("got %+v, %v, want all of it", o, err)
	}
}

func TestNewSaysWhereItFailed(t *testing.T) {
	s := serve(t, t.TempDir())
	access, _ := s.Keys()
	for name, cfg := range map[string]Config{
		"wrong secret":   {Endpoint: s.Endpoint(), Bucket: "vigil", AccessKey: access, SecretKey: "hunter2", PathStyle: true, Transport: s.Transport()},
		"nobody answers": {Endpoint: "127.0.0.1:1", Bucket: "vigil", AccessKey: access, SecretKey: "hunter2"},
		"bad bucket":     {Endpoint: s.Endpoint(), Bucket: "No Bucket", AccessKey: access, SecretKey: "hunter2"},
		"bad endpoint":   {Endpoint: "http://host/path", Bucket: "vigil", AccessKey: access, SecretKey: "hunter2"},
	} {
		_, err := New(t.Context(), cfg)
		if err == nil {
			t.Errorf("%s: got no error", name)
			continue
		}
		if text := err.Error(); !strings.Contains(text, cfg.Endpoint) || strings.Contains(text, "hunter2") {
			t.Errorf("%s: got %q, want the endpoint in it, and no secret", name, text)
		}
	}
}

func TestNewIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ctx, Config{Endpoint: "127.0.0.1:1", Bucket: "vigil"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	cfg := Config{AccessKey: "me", SecretKey: "hunter2"}
	text, err := cfg.SecretKey.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q", cfg, cfg, cfg, cfg.SecretKey, cfg.SecretKey) + string(text) + cfg.SecretKey.LogValue().String()
	if strings.Contains(printed, "hunter2") {
		t.Errorf("got the secret in %s", printed)
	}
}
