//go:build !nocv

package opencv

import (
	"fmt"
	"runtime"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// maxSide bounds the pictures that are looked at, in pixels.
const maxSide = 16384

// view is a picture as OpenCV sees it: the same bytes, held in place while it does.
type view struct {
	gocv.Mat
	pin runtime.Pinner
}

func newView(p vision.Picture) (*view, error) {
	if p.Width < 1 || p.Height < 1 || p.Width > maxSide || p.Height > maxSide || len(p.BGR) != p.Width*p.Height*3 {
		return nil, fmt.Errorf("picture of %d×%d pixels in %d bytes", p.Width, p.Height, len(p.BGR))
	}
	v := &view{}
	v.pin.Pin(&p.BGR[0])
	mat, err := gocv.NewMatFromBytes(p.Height, p.Width, gocv.MatTypeCV8UC3, p.BGR)
	if err != nil {
		v.pin.Unpin()
		return nil, err
	}
	v.Mat = mat
	return v, nil
}

func (v *view) close() error {
	defer v.pin.Unpin()
	return v.Close()
}
