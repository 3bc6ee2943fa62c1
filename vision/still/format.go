package still

import (
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/bep/imagemeta"
)

// format is a kind of file that is read, by what it begins with.
type format struct {
	begins string
	head   func(io.Reader) (image.Config, error)
	fast   func(b []byte, width, height int) (Still, bool) // tried first; nil: there is none
	decode func(io.Reader) (image.Image, error)
	meta   imagemeta.ImageFormat // where its EXIF is; 0: it has none
}

var formats = []format{
	{"\xff\xd8\xff", jpeg.DecodeConfig, turbo, jpeg.Decode, imagemeta.JPEG},
	{"\x89PNG\r\n\x1a\n", png.DecodeConfig, nil, png.Decode, imagemeta.PNG},
	{"P5", pnmConfig, nil, decodePNM, 0},
	{"P6", pnmConfig, nil, decodePNM, 0},
}

// refused are formats that people have and that are not read.
var refused = []struct {
	name   string
	at     int
	begins string
}{
	{"GIF", 0, "GIF8"},
	{"BMP", 0, "BM"},
	{"WebP", 8, "WEBP"},
	{"TIFF", 0, "II*\x00"},
	{"TIFF", 0, "MM\x00*"},
	{"HEIC", 4, "ftyphei"},
	{"HEIC", 4, "ftypmif"},
	{"AVIF", 4, "ftypavi"},
	{"PDF", 0, "%PDF"},
	{"MP4", 4, "ftyp"},
}

func formatOf(b []byte) (format, error) {
	if len(b) == 0 {
		return format{}, errors.New("empty")
	}
	begins := func(at int, with string) bool { return len(b) >= at+len(with) && string(b[at:at+len(with)]) == with }
	for _, f := range formats {
		if begins(0, f.begins) {
			return f, nil
		}
	}
	for _, r := range refused {
		if begins(r.at, r.begins) {
			return format{}, fmt.Errorf("%s is not read, convert it to JPEG or PNG", r.name)
		}
	}
	return format{}, errors.New("neither JPEG nor PNG nor binary PNM")
}
