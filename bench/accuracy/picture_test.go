package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// board is a checked board with squares of n pixels.
func board(w, h, n int) grey {
	g := newCanvas(w, h, 0)
	for i := range g.pix {
		if (i%w/n+i/w/n)%2 == 0 {
			g.pix[i] = 255
		}
	}
	return g
}

// deviation is how much the shades differ from their mean.
func (g grey) deviation() float64 {
	sum, m := 0.0, float64(g.mean())
	for _, v := range g.pix {
		sum += (float64(v) - m) * (float64(v) - m)
	}
	return math.Sqrt(sum / float64(len(g.pix)))
}

func TestScaling(t *testing.T) {
	g := board(40, 40, 4)
	if got := g.scaled(1); got.w != 40 || got.h != 40 || math.Abs(float64(got.mean())-float64(g.mean())) > 1 {
		t.Errorf("as large: got %d×%d, mean %d", got.w, got.h, got.mean())
	}
	if got := g.scaled(0.125); got.w != 5 || got.deviation() > 20 {
		t.Errorf("made smaller, squares of half a pixel: got width %d, deviation %.0f, want grey", got.w, got.deviation())
	}
	if got := g.scaled(2); got.w != 80 || got.deviation() < 100 {
		t.Errorf("made larger: got width %d, deviation %.0f", got.w, got.deviation())
	}
}

func TestBlurAndNoise(t *testing.T) {
	g := board(60, 60, 3)
	if got := g.blurred(0); !bytes.Equal(got.pix, g.pix) {
		t.Error("no blur changes the picture")
	}
	soft, softer := g.blurred(1).deviation(), g.blurred(3).deviation()
	if !(soft < g.deviation() && softer < soft/2) {
		t.Errorf("got deviations %.0f, %.0f and %.0f", g.deviation(), soft, softer)
	}
	if got := g.moved(0); !bytes.Equal(got.pix, g.pix) {
		t.Error("no motion changes the picture")
	}
	stripes, lines := newCanvas(60, 60, 0), newCanvas(60, 60, 0)
	for i := range stripes.pix {
		stripes.pix[i], lines.pix[i] = byte(i%60/3%2*255), byte(i/60/3%2*255)
	}
	if got := stripes.moved(12); got.deviation() > 0.3*stripes.deviation() {
		t.Errorf("upright stripes that move to the side: got deviation %.0f of %.0f", got.deviation(), stripes.deviation())
	}
	if got := lines.moved(12); !bytes.Equal(got.pix, lines.pix) {
		t.Error("motion along lines changes them")
	}
	flat := newCanvas(100, 100, 128)
	flat.noise(2, rand.New(rand.NewPCG(1, 2)))
	if got := flat.deviation(); math.Abs(got-2) > 0.2 {
		t.Errorf("noise of 2 shades: got %.2f", got)
	}
}

func TestPaste(t *testing.T) {
	g := newCanvas(5, 4, 1)
	g.paste(newCanvas(3, 2, 9), 2, 2)
	want := []byte{1, 1, 1, 1, 1, 1, 9, 9, 9, 1, 1, 9, 9, 9, 1, 1, 1, 1, 1, 1}
	if !bytes.Equal(g.pix, want) {
		t.Errorf("got %v", g.pix)
	}
	p := g.picture()
	if back := greyOf(p); p.Width != 5 || p.Height != 4 || !bytes.Equal(back.pix, g.pix) {
		t.Errorf("got %v back", back.pix)
	}
}
