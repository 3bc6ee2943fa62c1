package mediatest

import (
	"image"
	"math"
	"time"
)

// Pass is somebody walking through the picture, from edge to edge.
type Pass struct {
	Person Person
	Enter  time.Duration // when the first of them is in the picture
	Leave  time.Duration // when they are gone
	Height float64       // of the face, half way, as a fraction of the picture's height
}

// Scene is a room with people walking through.
type Scene struct {
	Name   string
	Width  int
	Height int
	FPS    int
	Length time.Duration
	Passes []Pass
}

// Walk is the demo's scene: Resident walks through, then, after a quiet moment, Stranger.
func Walk() Scene {
	return Scene{
		Name: "walk", Width: 1280, Height: 720, FPS: 15, Length: 14 * time.Second,
		Passes: []Pass{
			{Person: Resident(), Enter: 1 * time.Second, Leave: 5500 * time.Millisecond, Height: 0.31},
			{Person: Stranger(), Enter: 7500 * time.Millisecond, Leave: 12 * time.Second, Height: 0.31},
		},
	}
}

// Solo is the drill's scene: only Stranger walks through.
func Solo() Scene {
	return Scene{
		Name: "solo", Width: 1280, Height: 720, FPS: 15, Length: 8 * time.Second,
		Passes: []Pass{{Person: Stranger(), Enter: time.Second, Leave: 6 * time.Second, Height: 0.31}},
	}
}

// Scenes returns every scene that has an embedded clip.
func Scenes() []Scene { return []Scene{Walk(), Solo()} }

// Frames is the number of pictures in the scene.
func (s Scene) Frames() int { return int(s.Length * time.Duration(s.FPS) / time.Second) }

// Room draws the scene with nobody in it.
func (s Scene) Room() *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, s.Width, s.Height))
	for y := range s.Height {
		for x := range s.Width {
			c := wall(float64(x)/float64(s.Height), float64(y)/float64(s.Height))
			i := img.PixOffset(x, y)
			for k := range c {
				img.Pix[i+k] = uint8(clamp(c[k])*255 + 0.5)
			}
			img.Pix[i+3] = 255
		}
	}
	return img
}

// Frame draws the scene's n-th picture over a copy of room, which Room returned.
func (s Scene) Frame(room *image.RGBA, n int) *image.RGBA {
	img := &image.RGBA{Pix: append([]uint8(nil), room.Pix...), Stride: room.Stride, Rect: room.Rect}
	at := time.Duration(n) * time.Second / time.Duration(s.FPS)
	walking := false
	for _, p := range s.Passes {
		if at >= p.Enter && at < p.Leave {
			s.walker(img, p, float64(at-p.Enter)/float64(p.Leave-p.Enter))
			walking = true
		}
	}
	if !walking {
		return img
	}
	return blur(img)
}

// walker draws somebody who is the part t of the way through the picture: quick at the edges, slower in the middle,
// nearest half way, looking into the camera.
func (s Scene) walker(img *image.RGBA, p Pass, t float64) {
	h := float64(s.Height)
	across := t + 0.09*math.Sin(2*math.Pi*t)
	near := 1 + 0.12*(math.Sin(math.Pi*t)-1)
	half := p.Height * h / 2 * near
	margin := 1.9 * half
	cx := -margin + across*(float64(s.Width)+2*margin)
	stride := 2 * math.Pi * t * 6
	cy := h*0.4 + 0.03*half*math.Sin(stride)
	pose := Pose{
		Yaw: 9 * (0.5 - t) * 2, Pitch: 1.5 * math.Sin(stride/2), Roll: 1.5 * math.Sin(stride/2+1),
		Light: 0.6 - 1.2*across, Gain: 1, Smile: 0.3 * math.Sin(3*math.Pi*t),
	}
	paint(img, p.Person, pose, cx, cy, half)
}

// wall is the room's colour at (x, y), in picture heights: a lit wall, a door, a picture, a skirting board, a floor.
func wall(x, y float64) Color {
	const soft = 0.002
	light := 1.08 - 0.28*math.Hypot(x-0.5, y-0.15)
	c := Color{0.72, 0.7, 0.65}.scale(light * (1 + 0.008*grain(x*40, y*40)))
	frame := box(x-1.33, y-0.5, 0.235, 0.42, 0.005)
	c.over(Color{0.86, 0.84, 0.8}.scale(light), cover(frame, soft))
	door := box(x-1.33, y-0.52, 0.2, 0.41, 0.002)
	wood := Color{0.47, 0.36, 0.27}.scale(light * (1 + 0.05*grain(x*60, y*5)))
	c.over(wood, cover(door, soft))
	for _, py := range []float64{0.3, 0.66} {
		panel := box(x-1.33, y-py, 0.13, 0.14, 0.01)
		c.shade(0.82, cover(math.Abs(panel)-0.004, soft))
	}
	c.over(Color{0.8, 0.7, 0.4}, cover(math.Hypot(x-1.17, y-0.52)-0.012, soft))
	picture := box(x-0.42, y-0.24, 0.17, 0.12, 0.002)
	c.over(Color{0.25, 0.2, 0.17}, cover(picture-0.012, soft))
	hills := 0.25 + 0.03*math.Sin(x*21) + 0.015*math.Sin(x*47)
	view := Color{0.62, 0.74, 0.84}.mix(Color{0.38, 0.5, 0.34}, step(hills-0.003, hills+0.003, y))
	c.over(view, cover(picture, soft))
	floor := Color{0.5, 0.42, 0.34}.scale((0.8 + 0.4*(y-0.85)) * (1 + 0.06*grain(x*6, y*70)))
	c.over(floor, step(0.905, 0.908, y))
	c.over(Color{0.84, 0.82, 0.78}.scale(light), step(0.868, 0.87, y)*step(0.908, 0.906, y))
	return c
}
