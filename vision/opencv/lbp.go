//go:build !nocv

package opencv

import (
	"math"
	"math/bits"

	"vigil/vision"
)

// Local binary patterns (Ahonen, Hadid, Pietikäinen 2006): each pixel becomes the eight comparisons with its
// neighbours, each cell of a grid the histogram of its pixels' patterns. The 58 patterns with at most two changes
// around the circle have a bin each, the others share one.
const (
	lbpCells = 8
	lbpBins  = 59
	lbpDim   = lbpCells * lbpCells * lbpBins
	lbpCell  = vision.AlignedSide / lbpCells
)

// lbpTable maps patterns to bins.
type lbpTable [256]uint8

func newLBPTable() *lbpTable {
	var t lbpTable
	next := uint8(0)
	for p := range 256 {
		changes := bits.OnesCount8(uint8(p) ^ bits.RotateLeft8(uint8(p), 1))
		if changes > 2 {
			t[p] = lbpBins - 1
			continue
		}
		t[p] = next
		next++
	}
	return &t
}

// histograms returns the cells' histograms, row by row, each a distribution.
func (t *lbpTable) histograms(grey []byte) []float32 {
	const side = vision.AlignedSide
	h := make([]float32, lbpDim)
	for y := 1; y < side-1; y++ {
		for x := 1; x < side-1; x++ {
			i := y*side + x
			c := grey[i]
			var p uint8
			for k, o := range [8]int{-side - 1, -side, -side + 1, 1, side + 1, side, side - 1, -1} {
				if grey[i+o] >= c {
					p |= 1 << k
				}
			}
			h[((y/lbpCell)*lbpCells+x/lbpCell)*lbpBins+int(t[p])]++
		}
	}
	for cell := range lbpCells * lbpCells {
		bins := h[cell*lbpBins : (cell+1)*lbpBins]
		var sum float32
		for _, v := range bins {
			sum += v
		}
		for i := range bins {
			bins[i] /= sum
		}
	}
	return h
}

// embed returns the square roots of the histograms as a unit vector: the dot product of two is then the mean
// Bhattacharyya coefficient of their cells.
func (t *lbpTable) embed(grey []byte) vision.Embedding {
	h := t.histograms(grey)
	for i, v := range h {
		h[i] = float32(math.Sqrt(float64(v)))
	}
	return vision.Embedding(h).Normalize()
}
