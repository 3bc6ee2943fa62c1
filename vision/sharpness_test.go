package vision

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// softer is the face after as many blurs, each by half of the pixel's neighbours: sigma in pixels is the root of half of them.
func softer(grey []byte, blurs int) []byte {
	for range blurs {
		next := make([]byte, len(grey))
		at := func(i int) int { return int(grey[max(0, min(i, len(grey)-1))]) }
		for i := range next {
			next[i] = byte((4*at(i) + at(i-1) + at(i+1) + at(i-AlignedSide) + at(i+AlignedSide) + 4) / 8)
		}
		grey = next
	}
	return grey
}

// noisy adds noise of sigma shades to the face, in grains of as many pixels: a face that was enlarged has coarse ones.
func noisy(grey []byte, sigma, grain float64) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var noise [AlignedSide + 2][AlignedSide + 2]float64
	for y := range noise {
		for x := range noise[y] {
			noise[y][x] = sigma * r.NormFloat64()
		}
	}
	out := make([]byte, len(grey))
	for i, v := range grey {
		x, y := float64(i%AlignedSide)/grain, float64(i/AlignedSide)/grain
		u, w := int(x), int(y)
		dx, dy := x-float64(u), y-float64(w)
		n := (1-dy)*((1-dx)*noise[w][u]+dx*noise[w][u+1]) + dy*((1-dx)*noise[w+1][u]+dx*noise[w+1][u+1])
		out[i] = byte(max(0, min(255, float64(v)+n+0.5)))
	}
	return out
}

func TestSharpnessFallsWithBlur(t *testing.T) {
	sharp := greyPattern(100, 156)
	last := sharpness(sharp)
	for blurs := range 12 {
		if s := sharpness(softer(sharp, blurs+1)); s >= last {
			t.Errorf("after %d blurs: got %v, want less than %v", blurs+1, s, last)
		} else {
			last = s
		}
	}
	if got := sharpness(greyPattern(128, 128)); got != 0 {
		t.Errorf("flat: got %v, want 0", got)
	}
	if got := sharpness(nil); got != 0 {
		t.Errorf("no face: got %v, want 0", got)
	}
}

func TestNoiseDoesNotSharpen(t *testing.T) {
	limit := DefaultLimits().MinSharpness
	for _, c := range []struct {
		name  string
		grey  []byte
		sharp bool
	}{
		{"sharp", greyPattern(60, 196), true},
		{"softer", softer(greyPattern(60, 196), 4), true},
		{"blurred", softer(greyPattern(60, 196), 40), false},
		{"flat", greyPattern(128, 128), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			clean := sharpness(c.grey)
			if (clean >= limit) != c.sharp {
				t.Errorf("without noise: got %v, want sharp to be %v", clean, c.sharp)
			}
			for _, sigma := range []float64{2, 5, 10, 15} {
				for _, grain := range []float64{1, 1.5, 2} {
					name := fmt.Sprintf("noise of %v shades in grains of %v pixels", sigma, grain)
					got := sharpness(noisy(c.grey, sigma, grain))
					t.Logf("%s: %v to %v", name, clean, got)
					if got > 1.15*clean+limit*2/3 {
						t.Errorf("%s: got %v, want hardly more than %v", name, got, clean)
					}
					if (got >= limit) != c.sharp {
						t.Errorf("%s: got %v, want sharp to be %v", name, got, c.sharp)
					}
				}
			}
		})
	}
}

// A face is no sharper for an edge that crosses it.
func TestEdgeDoesNotSharpen(t *testing.T) {
	grey := softer(greyPattern(60, 196), 40)
	clean := sharpness(grey)
	for y := range AlignedSide {
		for x := range 30 {
			grey[y*AlignedSide+x] = 10
		}
	}
	if got := sharpness(grey); got > clean+1 {
		t.Errorf("got %v, want hardly more than %v", got, clean)
	}
}

func TestSharpnessAllocatesNothing(t *testing.T) {
	grey := greyPattern(100, 156)
	if got := testing.AllocsPerRun(10, func() { sharpness(grey) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func BenchmarkSharpness(b *testing.B) {
	grey := noisy(greyPattern(100, 156), 5, 1)
	for b.Loop() {
		sharpness(grey)
	}
}
