package still

import "image"

// packYCbCr packs a JPEG's picture. Where its colour has half the resolution it is drawn between its samples, which lie
// in the middle of the pixels they stand for (JFIF 1.02, "Spatial relationship of components"), with three quarters of
// the nearer one: what libjpeg does, and with it the programs that the networks were trained with.
func packYCbCr(img *image.YCbCr) Still {
	size := img.Rect.Size()
	s := Still{Width: size.X, Height: size.Y, BGR: make([]byte, 0, size.X*size.Y*3)}
	across, down := subsampled(img.SubsampleRatio)
	columns := betweens(size.X, across)
	for y, row := range betweens(size.Y, down) {
		near, far := row.near*img.CStride, row.far*img.CStride
		mix := func(plane []byte, c between) int {
			a, b := int(plane[near+c.near]), int(plane[near+c.far])
			d, e := int(plane[far+c.near]), int(plane[far+c.far])
			return (9*a + 3*b + 3*d + e + c.bias) >> 4
		}
		for x, c := range columns {
			s.BGR = appendBGR(s.BGR, int(img.Y[y*img.YStride+x]), mix(img.Cb, c), mix(img.Cr, c))
		}
	}
	return s
}

// appendBGR appends a pixel, rounded to the nearest (JFIF 1.02, "RGB image from YCbCr"): [color.YCbCrToRGB] leans to the dark.
func appendBGR(bgr []byte, y, cb, cr int) []byte {
	const half = 1 << 15
	cb, cr = cb-128, cr-128
	return append(bgr,
		clamp(y+(116130*cb+half)>>16),
		clamp(y+(-22554*cb-46802*cr+half)>>16),
		clamp(y+(91881*cr+half)>>16))
}

func clamp(v int) byte { return byte(max(0, min(v, 255))) } //nolint:gosec // it is in between

// between is where a pixel lies: the sample nearest to it, and the next one on its other side. What is just between two
// values is rounded up and down by turns, in sixteenths.
type between struct{ near, far, bias int }

// betweens are the places of n pixels along samples that stand for every pixels each. Where that is neither one nor two a
// pixel has its own sample's colour.
func betweens(n, every int) []between {
	places := make([]between, n)
	last := (n - 1) / every
	for i := range places {
		p := between{i / every, i / every, 8 - i%every%2}
		if every == 2 {
			p.far = min(max(p.near-1+i%2*2, 0), last)
		}
		places[i] = p
	}
	return places
}

// subsampled is how many pixels a colour sample stands for, across and down.
func subsampled(r image.YCbCrSubsampleRatio) (across, down int) {
	switch r {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	default:
		return 1, 1
	}
}
