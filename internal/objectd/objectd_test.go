package objectd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/signer"
	"golang.org/x/sys/unix"
)

const bucket = "vigil"

func serve(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func client(t *testing.T, s *Server) *minio.Client {
	t.Helper()
	access, secret := s.Keys()
	c, err := minio.New(s.Endpoint(), &minio.Options{
		Creds: credentials.NewStaticV4(access, string(secret), ""), Region: "us-east-1",
		Transport: s.Transport(), BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func makeBucket(t *testing.T, c *minio.Client) {
	t.Helper()
	if err := c.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, c *minio.Client, key, body string) {
	t.Helper()
	options := minio.PutObjectOptions{ContentType: "text/plain", UserMetadata: map[string]string{"Sha256": "abc"}}
	if _, err := c.PutObject(t.Context(), bucket, key, strings.NewReader(body), int64(len(body)), options); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, c *minio.Client, key string) string {
	t.Helper()
	body, err := c.GetObject(t.Context(), bucket, key, minio.GetObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	if err = errors.Join(err, body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	first := serve(t, Config{Dir: dir})
	c := client(t, first)
	makeBucket(t, c)
	put(t, c, "clips/door/one.mp4", "a clip")
	access, secret := first.Keys()
	stop(t, first)
	if now, err := os.Getwd(); err != nil || now != before {
		t.Errorf("working directory after close: got %s, %v, want %s", now, err, before)
	}

	second := serve(t, Config{Dir: dir})
	if a, s := second.Keys(); a != access || s != secret {
		t.Error("got other keys after a restart, want the same")
	}
	c = client(t, second)
	if got := get(t, c, "clips/door/one.mp4"); got != "a clip" {
		t.Errorf("got %q after a restart, want the clip", got)
	}
	info, err := c.StatObject(t.Context(), bucket, "clips/door/one.mp4", minio.StatObjectOptions{})
	if err != nil || info.UserMetadata["Sha256"] != "abc" || info.ContentType != "text/plain" {
		t.Errorf("got %+v, %v after a restart, want the metadata", info, err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "objects", bucket, "clips", "door", "one.mp4"))
	if err != nil || string(file) != "a clip" {
		t.Errorf("the folder has %q, %v, want the plain clip", file, err)
	}
	if mode := modeOf(t, filepath.Join(dir, "keys.json")); mode != 0o600 {
		t.Errorf("keys.json: got mode %v, want 0600", mode)
	}
	if mode := modeOf(t, filepath.Join(dir, "s3.sock")); mode != 0o600 {
		t.Errorf("socket: got mode %v, want 0600", mode)
	}
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestListenTCP(t *testing.T) {
	s := serve(t, Config{Dir: t.TempDir(), Listen: "127.0.0.1:0", AccessKey: "me", SecretKey: "a secret of mine"})
	if strings.HasSuffix(s.Endpoint(), ":0") {
		t.Fatalf("got endpoint %s, want the port", s.Endpoint())
	}
	c := client(t, s)
	makeBucket(t, c)
	put(t, c, "key", "body")
	if got := get(t, c, "key"); got != "body" {
		t.Errorf("got %q, want body", got)
	}
}

func TestPathTooLongForASocket(t *testing.T) {
	s := serve(t, Config{Dir: filepath.Join(t.TempDir(), strings.Repeat("long", 30))})
	makeBucket(t, client(t, s))
}

func TestStartRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	used := t.TempDir()
	file, err := os.Create(filepath.Join(used, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	notDir := filepath.Join(t.TempDir(), "file")
	broken := t.TempDir()
	for path, content := range map[string]string{notDir: "", filepath.Join(broken, "keys.json"): "{}"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		cfg  Config
		want string
	}{
		"port in use":        {Config{Dir: t.TempDir(), Listen: taken.Addr().String()}, taken.Addr().String()},
		"address of no host": {Config{Dir: t.TempDir(), Listen: "127.0.0.1"}, "127.0.0.1"},
		"folder in use":      {Config{Dir: used}, "another process uses this folder"},
		"not a folder":       {Config{Dir: notDir}, notDir},
		"half a key":         {Config{Dir: t.TempDir(), AccessKey: "me"}, "secret key"},
		"broken key file":    {Config{Dir: broken}, "keys.json"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Start(t.Context(), tt.cfg)
			if err == nil {
				stop(t, s)
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want it to name %q", err, tt.want)
			}
		})
	}
	serve(t, Config{Dir: t.TempDir()}) // none of them left anything behind
}

func TestOneAtATime(t *testing.T) {
	s := serve(t, Config{Dir: t.TempDir()})
	c := client(t, s)
	makeBucket(t, c)
	if _, err := Start(t.Context(), Config{Dir: t.TempDir()}); !errors.Is(err, ErrRunning) {
		t.Errorf("got %v, want ErrRunning", err)
	}
	put(t, c, "key", "body") // the first one is unharmed
	if got := get(t, c, "key"); got != "body" {
		t.Errorf("got %q, want body", got)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.Wait(); err != nil {
		t.Errorf("wait: got %v, want nil", err)
	}
	stop(t, s)
	stop(t, s)
}

func TestChunkedIsNotKept(t *testing.T) {
	s := serve(t, Config{Dir: t.TempDir()})
	c := client(t, s)
	makeBucket(t, c)
	put(t, c, "single", "body") // minio-go sends aws-chunked over plain HTTP
	large := bytes.Repeat([]byte("0123456789abcdef"), 6<<20/16)
	_, err := c.PutObject(t.Context(), bucket, "parts", bytes.NewReader(large), -1, minio.PutObjectOptions{PartSize: 5 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, c, "parts"); got != string(large) {
		t.Errorf("parts: got %d other bytes, want %d", len(got), len(large))
	}
	for _, key := range []string{"single", "parts"} {
		info, err := c.StatObject(t.Context(), bucket, key, minio.StatObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Metadata.Get("Content-Encoding"); got != "" {
			t.Errorf("%s: got content encoding %q, want none", key, got)
		}
	}
}

func TestSidecarWhereAttributesAreMissing(t *testing.T) {
	dir := t.TempDir()
	none := func(string) error { return errors.New("no extended attributes here") }
	for range 2 { // and after a restart
		s, err := start(t.Context(), Config{Dir: dir}, none)
		if err != nil {
			t.Fatal(err)
		}
		c := client(t, s)
		if exists, err := c.BucketExists(t.Context(), bucket); err != nil {
			t.Fatal(err)
		} else if !exists {
			makeBucket(t, c)
			put(t, c, "clips/one.mp4", "a clip")
		}
		info, err := c.StatObject(t.Context(), bucket, "clips/one.mp4", minio.StatObjectOptions{})
		if err != nil || info.UserMetadata["Sha256"] != "abc" || info.ContentType != "text/plain" {
			t.Errorf("got %+v, %v, want the metadata", info, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "meta", bucket, "clips", "one.mp4", "meta", "content-type")); err != nil {
			t.Error(err)
		}
		stop(t, s)
	}
}

func TestWithoutChunked(t *testing.T) {
	for in, want := range map[string]string{
		"aws-chunked": "", "aws-chunked,gzip": "gzip", "gzip, aws-chunked": "gzip", "gzip": "gzip", "": "",
	} {
		got := ""
		if kept := withoutChunked(&in); kept != nil {
			got = *kept
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if withoutChunked(nil) != nil {
		t.Error("nil: got an encoding, want nil")
	}
}

func TestStrangersAreRefused(t *testing.T) {
	s := serve(t, Config{Dir: t.TempDir()})
	good := client(t, s)
	makeBucket(t, good)
	put(t, good, "key", "body")
	access, _ := s.Keys()
	for name, creds := range map[string]*credentials.Credentials{
		"wrong secret": credentials.NewStaticV4(access, "wrong", ""),
		"wrong key":    credentials.NewStaticV4("wrong", "wrong", ""),
		"anonymous":    credentials.NewStaticV4("", "", ""),
	} {
		c, err := minio.New(s.Endpoint(), &minio.Options{Creds: creds, Region: "us-east-1", Transport: s.Transport(), MaxRetries: 1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.StatObject(t.Context(), bucket, "key", minio.StatObjectOptions{}); err == nil {
			t.Errorf("%s: stat: got an answer", name)
		}
		body := strings.NewReader("x")
		if _, err := c.PutObject(t.Context(), bucket, "key", body, 1, minio.PutObjectOptions{}); err == nil {
			t.Errorf("%s: put: got an answer", name)
		}
	}
	if got := get(t, good, "key"); got != "body" {
		t.Errorf("got %q, want body", got)
	}
}

func TestNothingLeavesTheFolder(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, Config{Dir: filepath.Join(dir, "data")})
	makeBucket(t, client(t, s))
	access, secret := s.Keys()
	for _, key := range []string{"../evil", "%2e%2e/evil", "a/..%2f..%2f..%2fevil", "%2e%2e/%2e%2e/%2e%2e/evil", "a%00evil"} {
		for _, prefix := range []string{"/" + bucket + "/", "/" + bucket + "/../", "/"} {
			url := fmt.Sprintf("http://%s%s%s", s.Endpoint(), prefix, key)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
			req = signer.SignV4(*req, access, string(secret), "", "us-east-1")
			resp, err := s.Transport().RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if err := resp.Body.Close(); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode < 300 && !inside(t, filepath.Join(dir, "data", "objects", bucket)) {
				t.Errorf("%s%s: got status %d", prefix, key, resp.StatusCode)
			}
		}
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		root := filepath.Join(dir, "data", "objects", bucket)
		if err == nil && strings.Contains(filepath.Base(path), "evil") && !strings.HasPrefix(path, root+"/") {
			t.Errorf("found %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// inside says whether the bucket has anything at all.
func inside(t *testing.T, root string) bool {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries) > 0
}

func TestSweepsUnfinishedUploads(t *testing.T) {
	dir := t.TempDir()
	temp := filepath.Join(dir, "objects", bucket, ".sgwtmp")
	if err := os.MkdirAll(filepath.Join(temp, "multipart", "one"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(temp, "half"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, Config{Dir: dir})
	if _, err := os.Stat(filepath.Join(temp, "half")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half: got %v, want it gone", err)
	}
	if _, err := os.Stat(filepath.Join(temp, "multipart", "one")); err != nil {
		t.Errorf("multipart: got %v, want it kept", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	cfg := Config{Dir: "d", AccessKey: "me", SecretKey: "hunter2"}
	text, err := cfg.SecretKey.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q", cfg, cfg, cfg, cfg.SecretKey, cfg.SecretKey) + string(text) + cfg.SecretKey.LogValue().String()
	if strings.Contains(printed, "hunter2") {
		t.Errorf("got the secret in %s", printed)
	}
}
