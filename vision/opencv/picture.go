//go:build !nocv

package opencv

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // for the size
	_ "image/png"  // for the size
	"io"
	"os"
	"path/filepath"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// Bounds of a still, checked before it is decoded.
const (
	maxStillBytes  = 64 << 20
	maxStillPixels = 50e6
)

// ErrPicture says that a file is no picture that can be read.
var ErrPicture = errors.New("not a readable picture")

// ReadPicture reads a still: JPEG, PNG, or PNM (PGM, PPM, PBM). It is turned as its EXIF says.
func ReadPicture(path string) (vision.Picture, error) {
	f, err := os.Open(path)
	if err != nil {
		return vision.Picture{}, fmt.Errorf("read picture: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	b, err := io.ReadAll(io.LimitReader(f, maxStillBytes+1))
	if err != nil {
		return vision.Picture{}, fmt.Errorf("read picture: %w", err)
	}
	return DecodePicture(path, b)
}

// DecodePicture does the same for bytes; name is for errors.
func DecodePicture(name string, b []byte) (vision.Picture, error) {
	p, err := decodePicture(b)
	if err != nil {
		return vision.Picture{}, fmt.Errorf("read picture %s: %w", filepath.Clean(name), err)
	}
	return p, nil
}

func decodePicture(b []byte) (p vision.Picture, err error) {
	if len(b) > maxStillBytes {
		return p, fmt.Errorf("%w: more than %d bytes", ErrPicture, maxStillBytes)
	}
	w, h, err := stillSize(b)
	if err != nil {
		return p, err
	}
	if w < 1 || h < 1 || w > maxSide || h > maxSide || w*h > maxStillPixels {
		return p, fmt.Errorf("%w: %d×%d pixels, at most %d a side and %d million are read", ErrPicture, w, h, maxSide, int(maxStillPixels/1e6))
	}
	mat, err := gocv.IMDecode(b, gocv.IMReadColor)
	if err != nil {
		return p, fmt.Errorf("%w: %w", ErrPicture, err)
	}
	defer func() { err = errors.Join(err, mat.Close()) }()
	if mat.Empty() || mat.Type() != gocv.MatTypeCV8UC3 {
		return p, fmt.Errorf("%w: damaged", ErrPicture)
	}
	return NewPicture(mat.Cols(), mat.Rows(), mat.ToBytes())
}

// refused are formats that people have and that are not read, by what their files begin with.
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

// stillSize reads a picture's size from its header.
func stillSize(b []byte) (w, h int, err error) {
	switch {
	case len(b) == 0:
		return 0, 0, fmt.Errorf("%w: empty", ErrPicture)
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")), bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		c, _, err := image.DecodeConfig(bytes.NewReader(b))
		if err != nil {
			return 0, 0, fmt.Errorf("%w: %w", ErrPicture, err)
		}
		return c.Width, c.Height, nil
	case len(b) > 2 && b[0] == 'P' && b[1] >= '1' && b[1] <= '6':
		return pnmSize(b[2:])
	}
	for _, r := range refused {
		if len(b) >= r.at+len(r.begins) && string(b[r.at:r.at+len(r.begins)]) == r.begins {
			return 0, 0, fmt.Errorf("%w: %s is not read, convert it to JPEG or PNG", ErrPicture, r.name)
		}
	}
	return 0, 0, fmt.Errorf("%w: neither JPEG nor PNG nor PNM", ErrPicture)
}

// pnmSize reads width and height of a PNM header: two numbers, between white space and comments.
func pnmSize(b []byte) (w, h int, err error) {
	var size [2]int
	for i := range size {
		if b = skipBlank(b); len(b) == 0 || b[0] < '0' || b[0] > '9' {
			return 0, 0, fmt.Errorf("%w: PNM without its size", ErrPicture)
		}
		for len(b) > 0 && b[0] >= '0' && b[0] <= '9' {
			size[i] = min(size[i]*10+int(b[0]-'0'), 1<<20)
			b = b[1:]
		}
	}
	return size[0], size[1], nil
}

func skipBlank(b []byte) []byte {
	for len(b) > 0 {
		switch b[0] {
		case ' ', '\t', '\n', '\r':
			b = b[1:]
		case '#':
			end := bytes.IndexByte(b, '\n')
			if end < 0 {
				return nil
			}
			b = b[end:]
		default:
			return b
		}
	}
	return nil
}
