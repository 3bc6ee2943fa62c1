//go:build !nocv

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// verifies checks the clip of a running Vigil, by its id and as files, whole and tampered with.
func (r *running) verifies(id string) {
	t := r.t
	t.Helper()
	key := strings.TrimSpace(r.vigil("clips", "key").out)
	r.vigil("clips", "verify", id).works(t, "record  good", "key     good: "+key, "video   good")
	video := filepath.Join(t.TempDir(), "clip.mp4")
	record := strings.TrimSuffix(video, ".mp4") + ".json"
	r.vigil("clips", "get", id, "--record", "-o", video).works(t, video)
	r.vigil("clips", "verify", video).works(t, "key     not checked: it is "+key)
	r.vigil("clips", "verify", video, record, "--key", key).works(t, "key     good")
	other := "A" + strings.Repeat("B", 42) + "="
	r.vigil("clips", "verify", video, "--key", strings.Repeat("A", 43)+"=").fails(t, 1, "not what Vigil recorded")
	r.vigil("clips", "verify", video, "--key", other[:10]).fails(t, 1, "want the base64 of 32 bytes")
	if got := each[judgement](t, r.vigil("clips", "verify", video, "--json")); len(got) != 1 || !got[0].Good || got[0].Clip.SHA256 == "" {
		t.Errorf("got %+v", got)
	}
	changed(t, record, `"decision": "unknown"`, `"decision": "known"`)
	r.vigil("clips", "verify", video).fails(t, 1, "not what Vigil recorded")
	changed(t, record, `"decision": "known"`, `"decision": "unknown"`)
	film, err := os.ReadFile(video)
	if err != nil {
		t.Fatal(err)
	}
	film[len(film)/2] ^= 1
	if err := os.WriteFile(video, film, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := r.vigil("clips", "verify", video); !strings.Contains(got.out, "record  good") || !strings.Contains(got.out, "video   BAD") {
		t.Errorf("got %+v", got)
	}
	r.vigil("clips", "verify", filepath.Dir(video)).fails(t, 1, "is a folder")
	r.vigil("clips", "verify", filepath.Join(filepath.Dir(video), "none.mp4")).fails(t, 1, "none.mp4")
}

// changed replaces a part of a file.
func changed(t *testing.T, path, before, after string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte(before)) {
		t.Fatalf("%s holds no %s, %v", path, before, err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(before), []byte(after), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}
