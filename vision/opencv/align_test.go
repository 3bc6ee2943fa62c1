//go:build !nocv

package opencv

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"vigil/vision"
)

func TestFitFindsTheSimilarity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		angle := rapid.Float64Range(-math.Pi, math.Pi).Draw(t, "angle")
		size := rapid.Float64Range(0.05, 20).Draw(t, "size")
		want := similarity{
			a: size * math.Cos(angle), b: size * math.Sin(angle),
			tx: rapid.Float64Range(-2000, 2000).Draw(t, "x"), ty: rapid.Float64Range(-2000, 2000).Draw(t, "y"),
		}
		from := vision.Template()
		var to [5][2]float64
		for i, p := range from {
			to[i] = want.apply(p)
		}
		got, err := fit(from[:], to[:])
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range [4]float64{got.a - want.a, got.b - want.b, got.tx - want.tx, got.ty - want.ty} {
			if math.Abs(d) > 1e-6 {
				t.Fatalf("part %d: got %+v, want %+v", i, got, want)
			}
		}
	})
}

func TestFitIsLeastSquares(t *testing.T) {
	from := vision.Template()
	to := from
	to[2][0] += 7 // the nose of a turned head
	to[4][1] -= 3
	best, err := fit(from[:], to[:])
	if err != nil {
		t.Fatal(err)
	}
	square := func(s similarity) (sum float64) {
		for i, p := range from {
			q := s.apply(p)
			sum += (q[0]-to[i][0])*(q[0]-to[i][0]) + (q[1]-to[i][1])*(q[1]-to[i][1])
		}
		return sum
	}
	least := square(best)
	for _, d := range []similarity{{a: 1e-3}, {b: 1e-3}, {tx: 0.1}, {ty: 0.1}} {
		for _, sign := range []float64{-1, 1} {
			s := similarity{a: best.a + sign*d.a, b: best.b + sign*d.b, tx: best.tx + sign*d.tx, ty: best.ty + sign*d.ty}
			if square(s) <= least {
				t.Errorf("%+v is better than %+v", s, best)
			}
		}
	}
}

// TestAlign puts five white spots where a face's landmarks are and finds them in the template's places.
func TestAlign(t *testing.T) {
	const w, h = 640, 360
	bgr := make([]byte, w*h*3)
	place := similarity{a: 1.2, b: 0.5, tx: 250, ty: 90}
	var l vision.Landmarks
	for i, q := range vision.Template() {
		x := place.apply(q)
		l[i] = vision.Point{X: x[0] / w, Y: x[1] / h}
		for dy := -2; dy <= 2; dy++ {
			for dx := -2; dx <= 2; dx++ {
				j := (int(math.Round(x[1]))+dy)*w + int(math.Round(x[0])) + dx
				bgr[3*j], bgr[3*j+1], bgr[3*j+2] = 255, 255, 255
			}
		}
	}
	p, err := NewPicture(w, h, bgr)
	if err != nil {
		t.Fatal(err)
	}
	a := newAligner()
	got, err := a.align(p, l)
	if err != nil {
		t.Fatal(err)
	}
	for i, q := range vision.Template() {
		if b := got[3*(int(math.Round(q[1]))*vision.AlignedSide+int(math.Round(q[0])))]; b < 200 {
			t.Errorf("landmark %d: got brightness %d, want white", i, b)
		}
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}

func TestFitted(t *testing.T) {
	for _, c := range []struct {
		name string
		got  layout
		want layout
	}{
		{"1080p", fitted(1920, 1080, 640, 0, 1, 32), layout{width: 640, height: 384, scale: 1.0 / 3, w: 640, h: 360}},
		{"small stays small", fitted(92, 112, 640, 0, 1, 32), layout{width: 96, height: 128, scale: 1, w: 92, h: 112}},
		{"tall", fitted(1080, 1920, 640, 0, 1, 32), layout{width: 384, height: 640, scale: 1.0 / 3, w: 360, h: 640}},
		{"border", fitted(1280, 720, 320, 0.5, 4, 32), layout{width: 320, height: 256, scale: 0.125, x: 80, y: 80, w: 160, h: 90}},
		{"sliver", fitted(2000, 1, 640, 0, 1, 32), layout{width: 640, height: 96, scale: 0.32, w: 640, h: 1}},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, c.got, c.want)
		}
	}
}

func TestCanvasForgetsThePictureBefore(t *testing.T) {
	white, err := NewPicture(100, 50, bytes.Repeat([]byte{255}, 100*50*3))
	if err != nil {
		t.Fatal(err)
	}
	c := &canvas{}
	for _, l := range []layout{fitted(100, 50, 320, 0.5, 4, 32), fitted(100, 50, 64, 0, 1, 32), fitted(100, 50, 320, 0.5, 4, 32)} {
		pixels, err := c.draw(white, l)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0
		for _, b := range pixels {
			sum += int(b)
		}
		if want := l.w * l.h * 3 * 255; sum != want {
			t.Errorf("%+v: got a sum of %d, want %d", l, sum, want)
		}
	}
}
