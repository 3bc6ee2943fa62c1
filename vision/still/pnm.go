package still

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
)

// pnmHead reads a binary PNM's header: its kind, width, height and largest value (the netpbm manual, pgm(5) and ppm(5)).
func pnmHead(r *bufio.Reader) (image.Config, error) {
	var kind [2]byte
	if _, err := io.ReadFull(r, kind[:]); err != nil {
		return image.Config{}, err
	}
	var numbers [3]int
	for i := range numbers {
		n, err := pnmNumber(r)
		if err != nil {
			return image.Config{}, fmt.Errorf("PNM without width, height and largest value: %w", err)
		}
		numbers[i] = n
	}
	if numbers[2] != 255 {
		return image.Config{}, fmt.Errorf("PNM with values up to %d, only 255 is read", numbers[2])
	}
	c := image.Config{ColorModel: color.RGBAModel, Width: numbers[0], Height: numbers[1]}
	if kind[1] == '5' {
		c.ColorModel = color.GrayModel
	}
	return c, nil
}

// pnmNumber reads a number, what separates it from the one before, and the one byte behind it.
func pnmNumber(r *bufio.Reader) (int, error) {
	n, digits := 0, 0
	for {
		b, err := r.ReadByte()
		switch {
		case err != nil:
			return 0, err
		case b >= '0' && b <= '9':
			n, digits = min(n*10+int(b-'0'), 1<<20), digits+1
		case b == '#':
			if _, err := r.ReadString('\n'); err != nil {
				return 0, err
			}
		case b != ' ' && (b < '\t' || b > '\r'):
			return 0, fmt.Errorf("byte %#x in the header", b)
		case digits > 0:
			return n, nil
		}
	}
}

func pnmConfig(r io.Reader) (image.Config, error) { return pnmHead(bufio.NewReader(r)) }

// decodePNM reads the pixels behind the header.
func decodePNM(from io.Reader) (image.Image, error) {
	r := bufio.NewReader(from)
	head, err := pnmHead(r)
	if err != nil {
		return nil, err
	}
	size := image.Rect(0, 0, head.Width, head.Height)
	if head.ColorModel == color.GrayModel {
		img := image.NewGray(size)
		_, err := io.ReadFull(r, img.Pix)
		return img, cut(err)
	}
	img := image.NewRGBA(size)
	for i := 0; i < len(img.Pix); i += 4 {
		if _, err := io.ReadFull(r, img.Pix[i:i+3]); err != nil {
			return nil, cut(err)
		}
		img.Pix[i+3] = 255
	}
	return img, nil
}

// cut says of pixels that are not all there, that they are not.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
