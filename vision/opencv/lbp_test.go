//go:build !nocv

package opencv

import (
	"math"
	"math/rand/v2"
	"testing"

	"vigil/vision"
)

func TestLBPTable(t *testing.T) {
	table := newLBPTable()
	count := map[uint8]int{}
	for _, bin := range table {
		count[bin]++
	}
	if len(count) != lbpBins || count[lbpBins-1] != 256-58 {
		t.Errorf("got %d bins, %d patterns in the last; want 59 and 198", len(count), count[lbpBins-1])
	}
	for pattern, uniform := range map[int]bool{0: true, 255: true, 0b00111000: true, 0b10000001: true, 0b01010000: false} {
		if (table[pattern] != lbpBins-1) != uniform {
			t.Errorf("pattern %08b: got bin %d, want uniform %v", pattern, table[pattern], uniform)
		}
	}
}

// noise is a face of that many grey levels around the middle, always the same for a seed.
func noise(seed uint64, spread int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	grey := make([]byte, vision.AlignedSide*vision.AlignedSide)
	for i := range grey {
		grey[i] = byte(128 - spread/2 + r.IntN(spread))
	}
	return grey
}

func TestLBPEmbed(t *testing.T) {
	table := newLBPTable()
	grey := noise(1, 100)
	e := table.embed(grey)
	if len(e) != lbpDim || math.Abs(e.Dot(e)-1) > 1e-5 {
		t.Fatalf("got %d numbers of square %v, want %d and 1", len(e), e.Dot(e), lbpDim)
	}
	brighter := make([]byte, len(grey))
	for i, v := range grey {
		brighter[i] = v + 40
	}
	if c := e.Dot(table.embed(brighter)); c < 0.99 {
		t.Errorf("brighter: got %v, want light not to matter", c)
	}
	// One cell differs: 35 of 36 cells are alike, whatever the last does.
	changed := append([]byte(nil), grey...)
	other := noise(2, 100)
	for y := range 6 {
		for x := range 6 {
			i := (lbpRim+5+y)*vision.AlignedSide + lbpRim + 5 + x
			changed[i] = other[i]
		}
	}
	if c := e.Dot(table.embed(changed)); c < 35.0/36 || c > 1-1e-6 {
		t.Errorf("one cell changed: got %v, want a little below 1", c)
	}
	flat := table.embed(make([]byte, len(grey)))
	if c := flat.Dot(flat); math.Abs(c-1) > 1e-5 {
		t.Errorf("flat face: got square %v, want 1", c)
	}
}

func TestHistogramsAreDistributions(t *testing.T) {
	h := newLBPTable().histograms(smoothed(noise(3, 200)))
	for cell := range lbpCells * lbpCells {
		var sum float64
		for _, v := range h[cell*lbpBins : (cell+1)*lbpBins] {
			sum += float64(v)
		}
		if math.Abs(sum-1) > 1e-4 {
			t.Errorf("cell %d: got sum %v, want 1", cell, sum)
		}
	}
}
