//go:build !nocv

package decode

import (
	"bytes"
	"image"
	"testing"

	"vigil/frames"
	"vigil/vision"
)

// TestKeeping looks at pictures after their call: they stay until the next one is given, of a keeping decoder only.
func TestKeeping(t *testing.T) {
	p, units := read(t, "testdata/h264-b0.mp4")
	for name, open := range map[string]func(frames.Parameters) (*Decoder, error){"keeping": NewKeeping, "other": New} {
		d, err := open(p)
		if err != nil {
			t.Fatal(err)
		}
		var given vision.Picture
		var then []byte
		for i, u := range units[:20] {
			err := d.Decode(u, func(int64) bool { return i == 5 }, func(p vision.Picture) error {
				given, then = p, whole(t, p)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if then == nil {
			t.Fatal("got no picture")
		}
		now := make([]byte, len(then))
		err = given.Pixels.Crop(now, image.Rect(0, 0, given.Width, given.Height))
		if kept := err == nil && bytes.Equal(now, then); kept != (name == "keeping") {
			t.Errorf("%s: the picture is kept: %v, %v", name, kept, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if err := given.Pixels.Crop(now, image.Rect(0, 0, 1, 1)); err == nil {
			t.Errorf("%s: after Close: got no error", name)
		}
	}
}
