//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"

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

// back is where apply comes from.
func (s similarity) back(p [2]float64) [2]float64 {
	x, y, square := p[0]-s.tx, p[1]-s.ty, s.a*s.a+s.b*s.b
	return [2]float64{(s.a*x + s.b*y) / square, (s.a*y - s.b*x) / square}
}

// source is the part of a picture that an aligned face is made of, with a pixel around for the interpolation.
func (s similarity) source(width, height int) image.Rectangle {
	const side = vision.AlignedSide
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, corner := range [4][2]float64{{0, 0}, {side, 0}, {0, side}, {side, side}} {
		p := s.back(corner)
		x0, y0, x1, y1 = min(x0, p[0]), min(y0, p[1]), max(x1, p[0]), max(y1, p[1])
	}
	bound := func(v float64) int { return int(max(-1, min(v, maxSide+1))) }
	return image.Rect(bound(math.Floor(x0)-1), bound(math.Floor(y0)-1), bound(math.Ceil(x1)+2), bound(math.Ceil(y1)+2)).
		Intersect(image.Rect(0, 0, width, height))
}

// aligner cuts faces out, upright and of one size.
type aligner struct {
	matrix  gocv.Mat
	aligned gocv.Mat
	part    []byte
}

func newAligner() *aligner {
	return &aligner{matrix: gocv.NewMatWithSize(2, 3, gocv.MatTypeCV64F), aligned: gocv.NewMat()}
}

// align returns the face as packed BGR of 112×112 pixels, valid until the next call. Only the part of the picture that
// the face lies in is converted; what lies outside of the picture is black.
func (a *aligner) align(p vision.Picture, l vision.Landmarks) (_ []byte, err error) {
	var from [5][2]float64
	for i, point := range l {
		from[i] = [2]float64{point.X * float64(p.Width), point.Y * float64(p.Height)}
	}
	to := vision.Template()
	s, err := fit(from[:], to[:])
	if err != nil {
		return nil, err
	}
	r := s.source(p.Width, p.Height)
	if r.Empty() {
		return nil, errors.New("landmarks lie outside of the picture")
	}
	n := r.Dx() * r.Dy() * 3
	a.part = slices.Grow(a.part[:0], n)[:n]
	if err := p.Pixels.Crop(a.part, r); err != nil {
		return nil, err
	}
	var part view
	if err := part.open(a.part, r.Dx(), r.Dy()); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, part.close()) }()
	return a.warp(part.Mat, s, r.Min)
}

// warp aligns the face in the part of a picture that begins at origin.
func (a *aligner) warp(part gocv.Mat, s similarity, origin image.Point) ([]byte, error) {
	shift := s.apply([2]float64{float64(origin.X), float64(origin.Y)})
	for i, v := range [6]float64{s.a, -s.b, shift[0], s.b, s.a, shift[1]} {
		a.matrix.SetDoubleAt(i/3, i%3, v)
	}
	size := image.Pt(vision.AlignedSide, vision.AlignedSide)
	gocv.WarpAffineWithParams(part, &a.aligned, a.matrix, size, gocv.InterpolationLinear, gocv.BorderConstant, color.RGBA{})
	pixels, err := a.aligned.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("aligned face: %w", err)
	}
	return pixels, nil
}

func (a *aligner) close() error { return errors.Join(a.matrix.Close(), a.aligned.Close()) }
