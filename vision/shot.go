package vision

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"strings"
	"time"

	"vigil/frames"
)

// What a shot shows.
const (
	shotScale   = 2.5 // head and shoulders, in face widths and heights
	shotAbove   = 0.6 // of it, in face heights, above the face's box: hair and hats
	shotSmall   = 160 // pixels a side where the picture allows: smaller ones say nothing to people
	shotLarge   = 640 // pixels a side: larger ones are reduced, a shot is for the eye and the mail, not for evidence
	shotQuality = 85  // JPEG quality
)

// ShotKey is the object key of the track's best shot. It stays the same when a better shot replaces the first.
func ShotKey(camera frames.CameraID, track string, start time.Time) string {
	return fmt.Sprintf("shots/%s/%s/%s.jpg", start.UTC().Format("2006/01/02"), camera,
		strings.ReplaceAll(track, "/", "_"))
}

// crop copies head and shoulders around a face out of the picture, reduced by a whole number where they are large.
func crop(p Picture, face Box) (*image.RGBA, error) {
	x0, x1 := span(face.X+face.W/2-face.W*shotScale/2, face.W*shotScale, p.Width)
	y0, y1 := span(face.Y-face.H*shotAbove, face.H*shotScale, p.Height)
	bgr := make([]byte, (x1-x0)*(y1-y0)*3)
	if err := p.Pixels.Crop(bgr, image.Rect(x0, y0, x1, y1)); err != nil {
		return nil, fmt.Errorf("cut out a shot: %w", err)
	}
	factor := max(1, (max(x1-x0, y1-y0)+shotLarge-1)/shotLarge)
	out := image.NewRGBA(image.Rect(0, 0, max(1, (x1-x0)/factor), max(1, (y1-y0)/factor)))
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			b, g, r := mean(bgr, x1-x0, x*factor, y*factor, factor)
			copy(out.Pix[y*out.Stride+4*x:], []byte{r, g, b, 255})
		}
	}
	return out, nil
}

// span turns fractions of the picture into pixels inside it, at least shotSmall of them where it is that large.
func span(start, length float64, size int) (from, to int) {
	from, n := int(start*float64(size)), int(length*float64(size))
	if n < shotSmall {
		from -= (shotSmall - n) / 2
		n = shotSmall
	}
	n = min(n, size)
	from = min(max(from, 0), size-n)
	return from, from + n
}

// mean averages the square of side n at (x, y) of packed BGR of that width; what lies beyond it does not count.
func mean(bgr []byte, width, x, y, n int) (b, g, r byte) {
	var sums [3]int
	count := 0
	for v := y; v < min(y+n, len(bgr)/3/width); v++ {
		for u := x; u < min(x+n, width); u++ {
			at := (v*width + u) * 3
			for c := range sums {
				sums[c] += int(bgr[at+c])
			}
			count++
		}
	}
	return byte(sums[0] / count), byte(sums[1] / count), byte(sums[2] / count)
}

// encode cannot fail: a shot is far below JPEG's 65,535 pixels a side, and memory takes every write.
func encode(img *image.RGBA) []byte {
	var buf bytes.Buffer
	_ = jpeg.Encode(&buf, img, &jpeg.Options{Quality: shotQuality})
	return buf.Bytes()
}
