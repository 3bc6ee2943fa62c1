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
//
// The settings were chosen on 240 pictures of 24 people (ORL) and on drawn people, by the rate at which as many of
// the same are refused as different ones accepted: 24 % with neighbours next to the pixel and 8×8 cells over the
// whole aligned face, 14 % with these, on ORL; 12 % and 9 % on the drawn. Smoothing and distance matter most,
// because cameras' noise lives in the neighbours next to a pixel; the rim is hair and background. With landmarks
// from YuNet instead of the cascades it stays 14 %.
//
// Subtracting the mean of all faces would spread the scores and bring ORL to 10 %, but then 1 % of different people
// lie above 0.26 there and above 0.49 among the drawn: the offset of a camera's light and lens counts as likeness. As
// they are the two are 0.72 and 0.74, and one threshold serves both.
const (
	lbpRim    = 8 // pixels left out on each side
	lbpCells  = 6
	lbpCell   = (vision.AlignedSide - 2*lbpRim) / lbpCells
	lbpRadius = 3   // distance of the neighbours, in pixels
	lbpBlur   = 1.5 // standard deviation, in pixels
	lbpBins   = 59
	lbpDim    = lbpCells * lbpCells * lbpBins
)

// What the classic engine's scores mean; see above for how they were found.
const (
	classicID        = "lbp-6x6-r3@1"
	classicThreshold = 0.74
	classicMargin    = 0.03
)

// classicCalibration was measured like that of MobileFaceNet in models: tracks of four photos against single ones, of 325
// pairs of people. It ends at the rate of about one pair: patterns tell people apart so badly that thresholds beyond
// would refuse the family rather than strangers. With other people the cosine moves by 0.015 (90 % of bootstraps).
func classicCalibration() vision.Calibration {
	return vision.Calibration{Points: []vision.CalibrationPoint{
		{Rate: 0.1, Cosine: 0.742}, {Rate: 0.03, Cosine: 0.765}, {Rate: 0.01, Cosine: 0.782}, {Rate: 0.003, Cosine: 0.798},
	}}
}

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

// histograms returns the cells' histograms, row by row, each a distribution, of a smoothed face.
func (t *lbpTable) histograms(smooth []float32) []float32 {
	const side, r = vision.AlignedSide, lbpRadius
	h := make([]float32, lbpDim)
	ring := [8]int{-r*side - r, -r * side, -r*side + r, r, r*side + r, r * side, r*side - r, -r}
	for y := range lbpCells * lbpCell {
		for x := range lbpCells * lbpCell {
			i := (y+lbpRim)*side + x + lbpRim
			c := smooth[i]
			var p uint8
			for k, o := range ring {
				if smooth[i+o] >= c {
					p |= 1 << k
				}
			}
			h[((y/lbpCell)*lbpCells+x/lbpCell)*lbpBins+int(t[p])] += 1.0 / (lbpCell * lbpCell)
		}
	}
	return h
}

// smoothed is the grey face after a Gaussian of lbpBlur.
func smoothed(grey []byte) []float32 {
	const side, reach = vision.AlignedSide, 5
	var kernel [2*reach + 1]float32
	var sum float32
	for i := range kernel {
		d := float64(i-reach) / lbpBlur
		kernel[i] = float32(math.Exp(-d * d / 2))
		sum += kernel[i]
	}
	rows, out := make([]float32, side*side), make([]float32, side*side)
	for y := range side {
		for x := range side {
			for i, k := range kernel {
				rows[y*side+x] += k * float32(grey[y*side+min(side-1, max(0, x+i-reach))]) / sum
			}
		}
	}
	for y := range side {
		for x := range side {
			for i, k := range kernel {
				out[y*side+x] += k * rows[min(side-1, max(0, y+i-reach))*side+x] / sum
			}
		}
	}
	return out
}

// embed returns the square roots of the histograms as a unit vector: the dot product of two is then the mean
// Bhattacharyya coefficient of their cells.
func (t *lbpTable) embed(grey []byte) vision.Embedding {
	h := t.histograms(smoothed(grey))
	for i, v := range h {
		h[i] = float32(math.Sqrt(float64(v)))
	}
	return vision.Embedding(h).Normalize()
}
