//go:build !nocv

package opencv

import (
	"math"
	"slices"

	"vigil/vision"
)

// layout is how a picture lies on a detector's input: scaled, shifted, and black around.
type layout struct {
	width, height int     // of the input
	scale         float64 // from picture to input, for both sides alike
	x, y          int     // of the picture's top left corner in the input
	w, h          int     // of the picture in the input
}

// leastSteps is the least side of an input, in steps: where a stride leaves a single row or column, OpenCV 4.6 computes
// from memory that nobody wrote, and finds faces that are not there.
const leastSteps = 3

// fitted lays a picture of w×h pixels out with its longer side at side pixels, a border around of the given part of
// it, and the input's sides rounded up to multiples of step. It never enlarges by more than most.
func fitted(w, h, side int, border, most float64, step int) layout {
	longer := float64(max(w, h))
	scale := min(most, float64(side)/(longer*(1+2*border)))
	l := layout{scale: scale}
	l.w = max(1, int(math.Round(float64(w)*scale)))
	l.h = max(1, int(math.Round(float64(h)*scale)))
	margin := int(math.Round(longer * scale * border))
	l.x, l.y = margin, margin
	l.width = max((l.w+2*margin+step-1)/step, leastSteps) * step
	l.height = max((l.h+2*margin+step-1)/step, leastSteps) * step
	return l
}

// canvas keeps an input from picture to picture; while the layout stays the same only the picture is drawn anew.
type canvas struct {
	layout layout
	bgr    []byte
}

// draw puts the picture where the layout says and returns the whole input, packed BGR.
func (c *canvas) draw(p vision.Picture, l layout) ([]byte, error) {
	if l != c.layout {
		n := l.width * l.height * 3
		c.bgr, c.layout = slices.Grow(c.bgr[:0], n)[:n], l
		clear(c.bgr)
	}
	stride := l.width * 3
	return c.bgr, p.Pixels.Scale(c.bgr[l.y*stride+l.x*3:], stride, l.w, l.h)
}
