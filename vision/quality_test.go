package vision

import (
	"math"
	"testing"
)

// upright is a face of the template's proportions, in a picture of 1000×500 pixels, with the given eye distance.
func upright(eyes float64) Face {
	const w, h = 1000, 500
	scale := eyes / 35.2377
	var f Face
	for i, p := range Template() {
		f.Landmarks[i] = Point{X: (300 + (p[0]-56)*scale) / w, Y: (250 + (p[1]-56)*scale) / h}
	}
	f.Box, f.Score = Box{X: 0.2, Y: 0.2, W: 0.1, H: 0.3}, 0.9
	return f
}

// pattern is an aligned face between the two greys: squares, 4 pixels wide, where its eyes and its mouth are, and the mean
// of both elsewhere.
func pattern(dark, light byte) []byte {
	b := make([]byte, AlignedSide*AlignedSide*3)
	for i := range AlignedSide * AlignedSide {
		v := byte((int(dark) + int(light)) / 2)
		if y := i / AlignedSide; y >= 44 && y < 60 || y >= 84 && y < 96 {
			v = [2]byte{light, dark}[(i%AlignedSide/4+y/4)%2]
		}
		b[3*i], b[3*i+1], b[3*i+2] = v, v, v
	}
	return b
}

// greyPattern is the same in grey.
func greyPattern(dark, light byte) []byte {
	return greyOf(make([]byte, AlignedSide*AlignedSide), pattern(dark, light))
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestAssess(t *testing.T) {
	good := Assess(upright(60), 1000, 500, pattern(100, 156))
	near(t, "eye distance", good.EyeDistance, 60, 0.01)
	near(t, "yaw", good.Yaw, 0, 1)
	near(t, "roll", good.Roll, 0, 1)
	near(t, "light", good.Light, 0.5, 0.01)
	near(t, "inside", good.Inside, 1, 1e-9)
	if good.Score < 0.9 || good.Score > 1 {
		t.Errorf("score: got %v, want above 0.9", good.Score)
	}
	for _, c := range []struct {
		name    string
		face    Face
		aligned []byte
	}{
		{"small", upright(12), pattern(100, 156)},
		{"turned", turned(upright(60), 0.7), pattern(100, 156)},
		{"flat", upright(60), pattern(128, 128)},
		{"dark", upright(60), pattern(5, 20)},
		{"glaring", upright(60), pattern(240, 255)},
		{"cut off", moved(upright(60), -0.24), pattern(100, 156)},
		{"nodding", nodding(upright(60), 0.8), pattern(100, 156)},
		{"doubted by the detector", doubted(upright(60)), pattern(100, 156)},
	} {
		if q := Assess(c.face, 1000, 500, c.aligned); q.Score > good.Score/2 || q.Score < 0 {
			t.Errorf("%s: got score %v of %+v, want less than half of %v", c.name, q.Score, q, good.Score)
		}
	}
}

// turned moves the nose by a part of the eye distance.
func turned(f Face, by float64) Face {
	f.Landmarks[2].X += by * (f.Landmarks[1].X - f.Landmarks[0].X)
	return f
}

func moved(f Face, x float64) Face {
	f.Box.X += x
	return f
}

// nodding moves the nose by a part of the way from the eyes to the mouth.
func nodding(f Face, by float64) Face {
	f.Landmarks[2].Y -= by * (f.Landmarks[3].Y - f.Landmarks[0].Y)
	return f
}

func doubted(f Face) Face {
	f.Score = 0.6
	return f
}

// head is the landmarks of a head that looks down or up by pitch or to the side by yaw, and is tilted by roll, all in
// degrees, in a picture of 1000×500 pixels: points in space, seen from afar.
func head(yaw, pitch, roll float64) Landmarks {
	sy, cy := math.Sincos(yaw * math.Pi / 180)
	sp, cp := math.Sincos(pitch * math.Pi / 180)
	sr, cr := math.Sincos(roll * math.Pi / 180)
	var l Landmarks
	for i, p := range [5][3]float64{
		{-0.5, 0, 0}, {0.5, 0, 0}, {0, noseDrop * mouthDrop, noseDepth}, {-0.4, mouthDrop, 0}, {0.4, mouthDrop, 0},
	} {
		x, y, z := p[0], p[1]*cp-p[2]*sp, p[1]*sp+p[2]*cp
		x = x*cy + z*sy
		l[i] = Point{X: (300 + 60*(x*cr-y*sr)) / 1000, Y: (250 + 60*(x*sr+y*cr)) / 500}
	}
	return l
}

func TestPoseOfAHead(t *testing.T) {
	for _, roll := range []float64{0, -20, 75} {
		for _, angle := range []float64{-60, -25, 0, 10, 45} {
			_, yaw, pitch, tilt := landmarkPose(head(angle, 0, roll), 1000, 500)
			near(t, "yaw of a head that turns", yaw, angle, 0.01)
			near(t, "pitch of a head that turns", pitch, 0, 0.01)
			near(t, "roll of a head that turns", tilt, roll, 0.01)
			_, yaw, pitch, tilt = landmarkPose(head(0, angle, roll), 1000, 500)
			near(t, "yaw of a head that nods", yaw, 0, 0.01)
			near(t, "pitch of a head that nods", pitch, angle, 0.01)
			near(t, "roll of a head that nods", tilt, roll, 0.01)
		}
	}
	upside := head(0, 0, 0)
	upside[3], upside[4] = upside[0], upside[1]
	if _, _, pitch, _ := landmarkPose(upside, 1000, 500); pitch != 90 {
		t.Errorf("mouth between the eyes: got pitch %v, want 90", pitch)
	}
}

// A detector ends its box at the picture's edge; the landmarks tell how much of the face lies beyond.
func TestInsideByLandmarks(t *testing.T) {
	f := upright(60)
	for i := range f.Landmarks { // the middle of the face on the picture's left edge
		f.Landmarks[i].X -= 0.3
	}
	f.Box = Box{X: 0, Y: 0.3, W: 0.06, H: 0.4}
	near(t, "inside", Assess(f, 1000, 500, pattern(100, 156)).Inside, 0.5, 0.01)
	for i := range f.Landmarks {
		f.Landmarks[i].X += 0.3
	}
	near(t, "inside of a whole face", Assess(f, 1000, 500, pattern(100, 156)).Inside, 1, 1e-9)
	if q := Assess(Face{Box: f.Box}, 1000, 500, pattern(100, 156)); q.Inside != 0 || q.Pitch != 90 {
		t.Errorf("no landmarks: got %+v, want nothing inside", q)
	}
}

func TestPose(t *testing.T) {
	_, yaw, _, _ := landmarkPose(turned(upright(60), noseDepth).Landmarks, 1000, 500)
	near(t, "yaw to the right", yaw, 45, 1)
	_, yaw, _, _ = landmarkPose(turned(upright(60), -noseDepth).Landmarks, 1000, 500)
	near(t, "yaw to the left", yaw, -45, 1)

	f := upright(60)
	for i, p := range f.Landmarks { // a quarter turn, in pixels
		x, y := p.X*1000-300, p.Y*500-250
		f.Landmarks[i] = Point{X: (300 - y) / 1000, Y: (250 + x) / 500}
	}
	eyes, yaw, _, roll := landmarkPose(f.Landmarks, 1000, 500)
	near(t, "eyes of a turned picture", eyes, 60, 0.01)
	near(t, "yaw of a turned picture", yaw, 0, 1)
	near(t, "roll of a turned picture", roll, 90, 1)

	if q := Assess(Face{}, 100, 100, pattern(0, 255)); q.Score != 0 || math.IsNaN(q.Yaw) {
		t.Errorf("empty face: got %+v, want score 0", q)
	}
}
