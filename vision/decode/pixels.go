//go:build !nocv

package decode

// #include "libav.h"
import "C"

import (
	"fmt"
	"image"
	"unsafe"

	"vigil/vision"
)

// shown is the decoder's current frame.
type shown Decoder

var _ vision.Pixels = (*shown)(nil)

// block is what libswscale works on at a time, in pixels: where rows are packed so tightly that the last few would run
// into the next row, it leaves them black (seen at widths of 66 to 1366 that are no multiple of 16). Chroma is
// subsampled by less.
const block = 16

// Scale implements vision.Pixels.
func (s *shown) Scale(dst []byte, stride, w, h int) error {
	if w < 1 || h < 1 || w > MaxSide || h > MaxSide || stride < w*3 || len(dst) < (h-1)*stride+w*3 {
		return fmt.Errorf("decode: scale to %d×%d pixels, rows of %d bytes, in %d bytes", w, h, stride, len(dst))
	}
	if s.c == nil {
		return errClosed
	}
	to, rows := dst, stride
	if w%block != 0 || len(dst) < h*stride {
		rows = ceil(w, block) * 3
		to = s.rows(rows * h)
	}
	if code := C.vigil_scale(s.c, (*C.uint8_t)(unsafe.SliceData(to)), C.int(rows), C.int(w), C.int(h)); code < 0 {
		return fmt.Errorf("decode: scale to %d×%d pixels: %w", w, h, codeError(code))
	}
	if rows != stride || len(dst) < h*stride {
		copyRows(dst, stride, to, rows, w*3, h)
	}
	return nil
}

// Crop implements vision.Pixels.
func (s *shown) Crop(dst []byte, r image.Rectangle) error {
	if s.c == nil {
		return errClosed
	}
	whole := image.Rect(0, 0, int(s.c.frame.width), int(s.c.frame.height))
	if r.Empty() || !r.In(whole) || len(dst) < r.Dx()*r.Dy()*3 {
		return fmt.Errorf("decode: crop %v out of %v into %d bytes", r, whole.Max, len(dst))
	}
	// Rows are even in number, as libswscale's fast conversion wants them; the decoder's own buffer ends on whole blocks.
	x, y := r.Min.X/block*block, r.Min.Y/block*block
	w, h := ceil(r.Max.X-x, block), ceil(r.Max.Y-y, 2)
	to := s.rows(w * 3 * h)
	code := C.vigil_crop(s.c, (*C.uint8_t)(unsafe.SliceData(to)), C.int(w*3), C.int(x), C.int(y), C.int(w), C.int(h))
	if code < 0 {
		return fmt.Errorf("decode: crop %v: %w", r, codeError(code))
	}
	copyRows(dst, r.Dx()*3, to[((r.Min.Y-y)*w+r.Min.X-x)*3:], w*3, r.Dx()*3, r.Dy())
	return nil
}

// rows returns room for n bytes, and behind it for one vector write too many.
func (s *shown) rows(n int) []byte {
	if cap(s.row) < n+3*block {
		s.row = make([]byte, n+3*block)
	}
	return s.row[:n]
}

func ceil(n, step int) int { return (n + step - 1) / step * step }

// copyRows copies n bytes of each of h rows.
func copyRows(dst []byte, dstStride int, src []byte, srcStride, n, h int) {
	for y := range h {
		copy(dst[y*dstStride:y*dstStride+n], src[y*srcStride:])
	}
}
