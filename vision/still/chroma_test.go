package still

import (
	"fmt"
	"image"
	"testing"
)

// TestChroma draws colour of half the resolution between its samples, in every way that a JPEG subsamples.
func TestChroma(t *testing.T) {
	for _, c := range []struct {
		ratio image.YCbCrSubsampleRatio
		blue  [4]byte // of the first row's pixels: 100 + 1.772 × (Cb − 128)
		below byte    // of the pixel under the first
	}{
		{image.YCbCrSubsampleRatio444, [4]byte{100, 118, 135, 153}, 171},
		{image.YCbCrSubsampleRatio422, [4]byte{100, 104, 114, 118}, 135},
		{image.YCbCrSubsampleRatio420, [4]byte{100, 104, 114, 118}, 100},
		{image.YCbCrSubsampleRatio440, [4]byte{100, 118, 135, 153}, 100},
		{image.YCbCrSubsampleRatio411, [4]byte{100, 100, 100, 100}, 118},
	} {
		t.Run(fmt.Sprint(c.ratio), func(t *testing.T) {
			img := image.NewYCbCr(image.Rect(0, 0, 4, 2), c.ratio)
			for i := range img.Y {
				img.Y[i] = 100
			}
			for i := range img.Cb { // 128, 138, 148 and so on, row by row
				img.Cb[i], img.Cr[i] = byte(128+10*i), 128
			}
			s := pack(img)
			if s.Width != 4 || s.Height != 2 || len(s.BGR) != 24 {
				t.Fatalf("got %d×%d pixels in %d bytes", s.Width, s.Height, len(s.BGR))
			}
			for x, want := range c.blue {
				if got := s.BGR[x*3]; got != want {
					t.Errorf("pixel %d: got blue %d, want %d", x, got, want)
				}
			}
			if got := s.BGR[12]; got != c.below {
				t.Errorf("second row: got blue %d, want %d", got, c.below)
			}
		})
	}
}

// TestRounds expects a grey to stay the grey it is, and no colour to leave its bounds.
func TestRounds(t *testing.T) {
	for y := range 256 {
		if got := appendBGR(nil, y, 128, 128); [3]byte(got) != [3]byte{byte(y), byte(y), byte(y)} {
			t.Errorf("grey %d: got %v", y, got)
		}
	}
	if got := appendBGR(nil, 250, 255, 0); [3]byte(got) != [3]byte{255, 255, 71} {
		t.Errorf("got %v, want 255 255 71", got)
	}
}
