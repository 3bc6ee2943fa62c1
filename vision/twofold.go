package vision

import (
	"fmt"
	"image"
	"math"
	"slices"
)

// twofold is a picture of a camera's two streams: scaled out of the small one, in which faces are searched, and cut out
// of the main one's picture of the same time. That is decoded at the first cut. Where it cannot be, parts of the small
// one are enlarged.
type twofold struct {
	small         Picture
	detail        *detail
	width, height int // of the main stream's pictures

	tried, ok bool
	main      Picture // valid with ok
	room      []byte
}

var _ Pixels = (*twofold)(nil)

// sharp reports whether there is a main picture.
func (t *twofold) sharp() bool {
	if !t.tried {
		t.tried = true
		t.main, t.ok = t.detail.picture(t.small.Time)
		t.ok = t.ok && t.main.Width == t.width && t.main.Height == t.height
	}
	return t.ok
}

// Scale implements Pixels.
func (t *twofold) Scale(dst []byte, stride, w, h int) error {
	return t.small.Pixels.Scale(dst, stride, w, h)
}

// Crop implements Pixels.
func (t *twofold) Crop(dst []byte, r image.Rectangle) error {
	if t.sharp() {
		return t.main.Pixels.Crop(dst, r)
	}
	if r.Empty() || !r.In(image.Rect(0, 0, t.width, t.height)) || len(dst) < r.Dx()*r.Dy()*3 {
		return fmt.Errorf("crop %v out of %d×%d pixels into %d bytes", r, t.width, t.height, len(dst))
	}
	x := func(v int) int { return v * t.small.Width / t.width }
	y := func(v int) int { return v * t.small.Height / t.height }
	from := image.Rect(x(r.Min.X), y(r.Min.Y), x(r.Max.X-1)+1, y(r.Max.Y-1)+1)
	n := from.Dx() * from.Dy() * 3
	t.room = slices.Grow(t.room[:0], n)[:n]
	if err := t.small.Pixels.Crop(t.room, from); err != nil {
		return err
	}
	for v := range r.Dy() {
		for u := range r.Dx() {
			at := ((y(r.Min.Y+v)-from.Min.Y)*from.Dx() + x(r.Min.X+u) - from.Min.X) * 3
			copy(dst[(v*r.Dx()+u)*3:], t.room[at:at+3])
		}
	}
	return nil
}

// Limits of the second search for a face.
const (
	// closerAround is the side of what is searched, in the longer sides of the face: it may have moved, or the two
	// streams' clocks may differ.
	closerAround = 2
	// closerSide bounds it in pixels; larger ones are reduced. Landmarks of a face of half of it lie as well as in the whole.
	closerSide = 256
	// closerOverlap is how much of the face must be where it was.
	closerOverlap = 0.2
)

// closer is an engine that embeds faces found in a twofold picture from the main stream: there the face is looked for
// again, since its landmarks are as coarse as the small picture, and it may have moved. One that is not found is embedded
// from the small picture. Any other picture is its engine's matter.
type closer struct {
	Engine
	bgr   []byte // of the part that is searched
	less  []byte // of it, reduced
	faces []Face
}

// Embed implements Engine.
func (c *closer) Embed(p Picture, f Face) (Embedding, Quality, error) {
	t, ok := p.Pixels.(*twofold)
	if !ok {
		return c.Engine.Embed(p, f)
	}
	if t.sharp() {
		if again, ok := c.again(p, f); ok {
			return c.Engine.Embed(p, again)
		}
	}
	return c.Engine.Embed(t.small, f)
}

// again looks for the face in the main picture around where it was found.
func (c *closer) again(p Picture, f Face) (Face, bool) {
	r := around(f.Box, p.Width, p.Height)
	if r.Empty() {
		return f, false
	}
	n := r.Dx() * r.Dy() * 3
	c.bgr = slices.Grow(c.bgr[:0], n)[:n]
	if err := p.Pixels.Crop(c.bgr, r); err != nil {
		return f, false
	}
	part, err := c.reduced(&patch{width: r.Dx(), height: r.Dy(), bgr: c.bgr})
	if err != nil {
		return f, false
	}
	searched := Picture{Width: part.width, Height: part.height, Pixels: part, PTS: p.PTS, Time: p.Time}
	if c.faces, err = c.Detect(searched, c.faces[:0]); err != nil {
		return f, false
	}
	best, found := Face{}, closerOverlap
	for _, g := range c.faces {
		g = whole(g, r, p.Width, p.Height)
		if o := g.Box.Overlap(f.Box); g.Box.sane() && o > found {
			best, found = g, o
		}
	}
	return best, found > closerOverlap
}

