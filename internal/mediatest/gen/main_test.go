package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"vigil/clips/mp4"
	"vigil/internal/mediatest"
)

func smallScene() mediatest.Scene {
	return mediatest.Scene{
		Name: "small", Width: 160, Height: 90, FPS: 5, Length: 2 * time.Second,
		Passes: []mediatest.Pass{{Person: mediatest.Stranger(), Enter: 0, Leave: time.Second, Height: 0.3}},
	}
}

func TestGenerate(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg, which only the generator needs, is not installed")
	}
	dir, s := t.TempDir(), smallScene()
	if err := generate(t.Context(), s, dir, 25); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "small.truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var truth mediatest.Truth
	if err := json.Unmarshal(b, &truth); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(truth, s.Truth()) {
		t.Errorf("got truth %+v, want %+v", truth, s.Truth())
	}
	if b, err = os.ReadFile(filepath.Join(dir, "small.mp4")); err != nil {
		t.Fatal(err)
	}
	clip, err := mp4.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if clip.Width != s.Width || clip.Height != s.Height || clip.Duration != s.Length {
		t.Errorf("got %d×%d, %v, want %d×%d, %v", clip.Width, clip.Height, clip.Duration, s.Width, s.Height, s.Length)
	}
}

func TestGenerateSaysWhatItCannotWrite(t *testing.T) {
	if err := generate(t.Context(), smallScene(), filepath.Join(t.TempDir(), "nowhere"), 25); err == nil {
		t.Error("got no error for a folder that does not exist")
	}
}
