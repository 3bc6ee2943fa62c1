//go:build !nocv

package app

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/config"
)

func TestOpenRuntime(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	none := filepath.Join(t.TempDir(), "none.so")
	for _, cfg := range []config.Models{{Runtime: "onnxruntime"}, {Runtime: "onnxruntime", Library: none}, {Runtime: "auto", Library: none}} {
		r, err := openRuntime(cfg, logger)
		if err == nil && cfg.Library == "" {
			t.Skipf("this machine has %s", r.Name)
		}
		want := []string{none}
		if cfg.Library == "" {
			want = []string{"/usr/lib/vigil/libonnxruntime.so.1", "/usr/local/lib/libonnxruntime.so.1"}
		}
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%+v: got %v, want an error with %q in it", cfg, err, w)
			}
		}
	}
	if r, err := openRuntime(config.Models{Runtime: "opencv", Library: none}, logger); err != nil || r.Name != "OpenCV" || log.Len() > 0 {
		t.Errorf("got %q, %v, and said %q", r.Name, err, &log)
	}
	if r, err := openRuntime(config.Models{Runtime: "auto"}, logger); err != nil || r.Name != "OpenCV" {
		t.Errorf("got %q, %v, want OpenCV", r.Name, err)
	}
	got := log.String()
	if strings.Count(got, "\n") != 1 || len(got) > 180 || strings.Contains(got, "/usr/") {
		t.Errorf("got log %q, want one short line without the places", got)
	}
	for _, remedy := range []string{"make onnxruntime", "models.library"} {
		if !strings.Contains(got, remedy) {
			t.Errorf("got log %q, want %q in it", got, remedy)
		}
	}
	log.Reset()
	logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, err := openRuntime(config.Models{Runtime: "auto"}, logger); err != nil || !strings.Contains(log.String(), "/usr/lib/vigil/") {
		t.Errorf("got %v and log %q at debug level, want the places", err, &log)
	}
}

// A library that is there and does not load is another matter: somebody put it there.
func TestRuntimeThatDoesNotLoad(t *testing.T) {
	var log bytes.Buffer
	sayWithout(slog.New(slog.NewTextHandler(&log, nil)), errors.New("load ONNX Runtime: too old"))
	if got := log.String(); !strings.Contains(got, "WARN") || !strings.Contains(got, "too old") {
		t.Errorf("got log %q, want a warning with the reason", got)
	}
}

func TestOpenEngineOnONNXRuntime(t *testing.T) {
	library, dir := os.Getenv("VIGIL_ONNXRUNTIME"), os.Getenv("VIGIL_MODELS_DIR")
	if library == "" || dir == "" {
		t.Skip("VIGIL_ONNXRUNTIME and VIGIL_MODELS_DIR are not both set")
	}
	var log bytes.Buffer
	cfg := config.Default()
	cfg.Models.Dir, cfg.Models.Library = dir, library
	for range 2 { // as two lanes
		e, err := OpenEngine(cfg, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := log.String(); !strings.Contains(got, "ONNX Runtime 1.") || !strings.Contains(got, library) {
		t.Errorf("got log %q, want it to name the runtime", got)
	}
	cfg.Models.Runtime = "opencv"
	log.Reset()
	e, err := OpenEngine(cfg, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil || !strings.Contains(log.String(), "runtime=OpenCV") {
		t.Errorf("got %v and log %q, want OpenCV", err, &log)
	}
}
