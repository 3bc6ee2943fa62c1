//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"image"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// packed is a picture that does not come out of a video: packed BGR.
type packed struct {
	width, height int
	bgr           []byte
}

var _ vision.Pixels = (*packed)(nil)

// NewPicture is the picture of that many pixels, packed BGR from the top. It keeps the bytes.
func NewPicture(width, height int, bgr []byte) (vision.Picture, error) {
	if width < 1 || height < 1 || width > maxSide || height > maxSide || len(bgr) != width*height*3 {
		return vision.Picture{}, fmt.Errorf("picture of %d×%d pixels in %d bytes", width, height, len(bgr))
	}
	return vision.Picture{Width: width, Height: height, Pixels: &packed{width, height, bgr}}, nil
}

// Scale implements vision.Pixels.
func (s *packed) Scale(dst []byte, stride, w, h int) (err error) {
	if w < 1 || h < 1 || w > maxSide || h > maxSide || stride < w*3 || len(dst) < (h-1)*stride+w*3 {
		return fmt.Errorf("scale to %d×%d pixels, rows of %d bytes, in %d bytes", w, h, stride, len(dst))
	}
	var v view
	if err := v.open(s.bgr, s.width, s.height); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	how := gocv.InterpolationArea // the only one that does not alias when shrinking
	if w > s.width {
		how = gocv.InterpolationLinear
	}
	scaled := gocv.NewMat()
	defer func() { err = errors.Join(err, scaled.Close()) }()
	gocv.Resize(v.Mat, &scaled, image.Pt(w, h), 0, 0, how)
	pixels, err := scaled.DataPtrUint8()
	if err != nil {
		return err
	}
	for y := range h {
		copy(dst[y*stride:], pixels[y*w*3:(y+1)*w*3])
	}
	return nil
}

// Crop implements vision.Pixels.
func (s *packed) Crop(dst []byte, r image.Rectangle) error {
	if r.Empty() || !r.In(image.Rect(0, 0, s.width, s.height)) || len(dst) < r.Dx()*r.Dy()*3 {
		return fmt.Errorf("crop %v out of %d×%d pixels into %d bytes", r, s.width, s.height, len(dst))
	}
	row := r.Dx() * 3
	for y := range r.Dy() {
		at := ((r.Min.Y+y)*s.width + r.Min.X) * 3
		copy(dst[y*row:], s.bgr[at:at+row])
	}
	return nil
}
