package mediatest

import (
	"image"
	"math"
)

// depth is how far the face stands out in front of the head's axis, in half heads.
const depth = 0.8

// figure is a person in a pose, ready to be painted.
type figure struct {
	Person
	pose       Pose
	sin, cos   float64 // of the roll
	yawS, yawC float64
	pitS, pitC float64
	soft       float64 // half a pixel's width, in half heads
	seed       float64 // keeps two people's noise apart
}

func newFigure(p Person, pose Pose, half float64) *figure {
	f := &figure{Person: p, pose: pose, soft: 0.9 / half}
	f.sin, f.cos = math.Sincos(radians(pose.Roll))
	f.yawS, f.yawC = math.Sincos(radians(pose.Yaw))
	f.pitS, f.pitC = math.Sincos(radians(pose.Pitch))
	for i, r := range p.Name {
		f.seed += float64(r) * float64(i+1)
	}
	return f
}

// paint draws the person into dst: head centred at (cx, cy), half pixels from there to the chin, shoulders down to
// the picture's lower edge.
func paint(dst *image.RGBA, p Person, pose Pose, cx, cy, half float64) {
	f := newFigure(p, pose, half)
	r := image.Rect(int(cx-2.2*half), int(cy-1.7*half), int(cx+2.2*half)+1, dst.Rect.Max.Y).Intersect(dst.Rect)
	for py := r.Min.Y; py < r.Max.Y; py++ {
		y := (float64(py) + 0.5 - cy) / half
		for px := r.Min.X; px < r.Max.X; px++ {
			x := (float64(px) + 0.5 - cx) / half
			i := dst.PixOffset(px, py)
			pix := dst.Pix[i : i+3 : i+3]
			c := Color{float64(pix[0]) / 255, float64(pix[1]) / 255, float64(pix[2]) / 255}
			f.at(&c, x, y)
			for k := range c {
				pix[k] = uint8(clamp(c[k])*255 + 0.5)
			}
		}
	}
}

// at paints the figure over the picture's colour c at (x, y), back to front.
func (f *figure) at(c *Color, x, y float64) {
	hx, hy := x*f.cos+y*f.sin, -x*f.sin+y*f.cos
	f.hairBehind(c, hx, hy)
	f.body(c, x, y)
	if hx*hx > 2.2 || hy > 1.4 {
		return
	}
	f.ears(c, hx, hy)
	d, inner := f.outline(hx, hy)
	if t := cover(d, 1.5*f.soft); t > 0 {
		c.over(f.face(hx, hy, inner), t)
	}
	f.hairInFront(c, hx, hy, d)
	f.glasses(c, hx, hy)
}

// outline returns the distance from the head's outline and, inside, 0 in the middle rising to 1 at the edge.
func (f *figure) outline(x, y float64) (distance, inner float64) {
	a, p := f.Aspect, 2.0
	if y > 0 {
		a *= 1 + f.Cheeks*math.Sin(min(y, 1)*math.Pi*0.75)
		p = f.Jaw
	}
	ay := math.Abs(y)
	inner = (x*x)/(a*a) + math.Pow(ay, p)
	slope := math.Hypot(2*x/(a*a), p*math.Pow(ay, p-1))
	return (inner - 1) / max(slope, 0.5), inner
}

// surface turns a place in the picture into one on the face seen from the front, lift in front of the skin.
func (f *figure) surface(x, y, inner, lift float64) (sx, sy float64) {
	z := depth*math.Sqrt(max(0, 1-inner)) + lift
	return x*f.yawC - z*f.yawS, y*f.pitC - z*f.pitS
}

// lit returns how bright the head is at (x, y).
func (f *figure) lit(x, y, inner float64) float64 {
	z := math.Sqrt(max(0, 1-inner))
	nx, ny := x/f.Aspect, y*0.8
	n := math.Sqrt(nx*nx + ny*ny + z*z + 1e-9)
	lx, ly, lz := f.pose.Light, -0.45, 0.85
	l := math.Sqrt(lx*lx + ly*ly + lz*lz)
	lambert := max(0, (nx*lx+ny*ly+z*lz)/(n*l))
	return f.pose.Gain * (0.48 + 0.58*lambert)
}

// face paints the skin and everything on it.
func (f *figure) face(x, y, inner float64) Color {
	sx, sy := f.surface(x, y, inner, 0)
	c := f.Skin
	c.shade(1+0.03*grain(sx*7+f.seed, sy*7)+0.035*grain(sx*17, sy*17+f.seed), 1)
	c.over(Color{0.8, 0.35, 0.3}, 0.16*(blob(sx-0.4, sy-0.38, 0.2, 0.16)+blob(sx+0.4, sy-0.38, 0.2, 0.16)))
	if f.Freckles > 0 {
		spots := step(0.55, 0.8, grain(sx*34+f.seed, sy*34))
		c.shade(0.72, f.Freckles*spots*blob(sx, sy-0.25, 0.5, 0.22))
	}
	f.hollows(&c, sx, sy)
	f.beard(&c, sx, sy)
	f.mouth(&c, sx, sy)
	for _, side := range []float64{-1, 1} {
		f.eye(&c, sx, sy, side)
		f.brow(&c, sx, sy, side)
	}
	nx, ny := f.surface(x, y, inner, 0.12)
	f.nose(&c, nx, ny)
	return c.scale(f.lit(x, y, inner))
}

