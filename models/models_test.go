package models

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// served returns a manifest with two small models, of which the first comes from the given handler.
func served(t *testing.T, content []byte, h http.HandlerFunc) *Manifest {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return &Manifest{Dir: filepath.Join(t.TempDir(), "models"), Models: []Model{
		{Name: "one", File: "one.onnx", URL: server.URL + "/one.onnx", Bytes: int64(len(content)), SHA256: sum(content), Role: Embedder, Default: true},
		{Name: "two", File: "two.onnx", Bytes: 3, SHA256: sum([]byte("two")), Licence: "research use only", Role: Embedder},
	}}
}

func contains(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("got no error")
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("got %q, want it to contain %q", err, p)
		}
	}
}

func TestBuiltin(t *testing.T) {
	m, err := Load(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range m.Models {
		if !hexDigest.MatchString(k.SHA256) || !fileName.MatchString(k.File) || k.Bytes == 0 || k.Licence == "" {
			t.Errorf("incomplete entry %+v", k)
		}
		if k.Default != (k.Name == YuNet || k.Name == SFace) {
			t.Errorf("model %s: got default %v", k.Name, k.Default)
		}
		if k.Default && !strings.HasPrefix(k.URL, "https://") {
			t.Errorf("model %s: got URL %q, want https", k.Name, k.URL)
		}
		if k.Role == Embedder && (k.Dim == 0 || k.Threshold == 0) {
			t.Errorf("embedder %s without dim or threshold", k.Name)
		}
		if err := checkCalibration(k.Calibration); err != nil {
			t.Errorf("model %s: %v", k.Name, err)
		}
	}
}

func TestOpen(t *testing.T) {
	content := []byte("the network")
	m := served(t, content, nil)
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(m.Dir, "one.onnx")

	_, err := m.Open("one")
	contains(t, err, "one.onnx", "vigil models fetch")
	if !errors.Is(err, ErrMissing) {
		t.Errorf("got %v, want ErrMissing", err)
	}
	_, err = m.Open("two")
	contains(t, err, "two.onnx", "cannot be fetched")
	_, err = m.Open("three")
	contains(t, err, `"three"`, "one, two")

	for _, wrong := range [][]byte{[]byte("another one"), []byte("the network and more"), {}} {
		write(t, path, wrong)
		_, err = m.Open("one")
		contains(t, err, path, sum(wrong), sum(content))
		if !errors.Is(err, ErrDigest) {
			t.Errorf("got %v, want ErrDigest", err)
		}
	}
	write(t, path, content)
	got, err := m.Open("one")
	if err != nil || !bytes.Equal(got, content) {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestVerify(t *testing.T) {
	content := []byte("the network")
	m := served(t, content, nil)
	if err := os.MkdirAll(filepath.Join(m.Dir, "two.onnx"), 0o700); err != nil {
		t.Fatal(err)
	}
	states := func(all []Status) (s []State) {
		for _, one := range all {
			s = append(s, one.State)
			if (one.State == OK || one.State == Present) != (one.Error == "") {
				t.Errorf("state %s with error %q", one.State, one.Error)
			}
		}
		return s
	}
	// two.onnx is a folder: there, but it cannot be read.
	if got := states(m.Verify()); got[0] != Missing || got[1] != Unreadable {
		t.Errorf("got %v, want missing and unreadable", got)
	}
	if got := states(m.List()); got[0] != Missing || got[1] != Present {
		t.Errorf("got %v, want missing and present", got)
	}
	write(t, filepath.Join(m.Dir, "one.onnx"), []byte("x"))
	if got := states(m.Verify()); got[0] != Differs {
		t.Errorf("got %v, want differs", got)
	}
	write(t, filepath.Join(m.Dir, "one.onnx"), content)
	if got := states(m.Verify()); got[0] != OK {
		t.Errorf("got %v, want ok", got)
	}
}

func TestPick(t *testing.T) {
	own := []byte("own network")
	cases := []struct {
		name     string
		files    []string
		embedder string
		want     string
		err      string
		missing  bool
	}{
		{name: "nothing", err: "face_detection_yunet_2023mar.onnx", missing: true},
		{name: "detector only", files: []string{YuNet}, err: "face_recognition_sface_2021dec.onnx", missing: true},
		{name: "sface first", files: []string{YuNet, SFace, MobileFaceNet, "own"}, want: SFace},
		{name: "the only one", files: []string{YuNet, MobileFaceNet}, want: MobileFaceNet},
		{name: "two without a name", files: []string{YuNet, MobileFaceNet, "own"}, err: "mobilefacenet and own"},
		{name: "named", files: []string{YuNet, SFace, "own"}, embedder: "own", want: "own"},
		{name: "named and missing", files: []string{YuNet, SFace}, embedder: MobileFaceNet, err: "mobilefacenet_arcface", missing: true},
		{name: "named and unknown", files: []string{YuNet}, embedder: "nobody", err: "nobody"},
		{name: "named a detector", files: []string{YuNet}, embedder: YuNet, err: "not an embedder"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, FileName), []byte("models:\n  - {name: own, file: own.onnx, sha256: "+sum(own)+
				", dim: 512, threshold: 0.3, margin: 0.05, input: {order: bgr, mean: [127.5, 127.5, 127.5], scale: 0.0078125}}\n"))
			m, err := Load(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range c.files {
				k, err := m.Find(name)
				if err != nil {
					t.Fatal(err)
				}
				write(t, m.path(k), own)
			}
			detector, embedder, err := m.Pick(c.embedder)
			if c.err != "" {
				contains(t, err, c.err)
				if errors.Is(err, ErrMissing) != c.missing {
					t.Errorf("got %v, want missing %v", err, c.missing)
				}
				return
			}
			if err != nil || detector.Name != YuNet || embedder.Name != c.want {
				t.Fatalf("got %s, %s, %v, want %s", detector.Name, embedder.Name, err, c.want)
			}
		})
	}
}

func TestFetch(t *testing.T) {
	content := bytes.Repeat([]byte("network "), 10000)
	requests := 0
	m := served(t, content, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		_, _ = w.Write(content)
	})
	var last int64
	for range 2 { // the second finds it there
		last = 0
		err := m.Fetch(t.Context(), http.DefaultClient, nil, func(k Model, done, total int64) {
			if k.Name != "one" || done < last || total != int64(len(content)) {
				t.Errorf("got progress %s %d of %d after %d", k.Name, done, total, last)
			}
			last = done
		})
		if err != nil || last != int64(len(content)) {
			t.Fatalf("got %v after %d bytes", err, last)
		}
	}
	if requests != 1 {
		t.Errorf("got %d requests, want 1", requests)
	}
	if _, err := m.Open("one"); err != nil {
		t.Error(err)
	}
	onlyFiles(t, m.Dir, "one.onnx")
	contains(t, m.Fetch(t.Context(), http.DefaultClient, []string{"two"}, nil), "two.onnx", "research use only")
}

