package still

import (
	"bytes"

	"github.com/bep/imagemeta"
)

// orientation is how a file's EXIF says that its picture lies, 1 to 8 (CIPA DC-008, 4.6.4). A file whose EXIF is missing
// or damaged is the right way up, as every viewer shows it.
func orientation(b []byte, in imagemeta.ImageFormat) (as int) {
	if in == 0 {
		return 1
	}
	_, err := imagemeta.Decode(imagemeta.Options{
		R:           bytes.NewReader(b),
		ImageFormat: in,
		Sources:     imagemeta.EXIF,
		ShouldHandleTag: func(tag imagemeta.TagInfo) bool {
			return tag.Namespace == "IFD0" && tag.Tag == "Orientation"
		},
		HandleTag: func(tag imagemeta.TagInfo) error {
			if v, ok := tag.Value.(uint16); ok {
				as = int(v)
			}
			return imagemeta.ErrStopWalking
		},
	})
	if err != nil || as < 1 || as > 8 {
		return 1
	}
	return as
}

// turned is the picture as it lies when its orientation is obeyed.
func (s Still) turned(orientation int) Still {
	w, h := s.Width, s.Height
	// Where the turned picture's first pixel is, and how many pixels further its next one to the right and below are.
	var first, right, below int
	switch orientation {
	case 2:
		first, right, below = w-1, -1, w
	case 3:
		first, right, below = w*h-1, -1, -w
	case 4:
		first, right, below = (h-1)*w, 1, -w
	case 5:
		first, right, below = 0, w, 1
	case 6:
		first, right, below = (h-1)*w, -w, 1
	case 7:
		first, right, below = w*h-1, -w, -1
	case 8:
		first, right, below = w-1, w, -1
	default:
		return s
	}
	if orientation >= 5 {
		w, h = h, w
	}
	t := Still{Width: w, Height: h, BGR: make([]byte, 0, len(s.BGR))}
	for y := range h {
		for at, x := first+y*below, 0; x < w; at, x = at+right, x+1 {
			t.BGR = append(t.BGR, s.BGR[at*3:at*3+3]...)
		}
	}
	return t
}
