//go:build !nocv

package mediatest

import (
	"image"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"vigil/frames"
	"vigil/vision"
	"vigil/vision/decode"
	"vigil/vision/opencv"
)

// bounds say what an engine must make of the cast. Every portrait must be more like another of the same person than
// like any of anybody else, by the gap. Of Resident and Stranger the engine's threshold must part
// all of them. Different people may be as much alike as others says.
type bounds struct {
	score  float64 // the detector's, at least
	gap    float64
	others float64
}

func forEngines(t *testing.T, check func(t *testing.T, e vision.Engine, b bounds)) {
	t.Helper()
	t.Run("classic", func(t *testing.T) {
		check(t, openEngine(t, opencv.EngineClassic, ""), bounds{score: 0.7, gap: 0.05, others: 0.9})
	})
	t.Run("deep", func(t *testing.T) {
		dir := os.Getenv("VIGIL_MODELS_DIR")
		if dir == "" {
			t.Skip("VIGIL_MODELS_DIR is not set: no networks to try")
		}
		check(t, openEngine(t, opencv.EngineDeep, dir), bounds{score: 0.9, gap: 0.4, others: 0.5})
	})
}

func openEngine(t *testing.T, name, dir string) vision.Engine {
	t.Helper()
	e, err := opencv.Open(opencv.Config{
		ModelsDir: dir, Engine: name, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// bgr is the picture as engines take it.
func bgr(t testing.TB, img *image.RGBA) vision.Picture {
	t.Helper()
	pixels := make([]byte, 0, len(img.Pix)/4*3)
	for i := 0; i < len(img.Pix); i += 4 {
		pixels = append(pixels, img.Pix[i+2], img.Pix[i+1], img.Pix[i])
	}
	p, err := opencv.NewPicture(img.Rect.Dx(), img.Rect.Dy(), pixels)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// look returns the embedding of the picture's only face, nil when there is none.
func look(t *testing.T, e vision.Engine, p vision.Picture, score float64) (vision.Embedding, vision.Quality) {
	t.Helper()
	faces, err := e.Detect(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(faces) != 1 || faces[0].Score < score {
		return nil, vision.Quality{}
	}
	v, q, err := e.Embed(p, faces[0])
	if err != nil {
		t.Fatal(err)
	}
	return v, q
}

// album embeds every portrait of p.
func album(t *testing.T, e vision.Engine, p Person, score float64) []vision.Embedding {
	t.Helper()
	var out []vision.Embedding
	for n := range Variations {
		v, _ := look(t, e, bgr(t, Portrait(p, 240, n).(*image.RGBA)), score)
		if v == nil {
			t.Errorf("%s's portrait %d: want one face that scores %.2f", p.Name, n, score)
			continue
		}
		out = append(out, v)
	}
	return out
}

// alike is the largest cosine between a and the embeddings in b, itself left out.
func alike(a vision.Embedding, b []vision.Embedding) float64 {
	best := -1.0
	for _, v := range b {
		if &v[0] != &a[0] {
			best = max(best, a.Dot(v))
		}
	}
	return best
}

func TestEnginesTellTheCastApart(t *testing.T) {
	forEngines(t, func(t *testing.T, e vision.Engine, b bounds) {
		cast := Cast()
		albums := make([][]vision.Embedding, len(cast))
		for i, p := range cast {
			albums[i] = album(t, e, p, b.score)
		}
		for i, p := range cast {
			for j := range cast {
				low, high := 1.0, -1.0
				for _, v := range albums[i] {
					low, high = min(low, alike(v, albums[j])), max(high, alike(v, albums[j]))
				}
				t.Logf("%s is %.2f to %.2f like %s", p.Name, low, high, cast[j].Name)
				if i == j && i < 2 && low < e.Model().Threshold || i != j && high > b.others {
					t.Errorf("%s is %.2f to %.2f like %s", p.Name, low, high, cast[j].Name)
				}
			}
		}
		for i, p := range cast {
			for n, v := range albums[i] {
				own, other := alike(v, albums[i]), -1.0
				for j := range cast {
					if j != i {
						other = max(other, alike(v, albums[j]))
					}
				}
				if own-other < b.gap {
					t.Errorf("%s's portrait %d is %.2f like themselves and %.2f like somebody else", p.Name, n, own, other)
				}
			}
		}
	})
}

// decoded returns every step-th picture of an embedded clip.
func decoded(t *testing.T, clip string, step int64) []vision.Picture {
	t.Helper()
	p, units, err := Camera{Clip: clip}.Units()
	if err != nil {
		t.Fatal(err)
	}
	d, err := decode.New(p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	var pictures []vision.Picture
	want := func(pts int64) bool { return pts%(step*frames.ClockRate/int64(Walk().FPS)) == 0 }
	got := func(p vision.Picture) error {
		pixels := make([]byte, p.Width*p.Height*3)
		if err := p.Pixels.Crop(pixels, image.Rect(0, 0, p.Width, p.Height)); err != nil {
			return err
		}
		kept, err := opencv.NewPicture(p.Width, p.Height, pixels)
		kept.PTS = p.PTS
		pictures = append(pictures, kept)
		return err
	}
	for u, err := range units {
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(u, want, got); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Drain(want, got); err != nil {
		t.Fatal(err)
	}
	return pictures
}

// TestEnginesKnowTheWalkers looks at the clips as they are embedded: at 3 pictures a second, most of each pass must
// show its person's face and nothing else must show one.
func TestEnginesKnowTheWalkers(t *testing.T) {
	for _, s := range Scenes() {
		pictures := decoded(t, s.Name, 5)
		t.Run(s.Name, func(t *testing.T) {
			forEngines(t, func(t *testing.T, e vision.Engine, b bounds) {
				albums := map[string][]vision.Embedding{}
				for _, p := range []Person{Resident(), Stranger()} {
					albums[p.Name] = album(t, e, p, b.score)
				}
				checkWalkers(t, e, s, pictures, albums, b)
			})
		})
	}
}

func checkWalkers(
	t *testing.T, e vision.Engine, s Scene, pictures []vision.Picture, albums map[string][]vision.Embedding, b bounds,
) {
	t.Helper()
	found := make([]int, len(s.Passes))
	for _, p := range pictures {
		at := frames.Duration(p.PTS)
		i := slices.IndexFunc(s.Passes, func(p Pass) bool { return at >= p.Enter && at < p.Leave })
		if i < 0 {
			if faces, err := e.Detect(p, nil); err != nil || len(faces) != 0 {
				t.Errorf("at %v, with nobody there: got %d faces, %v", at, len(faces), err)
			}
			continue
		}
		// At the edges of the picture half a face is enough to be found, but not to be known.
		v, q := look(t, e, p, b.score)
		if margin := 700 * time.Millisecond; v == nil || at < s.Passes[i].Enter+margin || at > s.Passes[i].Leave-margin {
			continue
		}
		found[i]++
		if q.EyeDistance < 30 {
			t.Errorf("at %v: got %.0f pixels between the eyes, want 30 or more", at, q.EyeDistance)
		}
		for name, album := range albums {
			like := alike(v, album)
			if self := name == s.Passes[i].Person.Name; self != (like >= e.Model().Threshold) {
				t.Errorf("at %v, %s is %.2f like %s", at, s.Passes[i].Person.Name, like, name)
			}
		}
	}
	for i, p := range s.Passes {
		if want := int((p.Leave-p.Enter).Seconds()*3) / 2; found[i] < want {
			t.Errorf("%s was found in %d pictures, want %d or more", p.Person.Name, found[i], want)
		}
	}
}
