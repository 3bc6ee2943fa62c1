package vision

import "math"

// AlignedSide is the width and the height, in pixels, of a face as engines align it.
const AlignedSide = 112

// Template is where the five landmarks lie in an aligned face, in pixels: the places that the networks which take
// faces of 112×112 pixels were trained with.
func Template() [5][2]float64 {
	return [5][2]float64{
		{38.2946, 51.6963}, {73.5318, 51.5014}, {56.0252, 71.7366}, {41.5493, 92.3655}, {70.7299, 92.2041},
	}
}

// Assess says how far a face can be trusted, from its place in a picture of width×height pixels and from the
// aligned face, packed BGR of AlignedSide×AlignedSide pixels.
func Assess(f Face, width, height int, aligned []byte) Quality {
	var room [AlignedSide * AlignedSide]byte
	grey := greyOf(room[:], aligned)
	q := Quality{
		Sharpness: sharpness(grey),
		Light:     meanGrey(grey) / 255,
		Inside:    min(inside(f.Box), inside(faceOf(f.Landmarks, float64(width), float64(height)))),
		Detector:  f.Score,
	}
	q.EyeDistance, q.Yaw, q.Pitch, q.Roll = landmarkPose(f.Landmarks, float64(width), float64(height))
	q.Score = qualityScore(q)
	return q
}

// Proportions of a face that looks into the camera, in distances of its eyes.
const (
	// noseDepth is how far the tip of the nose lies in front of the eyes: some 33 of 63 mm.
	noseDepth = 0.52
	// mouthDrop is how far the corners of the mouth lie below the eyes in the template.
	mouthDrop = 1.155
	// noseDrop is how far down from the eyes to the mouth the tip of the nose lies: the median that YuNet finds in 244
	// photos taken from the front, which then lie between −12° and 14°. The template has 0.495.
	noseDrop = 0.58
)

// landmarkPose estimates eye distance in pixels, and yaw, pitch and roll in degrees. Yaw is positive when the nose points
// to the picture's right, pitch when it points up. Both are measured along the line of the eyes and across it, so that a tilted
// head does not look turned.
//
// Turning by a shortens the distance of the eyes by cos a and moves the tip of the nose by its depth times sin a, so the
// nose's offset in eye distances is noseDepth × tan a. Nodding by b shortens the way from the eyes to the mouth by cos b
// and moves the tip of the nose along it by its depth times sin b, so the nose lies at noseDrop − noseDepth ÷ mouthDrop ×
// tan b of the way. Turning does not change that way, nor nodding the line of the eyes.
func landmarkPose(l Landmarks, width, height float64) (eyes, yaw, pitch, roll float64) {
	dx, dy := (l[1].X-l[0].X)*width, (l[1].Y-l[0].Y)*height
	eyes = math.Hypot(dx, dy)
	if eyes == 0 {
		return 0, 90, 90, 0
	}
	from := func(x, y float64) (along, across float64) { // the middle of the eyes, in eye distances
		x, y = x*width-(l[0].X+l[1].X)/2*width, y*height-(l[0].Y+l[1].Y)/2*height
		return (x*dx + y*dy) / (eyes * eyes), (y*dx - x*dy) / (eyes * eyes)
	}
	offset, nose := from(l[2].X, l[2].Y)
	_, mouth := from((l[3].X+l[4].X)/2, (l[3].Y+l[4].Y)/2)
	pitch = 90 // where the mouth is not below the eyes
	if mouth > 0 {
		pitch = degrees(math.Atan2((noseDrop-nose/mouth)*mouthDrop, noseDepth))
	}
	return eyes, degrees(math.Atan2(offset, noseDepth)), pitch, degrees(math.Atan2(dy, dx))
}

func degrees(radians float64) float64 { return radians * 180 / math.Pi }

// Where a face lies around its eyes, in their distances: what YuNet's boxes have in common when nothing cuts them off.
const (
	faceWidth = 2.1
	faceAbove = 1.07
	faceBelow = 1.76
)

// faceOf is the box that a face has by its landmarks. Detectors end their own at the picture's edge and move the landmarks
// into the picture, so that a face cut in half may have a box that lies inside.
func faceOf(l Landmarks, width, height float64) Box {
	dx, dy := (l[1].X-l[0].X)*width, (l[1].Y-l[0].Y)*height
	eyes := math.Hypot(dx, dy)
	if eyes == 0 {
		return Box{}
	}
	// The middle lies across the line of the eyes, whichever way that points; the box stays upright.
	const below = (faceBelow - faceAbove) / 2
	x := (l[0].X+l[1].X)/2*width - dy*below
	y := (l[0].Y+l[1].Y)/2*height + dx*below
	w, h := faceWidth*eyes, (faceAbove+faceBelow)*eyes
	return Box{X: (x - w/2) / width, Y: (y - h/2) / height, W: w / width, H: h / height}
}

// inside is the part of the box that lies in the picture.
func inside(b Box) float64 {
	if !(b.W > 0 && b.H > 0) {
		return 0
	}
	w := min(b.X+b.W, 1) - max(b.X, 0)
	h := min(b.Y+b.H, 1) - max(b.Y, 0)
	if !(w > 0 && h > 0) {
		return 0
	}
	return w * h / (b.W * b.H)
}

// qualityScore is the product of how good each part is: one bad part spoils a face whatever the others are.
func qualityScore(q Quality) float64 {
	s := ramp(q.EyeDistance, 8, 35) * // 35 pixels are what an aligned face has; from 8 it is guessed
		ramp(math.Abs(q.Yaw), 60, 15) *
		ramp(math.Abs(q.Pitch), 65, 30) * // landmarks of low pictures place the nose to some 15° only
		ramp(math.Abs(q.Roll), 80, 30) * // alignment takes it back
		ramp(q.Light, 0.04, 0.2) * ramp(q.Light, 0.96, 0.8) *
		ramp(q.Inside, 0.5, 1) *
		ramp(q.Detector, 0.5, 0.85) * // whole faces have more
		q.Sharpness / (q.Sharpness + halfSharp)
	if !(s > 0) {
		return 0
	}
	return s
}

// halfSharp is the sharpness that counts half. Small faces that have been enlarged lie around it.
const halfSharp = 30

// ramp rises from 0 at zero to 1 at one, or falls when zero is the greater.
func ramp(v, zero, one float64) float64 {
	return max(0, min(1, (v-zero)/(one-zero)))
}

// greyOf makes packed BGR grey, in room of a third of its bytes.
func greyOf(room, bgr []byte) []byte {
	grey := room[:min(len(room), len(bgr)/3)]
	for i := range grey { // ITU-R BT.601, in 256ths
		grey[i] = byte((29*int(bgr[3*i]) + 150*int(bgr[3*i+1]) + 77*int(bgr[3*i+2]) + 128) >> 8)
	}
	return grey
}

func meanGrey(grey []byte) float64 {
	if len(grey) == 0 {
		return 0
	}
	sum := 0
	for _, v := range grey {
		sum += int(v)
	}
	return float64(sum) / float64(len(grey))
}
