package vision

import (
	"testing"

	"vigil/frames"
)

// shoot gives the gate a group of pictures at 25 a second.
func shoot(g *gate, nobody bool, key int, units ...int) {
	g.begin(nobody, 0, key)
	for i, n := range units {
		g.add(int64(i+1)*frames.ClockRate/25, n)
	}
}

// steady is n units of about that many bytes.
func steady(n, bytes int) []int {
	units := make([]int, n)
	for i := range units {
		units[i] = bytes + (i*7)%5*bytes/100
	}
	return units
}

// The sizes are those of a 1080p camera at a variable bitrate: 45 kB a key frame, some 100 bytes a picture in which
// nothing moves, 1200 in which somebody walks in.
func TestGate(t *testing.T) {
	quiet := steady(49, 100)
	for name, c := range map[string]struct {
		before func(g *gate)
		units  []int
		calm   bool
	}{
		"quiet":                       {func(g *gate) { learn(g, 5, 45000, quiet) }, quiet, true},
		"a little noise":              {func(g *gate) { learn(g, 5, 45000, quiet) }, steady(49, 110), true},
		"somebody comes in":           {func(g *gate) { learn(g, 5, 45000, quiet) }, append(steady(20, 100), steady(3, 1200)...), false},
		"two quiet groups":            {func(g *gate) { learn(g, 2, 45000, quiet) }, quiet, false},
		"somebody behind a key frame": {func(g *gate) { learn(g, 5, 45000, quiet) }, append(steady(3, 1200), steady(46, 100)...), false},
		"somebody far away":           {func(g *gate) { learn(g, 5, 45000, quiet) }, append(steady(20, 100), steady(25, 165)...), false},
		"a camera that refines":       {func(g *gate) { learn(g, 5, 92000, refined(0)) }, refined(1), true},
		"somebody in spite of that":   {func(g *gate) { learn(g, 5, 92000, refined(0)) }, append(refined(1)[:22], steady(27, 1170)...), false},
		"constant bitrate":            {func(g *gate) { learn(g, 32, 60000, wild(49)) }, steady(49, 100), false},
		"after it missed one":         {func(g *gate) { learn(g, 5, 45000, quiet); g.missed() }, quiet, false},
		"trusted again":               {func(g *gate) { g.missed(); learn(g, gateDistrust+1, 45000, quiet) }, quiet, true},
		"quiet with some trees":       {func(g *gate) { learn(g, 12, 45000, quiet); learn(g, 8, 45000, steady(49, 900)) }, quiet, true},
		"trees for a long while":      {func(g *gate) { learn(g, 5, 45000, quiet); learn(g, 32, 45000, wild(49)) }, quiet, false},
		"people are no measure":       {func(g *gate) { learn(g, 5, 45000, quiet); meet(g, 40) }, quiet, true},
		"anew": {func(g *gate) {
			learn(g, 5, 45000, quiet)
			g.forget()
			g.pixels = 1920 * 1080
		}, quiet, false},
	} {
		g := &gate{pixels: 1920 * 1080}
		c.before(g)
		shoot(g, true, 45000, c.units...)
		if g.calm() != c.calm {
			t.Errorf("%s: got calm %v at %d, limits %d, %v", name, g.calm(), g.most, g.limits, g.tells)
		}
	}
}

// learn shows n groups in which nobody is seen; each counts when the next begins.
func learn(g *gate, n, key int, units []int) {
	for range n {
		shoot(g, true, key, units...)
	}
}

// meet shows n groups in which somebody is seen.
func meet(g *gate, n int) {
	for range n {
		shoot(g, false, 45000, steady(49, 1200)...)
	}
	g.begin(false, 0, 45000)
}

// refined is a group of a camera with noise: what follows a key frame refines it, and the noise is coded for ever.
func refined(n int) []int {
	units := []int{5900, 4300, 2200, 1800, 1600, 1500, 2100, 1400, 1700, 1600}
	for i := range 39 {
		units = append(units, 900+(i*i+n)%13*20)
	}
	return units
}

// wild is n units as a camera with a constant bitrate sends them: the rate control spends on noise what is left.
func wild(n int) []int {
	units := make([]int, n)
	for i := range units {
		units[i] = 12000 + i*i%11*1500
	}
	return units
}

func TestGateDoesNotAllocate(t *testing.T) {
	g := &gate{pixels: 1920 * 1080}
	learn(g, 40, 45000, steady(49, 100))
	n := int64(0)
	if got := testing.AllocsPerRun(100, func() {
		if n%50 == 0 {
			g.begin(true, n*frames.ClockRate/25, 45000)
		}
		g.add(n*frames.ClockRate/25, 100)
		g.calm()
		n++
	}); got > 0 {
		t.Errorf("got %v allocations a unit, want none", got)
	}
}
