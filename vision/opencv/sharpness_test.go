//go:build !nocv

package opencv

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// outOfFocus blurs by sigma pixels.
func outOfFocus(sigma float64) func(*gocv.Mat) {
	return func(m *gocv.Mat) { gocv.GaussianBlur(*m, m, image.Point{}, sigma, sigma, gocv.BorderReplicate) }
}

// inMotion blurs along a step (dx, dy), by as many pixels and one.
func inMotion(dx, dy int, pixels float64) func(*gocv.Mat) {
	reach := int(math.Round(pixels / 2 / math.Hypot(float64(dx), float64(dy))))
	return func(m *gocv.Mat) {
		kernel := gocv.NewMatWithSizeFromScalar(gocv.Scalar{}, 2*reach+1, 2*reach+1, gocv.MatTypeCV32F)
		for k := -reach; k <= reach; k++ {
			kernel.SetFloatAt(reach+k*dy, reach+k*dx, 1/float32(2*reach+1))
		}
		gocv.Filter2D(*m, m, -1, kernel, image.Pt(-1, -1), 0, gocv.BorderReplicate)
		_ = kernel.Close()
	}
}

// spoilt is the picture after a blur, which may be nil, then with noise of sigma shades, as a standard deviation.
func spoilt(t *testing.T, p vision.Picture, blur func(*gocv.Mat), sigma float64) vision.Picture {
	t.Helper()
	bgr := bgrOf(t, p)
	if blur != nil {
		var v view
		if err := v.open(bgr, p.Width, p.Height); err != nil {
			t.Fatal(err)
		}
		blur(&v.Mat)
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

// TestSharpnessOfORL blurs a photo of everybody beyond recognition, out of focus or by motion, and adds noise to it and to
// the sharp one. The eyes are some 36 pixels apart.
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
		p, err := readPicture(file)
		if err != nil {
			t.Fatal(err)
		}
		f, embedding, _ := embedBest(t, e, p)
		subjects = append(subjects, subject{p, f, embedding})
	}
	limit := vision.DefaultLimits().MinSharpness
	for _, c := range []struct {
		name string
		blur func(*gocv.Mat)
	}{
		{"sharp", nil},
		{"blur of 3 pixels", outOfFocus(3)},
		{"blur of 4.5 pixels", outOfFocus(4.5)},
		{"motion of 14 pixels to the side", inMotion(1, 0, 14)},
		{"motion of 14 pixels down", inMotion(0, 1, 14)},
		{"motion of 14 pixels down to the right", inMotion(1, 1, 14)},
		{"motion of 14 pixels down to the left", inMotion(-1, 1, 14)},
	} {
		for _, sigma := range []float64{0, 2, 5, 10} {
			t.Run(fmt.Sprintf("%s, noise of %v shades", c.name, sigma), func(t *testing.T) {
				for i, s := range subjects {
					embedding, q, err := e.Embed(spoilt(t, s.picture, c.blur, sigma), s.face)
					if err != nil {
						t.Fatal(err)
					}
					if good := q.Sharpness >= limit; good != (c.blur == nil) {
						t.Errorf("%s: got sharpness %v, the limit is %v; cosine to the sharp one %.2f", files[i], q.Sharpness, limit, s.e.Dot(embedding))
					}
				}
			})
		}
	}
}
