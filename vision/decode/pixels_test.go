//go:build !nocv

package decode

import (
	"bytes"
	"image"
	"math"
	"testing"

	"vigil/vision"
)

// whole is all of a picture.
func whole(t testing.TB, p vision.Picture) []byte {
	t.Helper()
	bgr := make([]byte, p.Width*p.Height*3)
	if err := p.Pixels.Crop(bgr, image.Rect(0, 0, p.Width, p.Height)); err != nil {
		t.Fatal(err)
	}
	return bgr
}

// scaled is a picture of that size, drawn between rows that nothing may be written to.
func scaled(t testing.TB, p vision.Picture, w, h int) []byte {
	t.Helper()
	const mark = 0xA5
	stride := w*3 + 60
	canvas := bytes.Repeat([]byte{mark}, h*stride)
	if err := p.Pixels.Scale(canvas[:(h-1)*stride+w*3], stride, w, h); err != nil {
		t.Fatal(err)
	}
	bgr := make([]byte, 0, w*h*3)
	for y := range h {
		row := canvas[y*stride : (y+1)*stride]
		bgr = append(bgr, row[:w*3]...)
		if !bytes.Equal(row[w*3:], bytes.Repeat([]byte{mark}, 60)) {
			t.Fatalf("scaled to %d×%d: row %d was written beyond its end", w, h, y)
		}
	}
	return bgr
}

// red checks that every pixel is 0xC83214.
func red(t *testing.T, what string, width int, bgr []byte) {
	t.Helper()
	want := [3]int{0x14, 0x32, 0xC8}
	for i, v := range bgr {
		if d := int(v) - want[i%3]; d < -4 || d > 4 {
			t.Fatalf("%s: pixel %d,%d: got %d, want %d", what, i/3%width, i/3/width, v, want[i%3])
		}
	}
}

// first gives the first picture of a file to f, which may use its pixels.
func first(t *testing.T, file string, f func(p vision.Picture)) {
	t.Helper()
	p, units := read(t, file)
	d := open(t, p)
	done := false
	for _, u := range units {
		err := d.Decode(u, func(int64) bool { return !done }, func(p vision.Picture) error {
			done = true
			f(p)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !done {
		t.Fatal("got no picture")
	}
}

// TestCropIsAPart compares parts with the same part of the whole. At a part's edge chroma has other neighbours.
func TestCropIsAPart(t *testing.T) {
	first(t, "testdata/h264-b2.mp4", func(p vision.Picture) {
		all := whole(t, p)
		for _, r := range []image.Rectangle{
			image.Rect(0, 0, 1, 1), image.Rect(17, 3, 18, 4), image.Rect(33, 21, 150, 90), image.Rect(319, 179, 320, 180),
			image.Rect(0, 0, 320, 180), image.Rect(100, 0, 320, 7),
		} {
			part := make([]byte, r.Dx()*r.Dy()*3)
			if err := p.Pixels.Crop(part, r); err != nil {
				t.Fatal(err)
			}
			for i, v := range part {
				x, y := r.Min.X+i/3%r.Dx(), r.Min.Y+i/3/r.Dx()
				if want := all[(y*320+x)*3+i%3]; math.Abs(float64(v)-float64(want)) > 2 {
					t.Fatalf("%v: pixel %d,%d: got %d, want %d", r, x, y, v, want)
				}
			}
		}
	})
}

// TestScaleIsTheMean compares a small picture with the mean of the pixels that became one.
func TestScaleIsTheMean(t *testing.T) {
	first(t, "testdata/h264-b0.mp4", func(p vision.Picture) {
		all, small := whole(t, p), scaled(t, p, 80, 45)
		off := 0.0
		for i, v := range small {
			sum := 0
			for k := range 16 {
				sum += int(all[((i/3/80*4+k/4)*320+i/3%80*4+k%4)*3+i%3])
			}
			off += math.Abs(float64(v)-float64(sum)/16) / float64(len(small))
		}
		if off > 3 {
			t.Errorf("got pixels that are %.1f off the mean of those they stand for", off)
		}
	})
}

func TestPixelsRefuse(t *testing.T) {
	first(t, "testdata/h264-b0.mp4", func(p vision.Picture) {
		for _, r := range []image.Rectangle{
			{}, image.Rect(0, 0, 321, 10), image.Rect(-1, 0, 10, 10), image.Rect(0, 0, 10, 181), image.Rect(0, 0, 100, 100),
		} {
			if err := p.Pixels.Crop(make([]byte, 300), r); err == nil {
				t.Errorf("crop %v: got no error", r)
			}
		}
		for _, c := range [][3]int{{0, 10, 30}, {10, 0, 30}, {10, 10, 29}, {10, 11, 30}, {MaxSide + 1, 1, 3 * (MaxSide + 1)}} {
			if err := p.Pixels.Scale(make([]byte, 300), c[2], c[0], c[1]); err == nil {
				t.Errorf("scale to %v: got no error", c)
			}
		}
	})
}
