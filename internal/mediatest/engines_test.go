//go:build !nocv

package mediatest

import (
	"image"
	"log/slog"
	"os"
	"testing"
	"time"

	"vigil/vision"
	"vigil/vision/opencv"
)

// bounds say what an engine must make of the cast. Every portrait must be more like another of the same person than
// like any of anybody else, by the gap; so must walkers. Of Resident and Stranger the engine's threshold must part
// all of them. Different people may be as much alike as others says.
type bounds struct {
	score        float64 // the detector's, at least
	gap, walking float64
	others       float64
}

func forEngines(t *testing.T, check func(t *testing.T, e vision.Engine, b bounds)) {
	t.Helper()
	t.Run("classic", func(t *testing.T) {
		check(t, openEngine(t, opencv.EngineClassic, ""), bounds{score: 0.7, gap: 0.05, walking: 0.1, others: 0.9})
	})
	t.Run("deep", func(t *testing.T) {
		dir := os.Getenv("VIGIL_MODELS_DIR")
		if dir == "" {
			t.Skip("VIGIL_MODELS_DIR is not set: no networks to try")
		}
		check(t, openEngine(t, opencv.EngineDeep, dir), bounds{score: 0.9, gap: 0.4, walking: 0.5, others: 0.5})
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
func bgr(img *image.RGBA) vision.Picture {
	p := vision.Picture{Width: img.Rect.Dx(), Height: img.Rect.Dy()}
	for i := 0; i < len(img.Pix); i += 4 {
		p.BGR = append(p.BGR, img.Pix[i+2], img.Pix[i+1], img.Pix[i])
	}
	return p
}

// look returns the embedding of the picture's only face, nil when there is none.
func look(t *testing.T, e vision.Engine, p vision.Picture, score float64) (vision.Embedding, vision.Quality) {
	t.Helper()
	faces, err := e.Detect(p)
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
		v, _ := look(t, e, bgr(Portrait(p, 240, n).(*image.RGBA)), score)
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

func TestEnginesKnowTheWalkers(t *testing.T) {
	s := Walk()
	room := s.Room()
	const perPass = 5
	pictures := make([][]vision.Picture, len(s.Passes))
	for i, pass := range s.Passes {
		for n := range perPass {
			at := pass.Enter + (pass.Leave-pass.Enter)*time.Duration(n+2)/(perPass+3)
			pictures[i] = append(pictures[i], bgr(s.Frame(room, int(at*time.Duration(s.FPS)/time.Second))))
		}
	}
	forEngines(t, func(t *testing.T, e vision.Engine, b bounds) {
		if faces, err := e.Detect(bgr(room)); err != nil || len(faces) != 0 {
			t.Errorf("the empty room: got %d faces, %v", len(faces), err)
		}
		albums := [2][]vision.Embedding{album(t, e, Resident(), b.score), album(t, e, Stranger(), b.score)}
		for i, pass := range s.Passes {
			found := 0
			for _, p := range pictures[i] {
				v, q := look(t, e, p, b.score)
				if v == nil {
					continue
				}
				found++
				if q.EyeDistance < 30 {
					t.Errorf("%s: got %.0f pixels between the eyes, want 30 or more", pass.Person.Name, q.EyeDistance)
				}
				own, other := alike(v, albums[i]), alike(v, albums[1-i])
				t.Logf("%s is %.2f like themselves and %.2f like the other", pass.Person.Name, own, other)
				if own-other < b.walking || own < e.Model().Threshold || other >= e.Model().Threshold {
					t.Errorf("%s is %.2f like themselves and %.2f like the other", pass.Person.Name, own, other)
				}
			}
			if found < perPass-1 {
				t.Errorf("%s was found in %d of %d pictures", pass.Person.Name, found, perPass)
			}
		}
	})
}
