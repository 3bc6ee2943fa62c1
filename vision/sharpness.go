package vision

import (
	"math"
	"slices"
)

// Where sharpness looks: at the middle of the aligned face, in blocks of 8×8 pixels, ten by ten. The rim is background,
// and black where the face was cut off by the picture's edge.
const (
	sharpRim    = 16
	sharpBlock  = 8
	sharpBlocks = (AlignedSide - 2*sharpRim) / sharpBlock
)

// What sharpness makes of the blocks, in the order of their detail.
const (
	// busyBlock and quietBlock are the 80th and the 30th of 100. An edge that crosses the face, of a photo or a door, is
	// as sharp as ever while the face is blurred; it lies in fewer blocks than a fifth, and has no detail along itself.
	busyBlock  = sharpBlocks * sharpBlocks * 8 / 10
	quietBlock = sharpBlocks * sharpBlocks * 3 / 10
	// noiseSpread is how many times the quiet block's detail the busy one has in noise alone, in the direction where that
	// is least: 1.6 to 2.5 are measured on faces blurred beyond recognition, with noise of 5 shades.
	noiseSpread = 1.8
	// sharpUnit gives faces of 48 pixels between the eyes 80 where they are sharp, and 18 after a blur of 2 pixels, which
	// leaves one hardly good enough (medians).
	sharpUnit = 8
)

// sharpWays are the directions in which sharpness looks, as steps in pixels: along the rows, the columns and both diagonals.
// Heads tilt and are turned upright, so motion in the picture may lie between two of them; both show it then.
func sharpWays() [4][2]int { return [...][2]int{{1, 0}, {0, 1}, {1, 1}, {1, -1}} }

// sharpness is how much more detail the busy parts of a face have than its quiet ones, in squared shades, in the direction
// where that is least. It is 0 where noise is all there is; such a face has no score and is not compared.
//
// Detail is the energy of the second derivative after a binomial filter of 5×5, of the scale at which eyes, nose and
// mouth are drawn; a sensor's noise lives below it for the most part. What noise is left lies on the cheeks as it lies on
// the eyes, whether it is as fine as a pixel or coarser since the face was enlarged or the picture coded, so the quiet
// blocks tell how much it is, and that much is taken off. The variance of the Laplacian alone (Pech-Pacheco et al. 2000)
// grows with noise. Estimating the noise from its finest part (Immerkaer 1996) finds too little of it in faces that were
// enlarged.
//
// The Laplacian mixes the directions, and so takes for sharp what motion blurs along one of them only: brows, lids and lips
// stay as sharp as ever across it. Of 24 ORL faces of 48 pixels between the eyes that move by 18 while the shutter is open,
// 20 were good by it; by the weakest direction none is, since they have less than 8 there and sharp ones 32 and more.
func sharpness(grey []byte) float64 {
	if len(grey) < AlignedSide*AlignedSide {
		return 0
	}
	soft := soften(grey)
	weakest := math.Inf(1)
	for _, way := range sharpWays() {
		weakest = min(weakest, soft.beyondNoise(way[0], way[1]))
	}
	return max(0, sharpUnit*weakest)
}

// softSide is the side of what is softened: the blocks, and a pixel around them for the differences.
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

// beyondNoise is how much more detail busy blocks have than quiet ones in the direction of a step, in squared shades.
func (s *softened) beyondNoise(dx, dy int) float64 {
	detail := s.detail(dx, dy)
	slices.Sort(detail[:])
	length := dx*dx + dy*dy // of the step, squared: the second difference is as many times the second derivative
	pixels := sharpBlock * sharpBlock * softGain * softGain * length * length
	return (float64(detail[busyBlock-1]) - noiseSpread*float64(detail[quietBlock-1])) / float64(pixels)
}

// detail sums the squares of the second difference in the direction of a step in each block.
func (s *softened) detail(dx, dy int) (sums [sharpBlocks * sharpBlocks]int64) {
	const side = sharpBlocks * sharpBlock
	for y := range side {
		before, here, after := s[y+1-dy][1-dx:][:side], s[y+1][1:][:side], s[y+1+dy][1+dx:][:side]
		blocks := sums[y/sharpBlock*sharpBlocks:][:sharpBlocks]
		for x, v := range here {
			d := int64(before[x] + after[x] - 2*v)
			blocks[x/sharpBlock] += d * d
		}
	}
	return sums
}
