//go:build !nocv

package opencv

import (
	"math"
	"testing"

	"vigil/vision"
)

// cells is the output of a grid of 4×3 cells of 32 pixels in which nothing scores.
func cells() grid {
	return grid{
		stride: 32, cols: 4, rows: 3,
		cls: make([]float32, 12), obj: make([]float32, 12), boxes: make([]float32, 48), points: make([]float32, 120),
	}
}

func TestDecodeGrid(t *testing.T) {
	g := cells()
	l := layout{width: 128, height: 96, scale: 0.5, x: 8, y: 4, w: 100, h: 80}
	const i = 6 // column 2, row 1
	g.cls[i], g.obj[i] = 0.9, 0.9
	copy(g.boxes[4*i:], []float32{0.25, 0.5, 0, float32(math.Log(1.5))})
	for k := range 5 {
		g.points[10*i+2*k], g.points[10*i+2*k+1] = float32(k)/10, -0.125
	}
	g.cls[1], g.obj[1] = 0.5, 0.9                          // below the threshold
	g.cls[2], g.obj[2], g.boxes[10] = 1, 1, 1e6            // a box without bounds
	g.cls[3], g.obj[3], g.boxes[12] = 1, 1, float32(nan()) // no box
	g.cls[4] = float32(nan())
	found, err := g.decode(nil, l, 200, 160)
	if err != nil || len(found) != 1 {
		t.Fatalf("got %v, %v, want one face", found, err)
	}
	// In the input the centre is 72, 48 and the size 32×48; in the picture that is 128, 88 and 64×96.
	want := vision.Box{X: 96.0 / 200, Y: 40.0 / 160, W: 64.0 / 200, H: 96.0 / 160}
	f := found[0].face
	for _, d := range []float64{
		f.Score - 0.9, f.Box.X - want.X, f.Box.Y - want.Y, f.Box.W - want.W, f.Box.H - want.H, found[0].side - 48,
		f.Landmarks[3].X - (2.3*32-8)*2/200, f.Landmarks[3].Y - (0.875*32-4)*2/160,
	} {
		if math.Abs(d) > 1e-5 {
			t.Errorf("got %+v, want box %+v", f, want)
		}
	}
	g.points = g.points[1:]
	if _, err := g.decode(nil, l, 200, 160); err == nil {
		t.Error("outputs of another size: got no error")
	}
}

func nan() float64 { return math.NaN() }

func TestDistinct(t *testing.T) {
	at := func(x, score float64) candidate {
		return candidate{face: vision.Face{Score: score, Box: vision.Box{X: x, W: 0.2, H: 0.2}}}
	}
	got := distinct(nil, []candidate{at(0.02, 0.8), at(0, 0.9), at(0.5, 0.95), at(0.15, 0.75), at(0.51, 0.7)})
	if len(got) != 3 || got[0].Score != 0.95 || got[1].Score != 0.9 || got[2].Score != 0.75 {
		t.Errorf("got %+v, want the three of 0.95, 0.9 and 0.75", got)
	}
	if got := distinct(nil, nil); len(got) != 0 {
		t.Errorf("got %v of nothing", got)
	}
}
