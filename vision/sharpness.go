package vision

import "slices"

// Where sharpness looks: at the middle of the aligned face, in blocks of 8×8 pixels, ten by ten. The rim is background,
// and black where the face was cut off by the picture's edge.
const (
	sharpRim    = 16
	sharpBlock  = 8
	sharpBlocks = (AlignedSide - 2*sharpRim) / sharpBlock
)

// What sharpness makes of the blocks, in the order of their detail.
const (
	// busyBlock and quietBlock are the 75th and the 30th of 100. An edge that crosses the face, of a photo or a door, is
	// as sharp as ever while the face is blurred; it lies in fewer blocks than a quarter.
	busyBlock  = sharpBlocks * sharpBlocks * 3 / 4
	quietBlock = sharpBlocks * sharpBlocks * 3 / 10
	// noiseSpread is how many times the quiet block's detail the busy one has in noise alone: medians of 1.4 to 1.6 are
	// measured on faces blurred beyond recognition, with noise of 5 and 10 shades in pictures of 20 to 64 pixels between
	// the eyes.
	noiseSpread = 1.5
	// sharpUnit brings the number near the variance of the Laplacian that faces of clean pictures have: 14 becomes 18 where
	// one is hardly good enough, 105 becomes 75 where it is sharp (medians).
	sharpUnit = 3
)

// sharpness is how much more detail the busy parts of a face have than its quiet ones, in squared shades. It is 0
// where noise is all there is; such a face has no score and is not compared.
//
// Detail is the energy of the Laplacian after a binomial filter of 5×5, of the scale at which eyes, nose and mouth are
// drawn; a sensor's noise lives below it for the most part. What noise is left lies on the cheeks as it lies on the eyes,
// whether it is as fine as a pixel or coarser since the face was enlarged or the picture coded, so the quiet blocks tell
// how much it is, and that much is taken off. The variance of the Laplacian alone (Pech-Pacheco et al. 2000) grows with
// noise. Estimating the noise from its finest part (Immerkaer 1996) finds too little of it in faces that were enlarged.
func sharpness(grey []byte) float64 {
	if len(grey) < AlignedSide*AlignedSide {
		return 0
	}
	soft := soften(grey)
	detail := soft.detail()
	slices.Sort(detail[:])
	const pixels = sharpBlock * sharpBlock * softGain * softGain
	more := float64(detail[busyBlock-1]) - noiseSpread*float64(detail[quietBlock-1])
	return max(0, sharpUnit*more/pixels)
}

// softSide is the side of what is softened: the blocks, and a pixel around them for the Laplacian.
const softSide = sharpBlocks*sharpBlock + 2

// softGain is how many times too large softened shades are.
const softGain = 16 * 16

// softened is the middle of a face after the binomial filter 1 4 6 4 1 both ways, softGain times too large.
type softened [softSide][softSide]int32

func soften(grey []byte) (s softened) {
	const first = sharpRim - 1
	var along [softSide + 4][softSide]int32 // filtered along its rows, two more above and below
	for y := range along {
		row := grey[(first-2+y)*AlignedSide+first-2:][:softSide+4]
		for x := range along[y] {
			along[y][x] = int32(row[x]) + int32(row[x+4]) + 4*(int32(row[x+1])+int32(row[x+3])) + 6*int32(row[x+2])
		}
	}
	for y := range s {
		for x := range s[y] {
			s[y][x] = along[y][x] + along[y+4][x] + 4*(along[y+1][x]+along[y+3][x]) + 6*along[y+2][x]
		}
	}
	return s
}

// detail sums the squares of the Laplacian in each block.
func (s *softened) detail() (sums [sharpBlocks * sharpBlocks]int64) {
	for y := 1; y < softSide-1; y++ {
		for x := 1; x < softSide-1; x++ {
			v := int64(s[y][x-1] + s[y][x+1] + s[y-1][x] + s[y+1][x] - 4*s[y][x])
			sums[(y-1)/sharpBlock*sharpBlocks+(x-1)/sharpBlock] += v * v
		}
	}
	return sums
}
