package mediatest

import "math"

// hairColor is the hair's colour with strands and a gleam.
func (f *figure) hairColor(x, y float64) Color {
	across := math.Atan2(x, 0.2-y) // combed back
	if f.Style == Long || f.Style == Bob {
		across = 1.4*math.Hypot(x, min(y+0.35, 0)) + 0.4*x // falling
	}
	strands := grain(across*26+f.seed, y*3) + 0.5*grain(across*60, y*5+f.seed)
	if f.Style == Curly {
		warp := 1.5 * grain(x*6+f.seed, y*6)
		strands = 0.7 * math.Sin(14*(x+y)+4*warp) * math.Cos(17*(x-y)-5*warp)
	}
	c := f.Hair.scale(f.pose.Gain * (0.86 + 0.2*strands))
	gleam := blob(x-0.3*f.pose.Light, y+0.82, 0.45, 0.16)
	c.over(Color{1, 0.96, 0.9}, 0.16*gleam*(1+0.6*strands))
	c.shade(0.75, step(0.75, 1.05, math.Abs(x)/f.Aspect)*0.6)
	return c
}

// hairBehind paints what falls behind the neck.
func (f *figure) hairBehind(c *Color, x, y float64) {
	var bottom, wide float64
	switch f.Style {
	case Long:
		bottom, wide = 1.55, 1.28
	case Bob:
		bottom, wide = 0.85, 1.25
	default:
		return
	}
	if math.Abs(x) > 1.7 || y > bottom+0.2 {
		return
	}
	crown := ellipse(x, y+0.02, f.Aspect*wide, 1.1)
	length := box(x, y-bottom/2, f.Aspect*(wide+0.08*step(0, bottom, y)), bottom/2, 0.3)
	d := min(crown, length)
	c.over(f.hairColor(x, y).scale(0.7), cover(d, 2*f.soft))
}

// hairline is how far down the hair reaches on the face's surface at x.
func (f *figure) hairline(x float64) float64 {
	side := math.Abs(x) / f.Aspect
	wave := 0.025 * grain(x*12+f.seed, 3)
	switch f.Style {
	case Parted:
		return -0.53 - 0.3*min(x, 0.3) + 0.25*max(x-0.3, 0) + 0.6*step(0.8, 1, side) + wave
	case Curly:
		return -0.5 + 0.06*math.Sin(x*22) + 0.55*step(0.72, 0.95, side)
	case Long:
		return -0.72 + 0.5*side*side + 1.9*step(0.72, 0.98, side) + wave
	case Bob:
		return -0.36 + 0.05*x + 1.5*step(0.74, 0.96, side) + 2*wave
	case Bun:
		return -0.66 + 0.3*side*side + 0.35*step(0.85, 1, side) + wave
	case Short:
		return -0.58 + 0.75*step(0.8, 1, side) + wave
	default:
		return -2
	}
}

// hairVolume is how far the hair of each style stands off the head.
var hairVolume = [...]float64{Bald: 0, Short: 0.07, Parted: 0.11, Curly: 0.2, Long: 0.09, Bob: 0.12, Bun: 0.05}

// hairInFront paints the hair over the crown and the forehead; d is the distance from the head's outline.
func (f *figure) hairInFront(c *Color, x, y, d float64) {
	volume := hairVolume[f.Style]
	if f.Style == Bald || y > 1.2 || d > volume+0.5 {
		return
	}
	if f.Style == Bun {
		bun := ellipse(x, y+1.22, 0.34, 0.26)
		c.over(f.hairColor(x, y+0.3), cover(bun, 2*f.soft))
	}
	if f.Style == Curly {
		volume += 0.05 * grain(x*6+f.seed, y*6)
	}
	lower := f.hairline(x)
	fade := step(lower+0.35, lower-0.15, y) // less volume towards the ears
	top := cover(d-volume*fade, 2*f.soft)
	_, inner := f.outline(x, y)
	sx, sy := f.surface(x, y, min(inner, 1), 0)
	edge := f.hairline(sx) + 0.02*grain(sx*40, f.seed)
	reach := step(edge+0.035, edge-0.035, sy)
	c.shade(0.8, 0.7*top*step(edge+0.14, edge, sy)*(1-reach)*cover(d, f.soft))
	c.over(f.hairColor(x, y), top*reach)
}

func (f *figure) ears(c *Color, x, y float64) {
	if f.Style == Long || f.Style == Bob {
		return
	}
	for _, s := range []float64{-1, 1} {
		u, v := x-s*f.Aspect*0.99+0.1*f.yawS, y-0.08
		d := ellipse(u, v, 0.12, 0.23)
		skin := f.Skin.scale(f.pose.Gain * (0.78 + 0.14*s*f.pose.Light))
		skin.shade(0.7, blob(u, v, 0.05, 0.12))
		c.over(skin, cover(d, 1.5*f.soft))
	}
}

func (f *figure) glasses(c *Color, x, y float64) {
	if f.Glasses == 0 || math.Abs(y) > 0.6 {
		return
	}
	_, inner := f.outline(x, y)
	if inner > 1.15 {
		return
	}
	sx, sy := f.surface(x, y, min(inner, 1), 0.08)
	sy -= f.EyeY + 0.02
	t := 0.0
	for _, s := range []float64{-1, 1} {
		d := box(sx-s*f.EyeGap, sy, f.EyeGap-0.075, 0.17, 0.1)
		t = max(t, cover(math.Abs(d)-f.Glasses, 1.2*f.soft))
		c.over(Color{0.85, 0.92, 1}, 0.07*cover(d, f.soft))
	}
	t = max(t, cover(segment(sx, sy, -0.08, -0.06, 0.08, -0.06)-f.Glasses, 1.2*f.soft))
	edge := 2*f.EyeGap - 0.075
	t = max(t, cover(segment(math.Abs(sx), sy, edge, -0.07, f.Aspect+0.1, -0.04)-f.Glasses, 1.2*f.soft))
	c.over(f.Frame, t)
}

// body paints neck, shoulders and shirt.
func (f *figure) body(c *Color, x, y float64) {
	if y < 0.4 {
		return
	}
	light := f.pose.Gain * (0.8 + 0.14*x*f.pose.Light/1.5)
	neck := math.Abs(x) - 0.46*f.Aspect/0.78 - 0.35*step(1.05, 1.6, y)
	skin := f.Skin.scale(light)
	skin.shade(0.62, step(1.35, 0.85, y))
	c.over(skin, cover(neck, 1.5*f.soft)*step(0.4, 0.5, y))
	shoulder := box(x, y-3.3, 1.75, 1.98, 0.85)
	shoulder = max(shoulder, 1.24+0.2*math.Abs(x)-y)
	collar := ellipse(x, y-1.18, 0.5, 0.36)
	shirt := max(shoulder, -collar)
	cloth := f.Shirt.scale(light * (0.92 + 0.02*grain(x*3+f.seed, y*2)))
	cloth.shade(0.8, cover(math.Abs(math.Abs(x)-1.3-0.05*y)-0.01, 0.02)*step(1.95, 2.2, y)) // the arms
	cloth.shade(0.8, cover(math.Abs(collar-0.06)-0.012, 0.015))
	c.over(cloth, cover(shirt, 2*f.soft))
}
