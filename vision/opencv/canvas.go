//go:build !nocv

package opencv

import (
	"image"
	"math"

	"gocv.io/x/gocv"
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
	mat    gocv.Mat
}

func newCanvas() *canvas { return &canvas{mat: gocv.NewMat()} }

// draw puts the picture, of the given type, where the layout says and returns the whole input.
func (c *canvas) draw(picture gocv.Mat, l layout, t gocv.MatType) (gocv.Mat, error) {
	if l != c.layout {
		if err := c.mat.Close(); err != nil {
			return gocv.Mat{}, err
		}
		c.mat = gocv.NewMatWithSizeFromScalar(gocv.Scalar{}, l.height, l.width, t)
		c.layout = l
	}
	inner := c.mat.Region(image.Rect(l.x, l.y, l.x+l.w, l.y+l.h))
	how := gocv.InterpolationArea // the only one that does not alias when shrinking
	if l.scale > 1 {
		how = gocv.InterpolationLinear
	}
	// The region has the size and the type of the result already, so OpenCV writes into it.
	gocv.Resize(picture, &inner, image.Pt(l.w, l.h), 0, 0, how)
	return c.mat, inner.Close()
}

func (c *canvas) close() error { return c.mat.Close() }
