//go:build !nocv

package opencv

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/mediatest"
	"vigil/models"
	"vigil/vision"
)

func env(t testing.TB, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Skipf("%s is not set", name)
	}
	return v
}

func open(t testing.TB, engine string) vision.Engine {
	t.Helper()
	cfg := Config{Engine: engine, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if engine == EngineDeep {
		cfg.ModelsDir = env(t, "VIGIL_MODELS_DIR")
	}
	e, err := Open(cfg)
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

// drawn is a portrait of a drawn person.
func drawn(t testing.TB, p mediatest.Person, size, n int) vision.Picture {
	t.Helper()
	b, err := mediatest.PortraitJPEG(p, size, n)
	if err != nil {
		t.Fatal(err)
	}
	picture, err := decoded(p.Name, b)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// embedBest embeds the picture's first face.
func embedBest(t testing.TB, e vision.Engine, p vision.Picture) (vision.Face, vision.Embedding, vision.Quality) {
	t.Helper()
	faces, err := e.Detect(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(faces) == 0 {
		t.Fatal("got no face")
	}
	embedding, q, err := e.Embed(p, faces[0])
	if err != nil {
		t.Fatal(err)
	}
	return faces[0], embedding, q
}

func engines(t *testing.T, test func(t *testing.T, e vision.Engine)) {
	for _, name := range []string{EngineClassic, EngineDeep} {
		t.Run(name, func(t *testing.T) { test(t, open(t, name)) })
	}
}

func TestDrawnPeople(t *testing.T) {
	engines(t, func(t *testing.T, e vision.Engine) {
		type seen struct {
			person int
			e      vision.Embedding
		}
		var all []seen
		for i, who := range []mediatest.Person{mediatest.Resident(), mediatest.Stranger()} {
			for n := range 4 {
				f, embedding, q := embedBest(t, e, drawn(t, who, 400, n))
				if f.Score < 0.7 || f.Box.W < 0.25 || f.Box.W > 0.7 || f.Box.X < 0.1 || f.Box.Y < 0.05 {
					t.Errorf("%s %d: got %+v", who.Name, n, f)
				}
				if q.Score <= 0.3 || q.Score > 1 || q.EyeDistance < 30 || q.EyeDistance > 120 || math.Abs(q.Yaw) > 20 {
					t.Errorf("%s %d: got quality %+v", who.Name, n, q)
				}
				all = append(all, seen{i, embedding})
			}
		}
		threshold := e.Model().Threshold
		for i, a := range all {
			for _, b := range all[i+1:] {
				if score := a.e.Dot(b.e); (score >= threshold) != (a.person == b.person) {
					t.Errorf("persons %d and %d: got score %.3f, threshold %.3f", a.person, b.person, score, threshold)
				}
			}
		}
	})
}

func TestRepeats(t *testing.T) {
	engines(t, func(t *testing.T, e vision.Engine) {
		p := drawn(t, mediatest.Stranger(), 300, 1)
		other := drawn(t, mediatest.Resident(), 500, 0)
		f, first, q := embedBest(t, e, p)
		for range 2 {
			embedBest(t, e, other) // another size in between
			g, again, r := embedBest(t, e, p)
			if f != g || q != r || first.Dot(again) < 1-1e-5 {
				t.Errorf("got %+v, %+v after %+v, %+v", g, r, f, q)
			}
		}
	})
}

// flat is a picture of one colour.
func flat(t testing.TB, w, h int) vision.Picture {
	t.Helper()
	p, err := NewPicture(w, h, bytes.Repeat([]byte{90, 120, 100}, w*h))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNobody(t *testing.T) {
	engines(t, func(t *testing.T, e vision.Engine) {
		for _, size := range [][2]int{{640, 360}, {1, 1}, {7, 300}, {2000, 3}} {
			p := flat(t, size[0], size[1])
			if faces, err := e.Detect(p, nil); err != nil || len(faces) != 0 {
				t.Errorf("%v: got %v, %v, want nobody", size, faces, err)
			}
		}
	})
}

func TestRefusesBadInput(t *testing.T) {
	engines(t, func(t *testing.T, e vision.Engine) {
		for _, p := range []vision.Picture{
			{},
			{Width: 10, Height: 10},
			{Width: 10, Height: 10, Pixels: &packed{10, 10, make([]byte, 299)}},
			{Width: -1, Height: -1, Pixels: &packed{-1, -1, make([]byte, 3)}},
			{Width: maxSide + 1, Height: 1, Pixels: &packed{maxSide + 1, 1, make([]byte, 3*(maxSide+1))}},
		} {
			if _, err := e.Detect(p, nil); err == nil {
				t.Errorf("detect in %d×%d: got no error", p.Width, p.Height)
			}
			if _, _, err := e.Embed(p, vision.Face{}); err == nil {
				t.Errorf("embed of %d×%d: got no error", p.Width, p.Height)
			}
		}
		p := drawn(t, mediatest.Resident(), 200, 0)
		for _, f := range []vision.Face{{}, {Landmarks: vision.Landmarks{{X: math.NaN()}}}, {Landmarks: vision.Landmarks{{X: math.Inf(1)}}}} {
			if _, _, err := e.Embed(p, f); err == nil {
				t.Errorf("embed %v: got no error", f.Landmarks)
			}
		}
	})
}

func TestOpenChooses(t *testing.T) {
	empty := t.TempDir()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))

	e, err := Open(Config{ModelsDir: empty, Engine: EngineAuto, Log: logger})
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Model().Engine; got != EngineClassic {
		t.Errorf("got engine %s, want classic", got)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"level=WARN", "classic", "face_detection_yunet_2023mar.onnx", "vigil models fetch"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("got log %q, want %q in it", &log, want)
		}
	}

	for _, c := range []struct {
		cfg  Config
		want []string
	}{
		{Config{ModelsDir: empty, Engine: EngineDeep}, []string{"face_detection_yunet_2023mar.onnx", "vigil models fetch"}},
		{Config{Engine: "fast"}, []string{`"fast"`, "classic"}},
		{Config{Engine: EngineClassic, CascadesDir: empty}, []string{empty, ".xml", "opencv-data"}},
		{Config{ModelsDir: empty, Embedder: "nobody", Engine: EngineDeep}, []string{"yunet"}},
	} {
		c.cfg.Log = logger
		_, err := Open(c.cfg)
		if err == nil {
			t.Errorf("%+v: got no error", c.cfg)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got %q, want %q in it", err, want)
			}
		}
	}
}

// TestWrongFiles has files that are there and not what they should be. OpenCV would end the process at some of them.
func TestWrongFiles(t *testing.T) {
	dir := t.TempDir()
	m, err := models.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range m.Models {
		if err := os.WriteFile(filepath.Join(dir, k.File), []byte("not a network"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, engine := range []string{EngineAuto, EngineDeep} {
		if _, err := Open(Config{ModelsDir: dir, Engine: engine, Log: slog.New(slog.DiscardHandler)}); !errors.Is(err, models.ErrDigest) {
			t.Errorf("%s: got %v, want ErrDigest", engine, err)
		}
	}
	for _, b := range [][]byte{nil, []byte("not a network"), bytes.Repeat([]byte{0x0a, 0xff}, 500)} {
		if n, err := openNetwork(b, models.Input{Scale: 1}); err == nil {
			_ = n.Close()
			t.Errorf("network of %d bytes: got no error", len(b))
		}
	}
}

func TestWrongNetwork(t *testing.T) {
	m, err := models.Load(env(t, "VIGIL_MODELS_DIR"))
	if err != nil {
		t.Fatal(err)
	}
	detector, embedder, err := m.Pick("")
	if err != nil {
		t.Fatal(err)
	}
	found, wrong, err := read(m, detector, embedder)
	if err != nil {
		t.Fatal(err)
	}
	wrong.Dim = 512
	if _, err := openDeep(openNetwork, found, wrong); err == nil || !strings.Contains(err.Error(), embedder.File) {
		t.Errorf("wrong length: got %v, want an error that names %s", err, embedder.File)
	}
	b, err := m.Open(detector.Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openNetwork(b, detector.Input); err == nil {
		t.Error("a network of twelve outputs as one of one: got no error")
	}
	b, err = m.Open(embedder.Name)
	if err != nil {
		t.Fatal(err)
	}
	n, err := openNetwork(b, embedder.Input)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Close() }()
	if err := n.Run(make([]byte, 3*50*40), 50, 40); err == nil { // OpenCV throws
		t.Error("a picture of the wrong size: got no error")
	}
	if err := n.Run(make([]byte, 3*112*112), 112, 112); err != nil {
		t.Errorf("after an exception: %v", err)
	}
}

// golden is what testdata/golden.py found.
type golden struct {
	Box       [4]float64
	Landmarks [5][2]float64
	Embedding vision.Embedding
}

func TestGolden(t *testing.T) {
	runtimes(t, func(t *testing.T, r Runtime) { testGolden(t, openOn(t, r)) })
}

func testGolden(t *testing.T, e vision.Engine) {
	faces := env(t, "VIGIL_FACES_DIR")
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]golden
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	people := map[string][]vision.Embedding{}
	for name, want := range all {
		p, err := readPicture(filepath.Join(faces, name))
		if err != nil {
			t.Fatal(err)
		}
		f, embedding, _ := embedBest(t, e, p)
		for i, v := range [4]float64{f.Box.X, f.Box.Y, f.Box.W, f.Box.H} {
			if math.Abs(v-want.Box[i]) > 0.01*max(want.Box[2], want.Box[3]) {
				t.Errorf("%s: got box %+v, want %v", name, f.Box, want.Box)
			}
		}
		for i, l := range f.Landmarks {
			if math.Hypot(l.X-want.Landmarks[i][0], l.Y-want.Landmarks[i][1]) > 0.01*want.Box[2] {
				t.Errorf("%s: got landmarks %v, want %v", name, f.Landmarks, want.Landmarks)
			}
		}
		if c := embedding.Dot(want.Embedding); c < 0.999 {
			t.Errorf("%s: got an embedding of cosine %.4f, want at least 0.999", name, c)
		}
		who := filepath.Dir(name)
		people[who] = append(people[who], embedding)
	}
	for a, as := range people {
		if c := as[0].Dot(as[1]); c < 0.46 {
			t.Errorf("%s: got score %.3f between two photos, want at least 0.46", a, c)
		}
		for b, bs := range people {
			if c := as[0].Dot(bs[1]); a != b && c > 0.4 {
				t.Errorf("%s and %s: got score %.3f, want at most 0.4", a, b, c)
			}
		}
	}
}

func TestNamedEmbedderMustBeThere(t *testing.T) {
	_, err := Open(Config{ModelsDir: t.TempDir(), Engine: EngineAuto, Embedder: models.SFace, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, models.ErrMissing) {
		t.Errorf("got %v, want %v: falling back would match with another network than the named one", err, models.ErrMissing)
	}
}

// TestSliverAfterNoise gives the networks memory that was used before, of which too small an input would let OpenCV 4.6
// compute faces.
func TestSliverAfterNoise(t *testing.T) {
	engines(t, func(t *testing.T, e vision.Engine) {
		random := rand.New(rand.NewPCG(1, 2))
		for range 10 {
			noise := make([]byte, 1280*720*3)
			for i := range noise {
				noise[i] = byte(random.Uint32())
			}
			p, err := NewPicture(1280, 720, noise)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Detect(p, nil); err != nil {
				t.Fatal(err)
			}
			for _, size := range [][2]int{{2000, 3}, {7, 300}, {640, 40}} {
				p := flat(t, size[0], size[1])
				if faces, err := e.Detect(p, nil); err != nil || len(faces) != 0 {
					t.Fatalf("%v: got %d faces, %v, want nobody", size, len(faces), err)
				}
			}
		}
	})
}
