package still

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
)

// halves is a picture of 32×16 pixels, red on its left half and blue on its right.
func halves() image.Image {
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

func jpegFile(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, halves(), &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func pngFile(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := png.Encode(&buf, halves()); err != nil {
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

func TestDecode(t *testing.T) {
	red, blue := [3]byte{0, 0, 255}, [3]byte{255, 0, 0}
	pnm := []byte("P6\n# a comment\n2 1\n255\n\xff\x00\x00\x00\x00\xff")
	for _, c := range []struct {
		name        string
		b           []byte
		w, h        int
		first, last [3]byte
	}{
		{"jpeg", jpegFile(t), 32, 16, red, blue},
		{"png", pngFile(t), 32, 16, red, blue},
		{"ppm", pnm, 2, 1, red, blue},
		{"pgm", []byte("P5 2 1 255\n\x10\x20"), 2, 1, [3]byte{16, 16, 16}, [3]byte{32, 32, 32}},
		{"upside down", oriented(jpegFile(t), 3), 32, 16, blue, red},
		{"on its side", oriented(jpegFile(t), 6), 16, 32, red, blue},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Decode(c.name, c.b)
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != c.w || p.Height != c.h {
				t.Fatalf("got %d×%d, want %d×%d", p.Width, p.Height, c.w, c.h)
			}
			bgr := p.BGR
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

// enlarged is a PNG whose header claims another size.
func enlarged(b []byte, w, h uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[16:], w)
	binary.BigEndian.PutUint32(b[20:], h)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []byte
		want string
	}{
		{"empty", nil, "empty"},
		{"text", []byte("hello, this is no picture"), "neither JPEG nor PNG nor binary PNM"},
		{"gif", []byte("GIF89a and so on"), "GIF is not read"},
		{"webp", []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "WebP is not read"},
		{"heic", []byte("\x00\x00\x00\x18ftypheic"), "HEIC is not read"},
		{"video", []byte("\x00\x00\x00\x18ftypisom"), "MP4 is not read"},
		{"wide", enlarged(pngFile(t), 20000, 10), "20000×10 pixels"},
		{"large", enlarged(pngFile(t), 10000, 10000), "10000×10000 pixels"},
		{"large pnm", []byte("P5 99999999999999999999 1 255\n"), "1048576×1 pixels"},
		{"pnm without size", []byte("P5 # nothing"), "without width"},
		{"pnm of text", []byte("P5 1 x 255\n\x00"), "byte 0x78"},
		{"deep pnm", []byte("P5 1 1 65535\n\x00\x00"), "values up to 65535"},
		{"cut pnm", []byte("P6 2 1 255\n\x00\x00\x00\x00"), "damaged: unexpected EOF"},
		{"cut header", jpegFile(t)[:20], "not a readable picture"},
		{"cut data", pngFile(t)[:60], "damaged"},
		{"cut jpeg", jpegFile(t)[:len(jpegFile(t))-8], "damaged"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.name+".jpg", c.b)
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

func FuzzDecode(f *testing.F) {
	f.Add(jpegFile(f))
	f.Add(pngFile(f))
	f.Add(oriented(jpegFile(f), 6))
	f.Add([]byte("P6 2 1 255\n\xff\x00\x00\x00\x00\xff"))
	f.Add([]byte("P5 # grey\n2 2 255\n\x00\x01\x02\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode("x", b)
		if err == nil && (s.Width < 1 || s.Height < 1 || len(s.BGR) != s.Width*s.Height*3) {
			t.Fatalf("got %d×%d pixels in %d bytes", s.Width, s.Height, len(s.BGR))
		}
		if err != nil && !errors.Is(err, ErrPicture) {
			t.Fatalf("got %v, want ErrPicture", err)
		}
	})
}

// TestTurned turns a picture of 3×2 pixels, 0 to 5, in every way that EXIF knows (CIPA DC-008, 4.6.4).
func TestTurned(t *testing.T) {
	for orientation, want := range []string{
		0: "012/345", // none
		1: "012/345",
		2: "210/543",
		3: "543/210",
		4: "345/012",
		5: "03/14/25",
		6: "30/41/52",
		7: "52/41/30",
		8: "25/14/03",
		9: "012/345", // no such one
	} {
		s := Still{Width: 3, Height: 2}
		for i := range byte(6) {
			s.BGR = append(s.BGR, i, i, i)
		}
		s = s.turned(orientation)
		var got strings.Builder
		for i := range s.Width * s.Height {
			if i > 0 && i%s.Width == 0 {
				got.WriteByte('/')
			}
			got.WriteByte('0' + s.BGR[i*3])
		}
		if got.String() != want {
			t.Errorf("orientation %d: got %s, want %s", orientation, got.String(), want)
		}
	}
}

// TestTransparent expects what shines through a picture to be white, not the colour that nobody sees.
func TestTransparent(t *testing.T) {
	img := image.NewNRGBA(image.Rect(0, 0, 2, 20))
	for y := range 20 {
		img.SetNRGBA(0, y, color.NRGBA{R: 9, G: 9, B: 9, A: 0})
		img.SetNRGBA(1, y, color.NRGBA{R: 30, G: 20, B: 10, A: 255})
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	s, err := Decode("cut out", file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if want := bytes.Repeat([]byte{255, 255, 255, 10, 20, 30}, 20); !bytes.Equal(s.BGR, want) {
		t.Errorf("got %v, want %v", s.BGR, want)
	}
}

// TestWrongOrientation reads the picture all the same.
func TestWrongOrientation(t *testing.T) {
	for _, as := range []byte{0, 9, 255} {
		if s, err := Decode("x", oriented(jpegFile(t), as)); err != nil || s.Width != 32 {
			t.Errorf("orientation %d: got %d wide, %v", as, s.Width, err)
		}
	}
	broken := oriented(jpegFile(t), 6)
	copy(broken[12:], "??") // neither little nor big endian
	if s, err := Decode("x", broken); err != nil || s.Width != 32 {
		t.Errorf("damaged EXIF: got %d wide, %v", s.Width, err)
	}
}

// TestUntidy expects a JPEG with something in it that does not belong there to be read all the same, and one that is grey
// to be so in every colour.
func TestUntidy(t *testing.T) {
	b := jpegFile(t)
	junk := append(bytes.Clone(b[:len(b)-2]), 1, 2, 3, 0xff, 0xd9)
	if s, err := Decode("junk.jpg", junk); err != nil || s.Width != 32 || s.Height != 16 {
		t.Errorf("junk before the end: got %d×%d, %v", s.Width, s.Height, err)
	}
	if s, err := Decode("more.jpg", append(bytes.Clone(b), "thumbnails"...)); err != nil || s.Width != 32 {
		t.Errorf("more behind the end: got %d wide, %v", s.Width, err)
	}
	grey := image.NewGray(image.Rect(0, 0, 5, 3))
	for i := range grey.Pix {
		grey.Pix[i] = 77
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, grey, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	if s, err := Decode("grey.jpg", file.Bytes()); err != nil || !bytes.Equal(s.BGR, bytes.Repeat([]byte{77}, 45)) {
		t.Errorf("grey: got %v, %v", s.BGR, err)
	}
}
