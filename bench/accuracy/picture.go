package main

import (
	"hash/maphash"
	"image"
	"math"
	"math/rand/v2"

	"vigil/internal/app"
	"vigil/vision"
)

// grey is a grey picture, row by row.
type grey struct {
	w, h int
	pix  []byte
}

// picture makes a grey picture one that the engine takes. This, greyOf and identity are the only places that know how
// pictures hold their pixels.
func (g grey) picture() vision.Picture {
	bgr := make([]byte, 3*len(g.pix))
	for i, v := range g.pix {
		bgr[3*i], bgr[3*i+1], bgr[3*i+2] = v, v, v
	}
	p, err := app.NewPicture(g.w, g.h, bgr)
	if err != nil {
		panic(err) // the pixels are as many as the size says
	}
	return p
}

// greyOf is the grey picture that p was read from.
func greyOf(p vision.Picture) grey {
	g := grey{p.Width, p.Height, make([]byte, p.Width*p.Height)}
	bgr := pixels(p)
	for i := range g.pix {
		g.pix[i] = bgr[3*i]
	}
	return g
}

// identity is the same for pictures with the same pixels.
func identity(seed maphash.Seed, p vision.Picture) uint64 { return maphash.Bytes(seed, pixels(p)) }

// pixels are all of a picture's.
func pixels(p vision.Picture) []byte {
	bgr := make([]byte, 3*p.Width*p.Height)
	if err := p.Pixels.Crop(bgr, image.Rect(0, 0, p.Width, p.Height)); err != nil {
		panic(err) // the whole lies inside, and the room is as large
	}
	return bgr
}

func newCanvas(w, h int, shade byte) grey {
	g := grey{w, h, make([]byte, w*h)}
	for i := range g.pix {
		g.pix[i] = shade
	}
	return g
}

// paste puts o into g, its middle at (x, y); o lies inside g.
func (g grey) paste(o grey, x, y int) {
	for row := range o.h {
		copy(g.pix[(y-o.h/2+row)*g.w+x-o.w/2:][:o.w], o.pix[row*o.w:][:o.w])
	}
}

// mean is the mean shade.
func (g grey) mean() byte {
	sum := 0
	for _, v := range g.pix {
		sum += int(v)
	}
	return byte(sum / len(g.pix))
}

// scaled is g, scale times as large. What is made smaller is averaged, as a sensor does: a pixel is the mean of samples
// half a pixel of g apart.
func (g grey) scaled(scale float64) grey {
	n := int(math.Ceil(2 / scale)) // samples a side
	part := 1 / float64(n)
	o := newCanvas(max(1, int(math.Round(float64(g.w)*scale))), max(1, int(math.Round(float64(g.h)*scale))), 0)
	for y := range o.h {
		for x := range o.w {
			sum := 0.0
			for i := range n * n {
				u := (float64(x) + (float64(i%n)+0.5)*part) / scale
				v := (float64(y) + (float64(i/n)+0.5)*part) / scale
				sum += g.sample(u-0.5, v-0.5)
			}
			o.pix[y*o.w+x] = byte(sum*part*part + 0.5)
		}
	}
	return o
}

// at is the pixel at (x, y); the rim goes on outside.
func (g grey) at(x, y int) byte { return g.pix[max(0, min(y, g.h-1))*g.w+max(0, min(x, g.w-1))] }

// sample interpolates between the four pixels around (x, y); the rim goes on outside.
func (g grey) sample(x, y float64) float64 {
	x, y = max(0, min(x, float64(g.w-1))), max(0, min(y, float64(g.h-1)))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, g.w-1), min(y0+1, g.h-1)
	fx, fy := x-float64(x0), y-float64(y0)
	top := float64(g.pix[y0*g.w+x0])*(1-fx) + float64(g.pix[y0*g.w+x1])*fx
	bottom := float64(g.pix[y1*g.w+x0])*(1-fx) + float64(g.pix[y1*g.w+x1])*fx
	return top*(1-fy) + bottom*fy
}

// blurred is g out of focus: a Gaussian of sigma pixels.
func (g grey) blurred(sigma float64) grey {
	if sigma <= 0 {
		return g
	}
	var kernel []float64
	sum, reach := 0.0, int(math.Ceil(3*sigma))
	for i := -reach; i <= reach; i++ {
		kernel = append(kernel, math.Exp(-float64(i*i)/(2*sigma*sigma)))
		sum += kernel[i+reach]
	}
	for i := range kernel {
		kernel[i] /= sum
	}
	along := func(from grey, dx, dy int) grey {
		to := newCanvas(from.w, from.h, 0)
		for y := range to.h {
			for x := range to.w {
				v := 0.5
				for i, k := range kernel {
					v += k * float64(from.at(x+dx*(i-reach), y+dy*(i-reach)))
				}
				to.pix[y*to.w+x] = byte(v)
			}
		}
		return to
	}
	return along(along(g, 1, 0), 0, 1)
}

// moved is g as it looks when it moves to the side by so many pixels while the shutter is open.
func (g grey) moved(pixels int) grey {
	if pixels <= 1 {
		return g
	}
	o := newCanvas(g.w, g.h, 0)
	for i := range o.pix {
		sum := 0
		for k := range pixels {
			sum += int(g.at(i%g.w+k-pixels/2, i/g.w))
		}
		o.pix[i] = byte((sum + pixels/2) / pixels)
	}
	return o
}

// noise adds a sensor's noise of sigma shades to g.
func (g grey) noise(sigma float64, r *rand.Rand) {
	for i, v := range g.pix {
		g.pix[i] = byte(max(0, min(255, float64(v)+r.NormFloat64()*sigma+0.5)))
	}
}