// hollows shades what lies deeper than its surroundings, and the lines of age.
func (f *figure) hollows(c *Color, x, y float64) {
	for _, s := range []float64{-1, 1} {
		u := x - s*f.EyeGap
		c.shade(0.76, blob(u, y-f.EyeY+0.06, f.EyeWidth*1.25, 0.12))
		c.shade(0.86, (0.5+0.5*f.Lines)*blob(u, y-f.EyeY-0.13, f.EyeWidth, 0.05))
		c.shade(1.08, blob(u*1.0, y-f.EyeY-0.27, 0.14, 0.08))
		c.shade(0.84, blob(x-s*f.Aspect*0.82, y-0.45, 0.12, 0.3))
		tip := f.EyeY + f.NoseLong
		fold := segment(s*x, y, f.NoseWide*1.15, tip-0.02, f.MouthWide*1.12, tip+f.MouthGap*0.95)
		c.shade(0.74, (0.25+0.75*f.Lines)*cover(fold-0.008, 0.03))
	}
	c.shade(1.07, blob(x, y+0.5, 0.32, 0.2))
	c.shade(1.06, blob(x, y-0.88, 0.14, 0.08))
	if f.Lines > 0 {
		for i := range 3 {
			wave := y + 0.42 + 0.085*float64(i) + 0.02*math.Cos(x*6+float64(i))
			c.shade(0.82, f.Lines*cover(math.Abs(wave)-0.004, 0.016)*blob(x, 0, 0.3, 1))
		}
	}
}

func (f *figure) eye(c *Color, x, y, side float64) {
	u := (x - side*f.EyeGap) / f.EyeWidth
	v := y - f.EyeY + side*u*f.EyeTilt
	if math.Abs(u) > 1.4 || math.Abs(v) > 0.3 {
		return
	}
	bow := max(0, 1-u*u)
	open := f.EyeOpen * (1 - 0.95*f.pose.Blink) * (1 - 0.12*max(0, f.pose.Smile))
	upper, lower := -open*math.Pow(bow, 0.7), 0.72*open*math.Pow(bow, 0.9)
	s := max(f.soft, 0.008)
	inside := cover(upper-v, s) * cover(v-lower, s) * cover(math.Abs(u)-1, 0.05)
	white := Color{0.93, 0.92, 0.9}
	white.shade(0.72, step(upper+0.06, upper, v))
	white.over(Color{0.8, 0.55, 0.5}, step(0.75, 1, -side*u)*0.7)
	c.over(white, inside)
	ix := (u-0.28*f.pose.Gaze-f.yawS*0.15)*f.EyeWidth + 0
	radius := f.EyeOpen * 0.92
	d := math.Hypot(ix, v+0.1*f.EyeOpen)
	c.over(f.Iris.scale(0.45), inside*cover(d-radius, s))
	c.over(f.Iris.scale(0.8+0.5*step(-radius, radius, v)), inside*cover(d-radius*0.86, s))
	c.over(Color{0.03, 0.03, 0.04}, inside*cover(d-radius*0.45, s))
	c.over(Color{1, 1, 1}, inside*cover(math.Hypot(ix+0.3*radius, v+0.45*radius)-radius*0.2, s))
	lash := cover(math.Abs(v-upper)-0.016, 1.5*s) * cover(math.Abs(u)-1.06, 0.06)
	c.over(Color{0.1, 0.07, 0.06}, 0.9*lash)
	crease := math.Abs(v + 1.45*f.EyeOpen*math.Pow(max(0, 1-u*u*0.8), 0.6) + 0.01)
	c.shade(0.62, cover(crease-0.006, 0.016)*cover(math.Abs(u)-1.05, 0.1))
	c.shade(0.72, cover(math.Abs(v-lower)-0.005, 0.014)*cover(math.Abs(u)-0.95, 0.1))
}

