package mediatest

import "math"

// over lays c over d with the coverage t.
func (d *Color) over(c Color, t float64) {
	if t <= 0 {
		return
	}
	t = min(t, 1)
	for i := range d {
		d[i] += (c[i] - d[i]) * t
	}
}

// scale returns the colour brighter or darker.
func (d Color) scale(f float64) Color { return Color{d[0] * f, d[1] * f, d[2] * f} }

// mix returns the colour between d and c.
func (d Color) mix(c Color, t float64) Color {
	d.over(c, t)
	return d
}

// shade multiplies the colour where t is 1 by f.
func (d *Color) shade(f, t float64) {
	for i := range d {
		d[i] *= 1 + (f-1)*t
	}
}

func clamp(x float64) float64 { return max(0, min(1, x)) }

// step rises smoothly from 0 at a to 1 at b; a may lie above b.
func step(a, b, x float64) float64 {
	t := clamp((x - a) / (b - a))
	return t * t * (3 - 2*t)
}

// cover is the coverage of a pixel at the distance d from an outline, negative inside, for an edge as soft as s.
func cover(d, s float64) float64 { return step(s, -s, d) }

// ellipse is the approximate distance of (x, y) from an ellipse about the origin.
func ellipse(x, y, rx, ry float64) float64 {
	return (math.Hypot(x/rx, y/ry) - 1) * min(rx, ry)
}

// blob is a soft spot: 1 in its middle, fading to 0 at about twice its radii.
func blob(x, y, rx, ry float64) float64 {
	d := (x*x)/(rx*rx) + (y*y)/(ry*ry)
	if d > 6 {
		return 0
	}
	return math.Exp(-d)
}

// box is the distance from a rectangle about the origin with round corners.
func box(x, y, rx, ry, round float64) float64 {
	dx, dy := math.Abs(x)-rx+round, math.Abs(y)-ry+round
	return math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - round
}

// segment is the distance of (x, y) from the line between two points.
func segment(x, y, ax, ay, bx, by float64) float64 {
	vx, vy := bx-ax, by-ay
	t := clamp(((x-ax)*vx + (y-ay)*vy) / (vx*vx + vy*vy))
	return math.Hypot(x-ax-t*vx, y-ay-t*vy)
}

// hash is a fixed pseudo-random number in [0, 1) for a place on the grid.
func hash(x, y int) float64 {
	h := uint32(x)*0x9E3779B1 ^ uint32(y)*0x85EBCA77
	h ^= h >> 15
	h *= 0x2C1B3C6D
	h ^= h >> 12
	h *= 0x297A2D39
	h ^= h >> 15
	return float64(h) / (1 << 32)
}

// grain is smooth noise in [−1, 1] with features about as large as 1.
func grain(x, y float64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	tx, ty := x-fx, y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	top := hash(ix, iy)*(1-tx) + hash(ix+1, iy)*tx
	bottom := hash(ix, iy+1)*(1-tx) + hash(ix+1, iy+1)*tx
	return 2*(top*(1-ty)+bottom*ty) - 1
}
