//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// similarity is a rotation with scale and a shift: x' = a·x − b·y + tx, y' = b·x + a·y + ty.
type similarity struct{ a, b, tx, ty float64 }

// fit returns the similarity that takes the points from closest to the points to, in the sense of least squares
// (Umeyama 1991; in the plane and without reflection it has this closed form).
func fit(from, to [][2]float64) (similarity, error) {
	var fx, fy, gx, gy float64
	n := float64(len(from))
	for i := range from {
		fx, fy = fx+from[i][0]/n, fy+from[i][1]/n
		gx, gy = gx+to[i][0]/n, gy+to[i][1]/n
	}
	var dot, cross, square float64
	for i := range from {
		x, y, u, v := from[i][0]-fx, from[i][1]-fy, to[i][0]-gx, to[i][1]-gy
		dot += x*u + y*v
		cross += x*v - y*u
		square += x*x + y*y
	}
	s := similarity{a: dot / square, b: cross / square}
	s.tx, s.ty = gx-s.a*fx+s.b*fy, gy-s.b*fx-s.a*fy
	if size := math.Hypot(s.a, s.b); !(size > 1e-6 && size < 1e6) {
		return similarity{}, errors.New("landmarks do not make a face")
	}
	return s, nil
}

func (s similarity) apply(p [2]float64) [2]float64 {
	return [2]float64{s.a*p[0] - s.b*p[1] + s.tx, s.b*p[0] + s.a*p[1] + s.ty}
}

// aligner cuts faces out, upright and of one size.
type aligner struct {
	matrix  gocv.Mat
	aligned gocv.Mat
}

func newAligner() *aligner {
	return &aligner{matrix: gocv.NewMatWithSize(2, 3, gocv.MatTypeCV64F), aligned: gocv.NewMat()}
}

// align returns the face as packed BGR of 112×112 pixels, valid until the next call.
func (a *aligner) align(picture gocv.Mat, l vision.Landmarks) ([]byte, error) {
	var from [5][2]float64
	for i, p := range l {
		from[i] = [2]float64{p.X * float64(picture.Cols()), p.Y * float64(picture.Rows())}
	}
	to := vision.Template()
	s, err := fit(from[:], to[:])
	if err != nil {
		return nil, err
	}
	for i, v := range [6]float64{s.a, -s.b, s.tx, s.b, s.a, s.ty} {
		a.matrix.SetDoubleAt(i/3, i%3, v)
	}
	size := image.Pt(vision.AlignedSide, vision.AlignedSide)
	gocv.WarpAffineWithParams(picture, &a.aligned, a.matrix, size, gocv.InterpolationLinear, gocv.BorderConstant, color.RGBA{})
	pixels, err := a.aligned.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("aligned face: %w", err)
	}
	return pixels, nil
}

func (a *aligner) close() error { return errors.Join(a.matrix.Close(), a.aligned.Close()) }
