// Package still reads photos: JPEG, PNG and PNM files become packed BGR pixels, the right way up. It does without OpenCV's
// reader of image files, for which the program would load a hundred more shared libraries at each start. It imports none
// of ours.
package still

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"path/filepath"
)

// Bounds of a still, checked before it is decoded.
const (
	maxBytes  = 64 << 20
	maxSide   = 16384
	maxPixels = 50e6
)

// ErrPicture says that a file is no picture that can be read.
var ErrPicture = errors.New("not a readable picture")

// Still is a picture: Height rows of Width pixels of three bytes, blue, green and red, from the top left.
type Still struct {
	Width, Height int
	BGR           []byte
}

// Decode reads a file's bytes: JPEG, PNG, or binary PNM (PGM, PPM) of 8 bits. The picture is turned as its EXIF says; what
// shines through it is white. name is for errors, which wrap [ErrPicture].
func Decode(name string, b []byte) (Still, error) {
	s, err := decode(b)
	if err != nil {
		return Still{}, fmt.Errorf("read picture %s: %w: %w", filepath.Clean(name), ErrPicture, err)
	}
	return s, nil
}

func decode(b []byte) (Still, error) {
	if len(b) > maxBytes {
		return Still{}, fmt.Errorf("more than %d bytes", maxBytes)
	}
	f, err := formatOf(b)
	if err != nil {
		return Still{}, err
	}
	head, err := f.head(bytes.NewReader(b))
	if err != nil {
		return Still{}, err
	}
	if w, h := head.Width, head.Height; w < 1 || h < 1 || w > maxSide || h > maxSide || w*h > maxPixels {
		return Still{}, fmt.Errorf("%d×%d pixels, at most %d a side and %d million are read", w, h, maxSide, int(maxPixels/1e6))
	}
	s, err := f.pixels(b, head)
	if err != nil {
		return Still{}, fmt.Errorf("damaged: %w", err)
	}
	return s.turned(orientation(b, f.meta)), nil
}

// pixels decodes a file as it lies. What the fast way does not take, or finds fault with, Go has the last word on.
func (f format) pixels(b []byte, head image.Config) (Still, error) {
	if f.fast != nil {
		if s, ok := f.fast(b, head.Width, head.Height); ok {
			return s, nil
		}
	}
	img, err := f.decode(bytes.NewReader(b))
	if err != nil {
		return Still{}, err
	}
	return pack(img), nil
}

// pack draws a picture onto white, some rows at a time.
func pack(img image.Image) Still {
	const rows = 16
	size := img.Bounds()
	s := Still{Width: size.Dx(), Height: size.Dy(), BGR: make([]byte, 0, size.Dx()*size.Dy()*3)}
	strip := image.NewRGBA(image.Rect(0, 0, s.Width, rows))
	for y := 0; y < s.Height; y += rows {
		draw.Draw(strip, strip.Rect, image.NewUniform(color.White), image.Point{}, draw.Src)
		draw.Draw(strip, strip.Rect, img, size.Min.Add(image.Pt(0, y)), draw.Over)
		pixels := strip.Pix[:min(rows, s.Height-y)*strip.Stride]
		for i := 0; i < len(pixels); i += 4 {
			s.BGR = append(s.BGR, pixels[i+2], pixels[i+1], pixels[i])
		}
	}
	return s
}