// reduced is the part, by a whole number smaller where it is large.
func (c *closer) reduced(p *patch) (*patch, error) {
	factor := (max(p.width, p.height) + closerSide - 1) / closerSide
	if factor == 1 {
		return p, nil
	}
	w, h := max(1, p.width/factor), max(1, p.height/factor)
	c.less = slices.Grow(c.less[:0], w*h*3)[:w*h*3]
	return &patch{width: w, height: h, bgr: c.less}, p.Scale(c.less, w*3, w, h)
}

// around is what is searched for the face in a picture of that size.
func around(b Box, width, height int) image.Rectangle {
	x, y := (b.X+b.W/2)*float64(width), (b.Y+b.H/2)*float64(height)
	half := max(b.W*float64(width), b.H*float64(height)) * closerAround / 2
	return image.Rect(int(math.Floor(x-half)), int(math.Floor(y-half)), int(math.Ceil(x+half)), int(math.Ceil(y+half))).
		Intersect(image.Rect(0, 0, width, height))
}

// whole turns a face in the part r of a picture into one in the whole.
func whole(f Face, r image.Rectangle, width, height int) Face {
	w, h := float64(r.Dx())/float64(width), float64(r.Dy())/float64(height)
	x, y := float64(r.Min.X)/float64(width), float64(r.Min.Y)/float64(height)
	f.Box = Box{X: x + f.Box.X*w, Y: y + f.Box.Y*h, W: f.Box.W * w, H: f.Box.H * h}
	for i, l := range f.Landmarks {
		f.Landmarks[i] = Point{X: x + l.X*w, Y: y + l.Y*h}
	}
	return f
}

// patch is a part of a picture: packed BGR.
type patch struct {
	width, height int
	bgr           []byte
}

var _ Pixels = (*patch)(nil)

// Scale implements Pixels. Each pixel is the mean of those it stands for, or, enlarged, the nearest.
func (p *patch) Scale(dst []byte, stride, w, h int) error {
	if w < 1 || h < 1 || stride < w*3 || len(dst) < (h-1)*stride+w*3 {
		return fmt.Errorf("scale to %d×%d pixels, rows of %d bytes, in %d bytes", w, h, stride, len(dst))
	}
	for y := range h {
		y0, y1 := y*p.height/h, max(y*p.height/h+1, (y+1)*p.height/h)
		for x := range w {
			x0, x1 := x*p.width/w, max(x*p.width/w+1, (x+1)*p.width/w)
			var sums [3]int
			for v := y0; v < y1; v++ {
				for at := (v*p.width + x0) * 3; at < (v*p.width+x1)*3; at += 3 {
					sums[0], sums[1], sums[2] = sums[0]+int(p.bgr[at]), sums[1]+int(p.bgr[at+1]), sums[2]+int(p.bgr[at+2])
				}
			}
			n := (y1 - y0) * (x1 - x0)
			to := dst[y*stride+x*3:]
			to[0], to[1], to[2] = byte(sums[0]/n), byte(sums[1]/n), byte(sums[2]/n)
		}
	}
	return nil
}

// Crop implements Pixels.
func (p *patch) Crop(dst []byte, r image.Rectangle) error {
	if r.Empty() || !r.In(image.Rect(0, 0, p.width, p.height)) || len(dst) < r.Dx()*r.Dy()*3 {
		return fmt.Errorf("crop %v out of %d×%d pixels into %d bytes", r, p.width, p.height, len(dst))
	}
	for y := range r.Dy() {
		at := ((r.Min.Y+y)*p.width + r.Min.X) * 3
		copy(dst[y*r.Dx()*3:(y+1)*r.Dx()*3], p.bgr[at:])
	}
	return nil
}