func (f *figure) brow(c *Color, x, y, side float64) {
	u := (x - side*(f.EyeGap+0.01)) / (f.EyeWidth * 1.35)
	if math.Abs(u) > 1.2 {
		return
	}
	outer := side * u
	mid := f.EyeY - f.BrowGap - f.BrowArch*(1-u*u) - f.BrowTilt*outer - 0.02*f.pose.Smile
	thick := f.Brow * (1 - 0.55*step(-0.2, 1, outer))
	hairs := 1 + 0.3*grain(x*45+y*20*side, y*16+f.seed)
	t := cover(math.Abs(y-mid)-thick*hairs, 0.018) * cover(math.Abs(u)-0.98, 0.08)
	c.over(f.Hair.mix(Color{0.09, 0.06, 0.05}, 0.45), 0.92*t)
}

func (f *figure) nose(c *Color, x, y float64) {
	tip := f.EyeY + f.NoseLong
	along := clamp((y - f.EyeY + 0.05) / f.NoseLong)
	bridge := f.NoseWide * (0.42 + 0.35*along*along)
	on := step(f.EyeY-0.12, f.EyeY+0.08, y) * step(tip+0.02, tip-0.12, y)
	light := 0.12 + 0.1*math.Abs(f.pose.Light)
	c.shade(1+light, on*blob(x, 0, bridge*0.45, 1))
	for _, s := range []float64{-1, 1} {
		far := 0.16 - 0.12*s*f.pose.Light
		c.shade(1-max(0.04, far), on*blob(x-s*bridge*1.15, 0, bridge*0.45, 1))
		wing := ellipse(x-s*f.NoseWide*0.78, y-tip+0.005, f.NoseWide*0.34, 0.075)
		c.shade(0.9, cover(wing, 0.03))
		c.shade(0.62, cover(math.Abs(wing)-0.006, 0.018)*step(0, 0.5, s*x/f.NoseWide-0.5))
		hole := ellipse(x-s*f.NoseWide*0.45, y-tip-0.045, f.NoseWide*0.3, 0.022)
		c.over(Color{0.16, 0.07, 0.06}, 0.85*cover(hole, 0.018))
	}
	c.shade(1.16, blob(x+0.02*f.pose.Light, y-tip+0.05, f.NoseWide*0.42, 0.06))
	c.shade(0.74, blob(x, y-tip-0.075, f.NoseWide*0.95, 0.03))
}

func (f *figure) mouth(c *Color, x, y float64) {
	wide := f.MouthWide * (1 + 0.1*f.pose.Smile)
	mid := f.EyeY + f.NoseLong + f.MouthGap
	u := x / wide
	if math.Abs(u) > 1.35 {
		return
	}
	v := y - mid + 0.06*f.pose.Smile*(u*u-0.4)
	bow := max(0, 1-u*u)
	cupid := 1 - 0.28*math.Exp(-u*u*30)
	upper, lower := -f.Lips*0.85*math.Pow(bow, 0.8)*cupid, f.Lips*1.15*math.Pow(bow, 0.75)
	s := max(f.soft, 0.012)
	inside := cover(math.Abs(u)-1, 0.04)
	lip := f.Skin.mix(Color{0.62, 0.2, 0.2}, 0.42+0.5*f.Lipstick)
	c.over(lip.scale(0.82), inside*cover(upper-v, s)*cover(v, s))
	low := lip.scale(0.98)
	low.shade(1.18, blob(u, (v-f.Lips*0.5)/f.Lips, 0.4, 0.35))
	c.over(low, inside*cover(-v, s)*cover(v-lower, s))
	c.over(Color{0.22, 0.07, 0.07}, 0.9*cover(math.Abs(v+0.008*bow)-0.009, 0.014)*cover(math.Abs(u)-1.02, 0.06))
	c.shade(0.72, blob(x, v-f.Lips*1.15-0.05, wide*0.6, 0.035))
	c.shade(0.8, blob(math.Abs(x)-wide*1.03, v, 0.035, 0.03))
}

func (f *figure) beard(c *Color, x, y float64) {
	if f.Beard == Shaved {
		return
	}
	tip := f.EyeY + f.NoseLong
	mid := tip + f.MouthGap
	hairs := 0.8 + 0.28*grain(x*30+f.seed, y*14) + 0.12*grain(x*70, y*60)
	t := cover(ellipse(x, y-(tip+mid)/2-0.05, f.MouthWide*1.12, f.MouthGap*0.42), 0.04)
	if f.Beard == Goatee || f.Beard == FullBeard {
		ring := ellipse(x, y-mid-0.06, f.MouthWide*1.25, 0.3)
		t = max(t, cover(ring, 0.05)*step(mid-0.1, mid+0.02, y))
	}
	if f.Beard == FullBeard {
		cheek := tip + 0.02 - 0.5*step(0.5*f.Aspect, f.Aspect, math.Abs(x))
		t = max(t, step(cheek-0.03, cheek+0.1, y)*step(f.NoseWide, f.MouthWide*1.3, math.Abs(x)))
		t = max(t, step(mid+0.08, mid+0.16, y))
	}
	c.over(f.BeardTint.scale(hairs), 0.93*t)
}
