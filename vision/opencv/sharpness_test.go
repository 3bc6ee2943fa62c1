//go:build !nocv

package opencv

import (
	"fmt"
	"image"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// spoilt is the picture blurred by blur pixels, then with noise of sigma shades, both as standard deviations.
func spoilt(t *testing.T, p vision.Picture, blur, sigma float64) vision.Picture {
	t.Helper()
	bgr := bgrOf(t, p)
	if blur > 0 {
		var v view
		if err := v.open(bgr, p.Width, p.Height); err != nil {
			t.Fatal(err)
		}
		gocv.GaussianBlur(v.Mat, &v.Mat, image.Point{}, blur, blur, gocv.BorderReplicate)
		if err := v.close(); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(bgr); i += 3 {
		n := r.NormFloat64() * sigma
		for c := range 3 {
			bgr[i+c] = byte(max(0, min(255, float64(bgr[i+c])+n+0.5)))
		}
	}
	p, err := NewPicture(p.Width, p.Height, bgr)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestSharpnessOfORL blurs a photo of everybody beyond recognition, and adds noise to it and to the sharp one. The eyes are
// some 36 pixels apart.
func TestSharpnessOfORL(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(env(t, "VIGIL_FACES_DIR"), "orl", "*", "1.pgm"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d pictures, %v", len(files), err)
	}
	e := open(t, EngineDeep)
	type subject struct {
		picture vision.Picture
		face    vision.Face
		e       vision.Embedding
	}
	var subjects []subject
	for _, file := range files {
		p, err := ReadPicture(file)
		if err != nil {
			t.Fatal(err)
		}
		f, embedding, _ := embedBest(t, e, p)
		subjects = append(subjects, subject{p, f, embedding})
	}
	limit := vision.DefaultLimits().MinSharpness
	for _, blur := range []float64{0, 3, 4.5} {
		for _, sigma := range []float64{0, 2, 5, 10} {
			t.Run(fmt.Sprintf("blur of %v pixels, noise of %v shades", blur, sigma), func(t *testing.T) {
				for i, s := range subjects {
					embedding, q, err := e.Embed(spoilt(t, s.picture, blur, sigma), s.face)
					if err != nil {
						t.Fatal(err)
					}
					if good := q.Sharpness >= limit; good != (blur == 0) {
						t.Errorf("%s: got sharpness %v, the limit is %v; cosine to the sharp one %.2f", files[i], q.Sharpness, limit, s.e.Dot(embedding))
					}
				}
			})
		}
	}
}
