package mediatest

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
)

// Portrait draws a photo of p, size pixels high and wide, as for enrolment. Photos with another variation, up to
// Variations, differ in pose, light and expression; the same arguments always give the same picture.
func Portrait(p Person, size, n int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	backdrop(img, n)
	s := float64(size)
	paint(img, p, variation(n), s*(0.5+0.01*float64(n%3-1)), s*0.47, s*(0.27+0.01*float64(n%2)))
	img = blur(img)
	speckle(img, 2, n)
	return img
}

// PortraitJPEG is Portrait as a JPEG file.
func PortraitJPEG(p Person, size, n int) ([]byte, error) {
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, Portrait(p, size, n), &jpeg.Options{Quality: 92}); err != nil {
		return nil, fmt.Errorf("encode portrait of %s: %w", p.Name, err)
	}
	return buf.Bytes(), nil
}

// backdrop fills the picture with a plain, softly lit wall.
func backdrop(img *image.RGBA, n int) {
	tone := Color{0.62 + 0.03*float64(n%3), 0.66, 0.7 - 0.03*float64(n%2)}
	for y := img.Rect.Min.Y; y < img.Rect.Max.Y; y++ {
		for x := img.Rect.Min.X; x < img.Rect.Max.X; x++ {
			fall := 1.08 - 0.3*float64(x+y)/float64(img.Rect.Dx()+img.Rect.Dy())
			i := img.PixOffset(x, y)
			for k := range tone {
				img.Pix[i+k] = uint8(clamp(tone[k]*fall) * 255)
			}
			img.Pix[i+3] = 255
		}
	}
}

// blur softens the picture as a lens would, with the kernel 1 4 1 both ways.
func blur(src *image.RGBA) *image.RGBA {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	pass := func(from []uint8, line, step, n, lines int) []uint8 {
		to := make([]uint8, len(from))
		for l := range lines {
			for i := range n {
				at := l*line + i*step
				before, after := l*line+max(i-1, 0)*step, l*line+min(i+1, n-1)*step
				for k := range 4 {
					to[at+k] = uint8((int(from[before+k]) + 4*int(from[at+k]) + int(from[after+k]) + 3) / 6)
				}
			}
		}
		return to
	}
	out := &image.RGBA{Stride: src.Stride, Rect: src.Rect}
	out.Pix = pass(pass(src.Pix, src.Stride, 4, w, h), 4, src.Stride, h, w)
	return out
}

// speckle adds a sensor's noise, the same for the same seed.
func speckle(img *image.RGBA, strength float64, seed int) {
	for i := 0; i < len(img.Pix); i += 4 {
		d := strength * (hash(i, seed+77) + hash(i+1, seed+77) - 1)
		for k := range 3 {
			img.Pix[i+k] = uint8(max(0, min(255, float64(img.Pix[i+k])+d+0.5)))
		}
	}
}
