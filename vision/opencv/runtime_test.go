//go:build !nocv

package opencv

import (
	"errors"
	"log/slog"
	"math"
	"path/filepath"
	"sync"
	"testing"

	"vigil/models"
	"vigil/vision"
	"vigil/vision/onnx"
)

// onnxRuntime is ONNX Runtime, where there is its library.
func onnxRuntime(t testing.TB) Runtime {
	t.Helper()
	library, err := onnx.Load(env(t, "VIGIL_ONNXRUNTIME"))
	if err != nil {
		t.Fatal(err)
	}
	return Runtime{Name: library.String(), Open: func(model []byte, in models.Input, outputs ...string) (Network, error) {
		n, err := library.Open(model, in, outputs...)
		if err != nil {
			return nil, err
		}
		return n, nil
	}}
}

// openOn opens the deep engine on a runtime.
func openOn(t testing.TB, r Runtime) vision.Engine {
	t.Helper()
	e, err := Open(Config{
		ModelsDir: env(t, "VIGIL_MODELS_DIR"), Engine: EngineDeep, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Runtime: func() (Runtime, error) { return r, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 2 {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return e
}

func runtimes(t *testing.T, test func(t *testing.T, r Runtime)) {
	t.Run("opencv", func(t *testing.T) { test(t, Own()) })
	t.Run("onnxruntime", func(t *testing.T) { test(t, onnxRuntime(t)) })
}

// photos are the portraits and two pictures of each person of ORL.
func photos(t *testing.T) []string {
	t.Helper()
	dir := env(t, "VIGIL_FACES_DIR")
	var all []string
	for _, pattern := range []string{"portraits/*/*", "orl/*/1.pgm", "orl/*/2.pgm"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: got %d pictures, %v", pattern, len(found), err)
		}
		all = append(all, found...)
	}
	return all
}

// TestRuntimesAgree looks at the same pictures on both: the boxes differ by a hundredth of the picture at most, the
// embeddings by nothing that matters.
func TestRuntimesAgree(t *testing.T) {
	a, b := openOn(t, Own()), openOn(t, onnxRuntime(t))
	least, most := 1.0, 0.0
	for _, file := range photos(t) {
		p, err := readPicture(file)
		if err != nil {
			t.Fatal(err)
		}
		f, x, _ := embedBest(t, a, p)
		g, y, _ := embedBest(t, b, p)
		off := 0.0
		for _, d := range []float64{f.Box.X - g.Box.X, f.Box.Y - g.Box.Y, f.Box.W - g.Box.W, f.Box.H - g.Box.H, f.Score - g.Score} {
			off = max(off, math.Abs(d))
		}
		for i, l := range f.Landmarks {
			off = max(off, math.Abs(l.X-g.Landmarks[i].X), math.Abs(l.Y-g.Landmarks[i].Y))
		}
		if cosine := x.Dot(y); cosine < 0.999 || off > 0.01 {
			t.Errorf("%s: got cosine %.5f and %.4f between %+v and %+v", file, cosine, off, f, g)
		} else {
			least, most = min(least, cosine), max(most, off)
		}
	}
	t.Logf("cosines from %.6f, boxes, landmarks and scores within %.6f", least, most)
}

// TestLanes has two engines at work at once.
func TestLanes(t *testing.T) {
	runtimes(t, func(t *testing.T, r Runtime) {
		files := photos(t)[:6]
		var lanes sync.WaitGroup
		for _, e := range []vision.Engine{openOn(t, r), openOn(t, r)} {
			lanes.Go(func() {
				for _, file := range files {
					p, err := readPicture(file)
					if err != nil {
						t.Error(err)
						return
					}
					if faces, err := e.Detect(p, nil); err != nil || len(faces) == 0 {
						t.Errorf("%s: got %d faces, %v", file, len(faces), err)
					}
				}
			})
		}
		lanes.Wait()
	})
}

func TestRuntimeFails(t *testing.T) {
	dir := t.TempDir()
	wrong := errors.New("no such runtime")
	cfg := Config{
		ModelsDir: dir, Log: slog.New(slog.DiscardHandler),
		Runtime: func() (Runtime, error) { return Runtime{}, wrong },
	}
	e, err := Open(cfg)
	if err != nil {
		t.Fatalf("without networks nothing runs them: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	cfg.ModelsDir = env(t, "VIGIL_MODELS_DIR")
	if _, err := Open(cfg); !errors.Is(err, wrong) {
		t.Errorf("got %v, want %v", err, wrong)
	}
}

// BenchmarkNetworks runs the networks alone, at the size of a 16:9 camera and of a face.
func BenchmarkNetworks(b *testing.B) {
	m, err := models.Load(env(b, "VIGIL_MODELS_DIR"))
	if err != nil {
		b.Fatal(err)
	}
	open := map[string]func(b *testing.B) Runtime{
		"opencv":      func(*testing.B) Runtime { return Own() },
		"onnxruntime": func(b *testing.B) Runtime { return onnxRuntime(b) },
	}
	for name, size := range map[string][2]int{models.YuNet: {640, 384}, models.MobileFaceNet: {112, 112}} {
		for runtime, open := range open {
			b.Run(name+"/"+runtime, func(b *testing.B) {
				benchmarkNetwork(b, m, name, open(b), size[0], size[1])
			})
		}
	}
}

func benchmarkNetwork(b *testing.B, m *models.Manifest, name string, r Runtime, width, height int) {
	oneThread()
	k, err := m.Find(name)
	if err != nil {
		b.Fatal(err)
	}
	file, err := m.Open(name)
	if errors.Is(err, models.ErrMissing) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	var outputs []string
	if name == models.YuNet {
		outputs = yunetOutputs()
	}
	n, err := r.Open(file, k.Input, outputs...)
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close() //nolint:errcheck // it returns nil
	bgr := make([]byte, 3*width*height)
	for i := range bgr {
		bgr[i] = byte(i * i >> 3)
	}
	if err := n.Run(bgr, width, height); err != nil { // the first run makes the buffers
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := n.Run(bgr, width, height); err != nil {
			b.Fatal(err)
		}
	}
}
