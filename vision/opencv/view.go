//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"runtime"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// maxSide bounds the pictures that are looked at, in pixels.
const maxSide = 16384

// view is packed BGR as OpenCV sees it: the same bytes, held in place while it does. The zero view sees nothing; after
// close it may be opened again.
type view struct {
	gocv.Mat
	pin runtime.Pinner
}

func (v *view) open(bgr []byte, width, height int) error {
	if width < 1 || height < 1 || len(bgr) != width*height*3 {
		return fmt.Errorf("picture of %d×%d pixels in %d bytes", width, height, len(bgr))
	}
	v.pin.Pin(&bgr[0])
	mat, err := gocv.NewMatFromBytes(height, width, gocv.MatTypeCV8UC3, bgr)
	if err != nil {
		v.pin.Unpin()
		return err
	}
	v.Mat = mat
	return nil
}

func (v *view) close() error {
	defer v.pin.Unpin()
	return v.Close()
}

// seen reports whether a picture can be looked at.
func seen(p vision.Picture) error {
	if p.Width < 1 || p.Height < 1 || p.Width > maxSide || p.Height > maxSide {
		return fmt.Errorf("picture of %d×%d pixels, at most %d a side are looked at", p.Width, p.Height, maxSide)
	}
	if p.Pixels == nil {
		return errors.New("picture without pixels")
	}
	return nil
}
