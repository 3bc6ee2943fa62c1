//go:build !nocv

package opencv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/vision"
)

// still is a picture of 32×16 pixels, red on its left half and blue on its right.
func still() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 32, 16))
	for y := range 16 {
		for x := range 32 {
			c := color.RGBA{R: 255, A: 255}
			if x >= 16 {
				c = color.RGBA{B: 255, A: 255}
			}
			img.Set(x, y, c)
		}
	}
	return img
}

func stillJPEG(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, still(), &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func stillPNG(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, still()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// oriented puts an EXIF orientation into a JPEG (CIPA DC-008, 4.6: one entry, tag 0x0112, short).
func oriented(b []byte, orientation byte) []byte {
	exif := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00")
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
	return append(append(out, exif...), b[2:]...)
}

func TestDecodePicture(t *testing.T) {
	red, blue := [3]byte{0, 0, 255}, [3]byte{255, 0, 0}
	pnm := []byte("P6\n# a comment\n2 1\n255\n\xff\x00\x00\x00\x00\xff")
	for _, c := range []struct {
		name        string
		b           []byte
		w, h        int
		first, last [3]byte
	}{
		{"jpeg", stillJPEG(t), 32, 16, red, blue},
		{"png", stillPNG(t), 32, 16, red, blue},
		{"ppm", pnm, 2, 1, red, blue},
		{"pgm", []byte("P5 2 1 255\n\x10\x20"), 2, 1, [3]byte{16, 16, 16}, [3]byte{32, 32, 32}},
		{"upside down", oriented(stillJPEG(t), 3), 32, 16, blue, red},
		{"on its side", oriented(stillJPEG(t), 6), 16, 32, red, blue},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := DecodePicture(c.name, c.b)
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != c.w || p.Height != c.h {
				t.Fatalf("got %d×%d, want %d×%d", p.Width, p.Height, c.w, c.h)
			}
			bgr := bgrOf(t, p)
			for i := range 3 {
				got := [2]int{int(bgr[i]), int(bgr[len(bgr)-3+i])}
				if d := got[0] - int(c.first[i]); d < -6 || d > 6 {
					t.Errorf("first pixel: got %v, want %v", bgr[:3], c.first)
				}
				if d := got[1] - int(c.last[i]); d < -6 || d > 6 {
					t.Errorf("last pixel: got %v, want %v", bgr[len(bgr)-3:], c.last)
				}
			}
		})
	}
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

// enlarged is a PNG whose header claims another size.
func enlarged(b []byte, w, h uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestDecodePictureRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"text", []byte("hello, this is no picture"), "neither JPEG nor PNG nor PNM"},
		{"gif", []byte("GIF89a and so on"), "GIF is not read"},
		{"webp", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "WebP is not read"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic"), "HEIC is not read"},
		{"video", []byte("\x00\x00\x00\x18ftypisom"), "MP4 is not read"},
		{"wide", enlarged(stillPNG(t), 20000, 10), "20000×10 pixels"},
		{"large", enlarged(stillPNG(t), 10000, 10000), "10000×10000 pixels"},
		{"large pnm", []byte("P5 99999999999999999999 1 255\n"), "1048576×1"},
		{"pnm without size", []byte("P5 # nothing"), "without its size"},
		{"cut header", stillJPEG(t)[:20], "not a readable picture"},
		{"cut data", stillPNG(t)[:60], "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := DecodePicture(c.name+".jpg", c.b)
			if !errors.Is(err, ErrPicture) {
				t.Fatalf("got %v, want ErrPicture", err)
			}
			for _, want := range []string{c.name + ".jpg", c.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %q, want %q in it", err, want)
				}
			}
		})
	}
}

func TestReadPicture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "photo.jpg")
	if _, err := ReadPicture(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names %s", err, path)
	}
	if err := os.WriteFile(path, stillJPEG(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if p, err := ReadPicture(path); err != nil || p.Width != 32 {
		t.Errorf("got %d wide, %v", p.Width, err)
	}
	if _, err := ReadPicture(t.TempDir()); err == nil {
		t.Error("a folder: got no error")
	}
}

func FuzzDecodePicture(f *testing.F) {
	f.Add(stillJPEG(f))
	f.Add(stillPNG(f))
	f.Add(oriented(stillJPEG(f), 6))
	f.Add([]byte("P6 2 1 255\n\xff\x00\x00\x00\x00\xff"))
	f.Add([]byte("P1 2 2\n1 0 0 1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodePicture("x", b)
		if err == nil {
			bgrOf(t, p)
		}
	})
}
