//go:build !nocv

package opencv

import (
	"image"
	"os"
	"testing"

	"vigil/vision"
	"vigil/vision/still"
)

// readPicture is the picture of a file.
func readPicture(path string) (vision.Picture, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return vision.Picture{}, err
	}
	return decoded(path, b)
}

// decoded is the picture of a file's bytes.
func decoded(name string, b []byte) (vision.Picture, error) {
	s, err := still.Decode(name, b)
	if err != nil {
		return vision.Picture{}, err
	}
	return NewPicture(s.Width, s.Height, s.BGR)
}

// bgrOf is all of a picture.
func bgrOf(t testing.TB, p vision.Picture) []byte {
	t.Helper()
	bgr := make([]byte, p.Width*p.Height*3)
	if err := p.Pixels.Crop(bgr, image.Rect(0, 0, p.Width, p.Height)); err != nil {
		t.Fatal(err)
	}
	return bgr
}