func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && (!errors.Is(err, fs.ErrNotExist) || len(want) > 0) {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("folder holds %v, want %v", got, want)
	}
}

func TestFetchFails(t *testing.T) {
	content := []byte("the right network")
	wrong := []byte("the wrong network")
	cases := []struct {
		name    string
		handler http.HandlerFunc
		want    []string
	}{
		{"status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, []string{"403 Forbidden", "/one.onnx"}},
		{"digest", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wrong) }, []string{sum(wrong), sum(content), "one.onnx"}},
		{"too long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat(content, 2)) }, []string{"more than the 17 bytes"}},
		{"LFS pointer", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("version")) }, []string{"(7 bytes)"}},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "17")
			_, _ = w.Write(content[:5])
		}, []string{"after 5 of 17 bytes"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := served(t, content, c.handler)
			if err := os.MkdirAll(m.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			old := []byte("what was there")
			write(t, filepath.Join(m.Dir, "one.onnx"), old)
			contains(t, m.Fetch(t.Context(), http.DefaultClient, []string{"one"}, nil), c.want...)
			onlyFiles(t, m.Dir, "one.onnx")
			if got, err := os.ReadFile(filepath.Join(m.Dir, "one.onnx")); err != nil || !bytes.Equal(got, old) {
				t.Errorf("got %q, %v, want the old file", got, err)
			}
		})
	}
}

func TestFetchCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	m := served(t, []byte("network"), func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("net"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	err := m.Fetch(ctx, http.DefaultClient, nil, func(Model, int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	onlyFiles(t, m.Dir)
}

func TestNoFolder(t *testing.T) {
	m, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.Pick(""); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v, want ErrMissing", err)
	}
	contains(t, m.Fetch(t.Context(), http.DefaultClient, nil, nil), "no models folder")
}
