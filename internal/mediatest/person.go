package mediatest

import "math"

// HairStyle is the shape of a person's hair.
type HairStyle int

// The hair styles.
const (
	Bald HairStyle = iota
	Short
	Parted
	Curly
	Long
	Bob
	Bun
)

// BeardStyle is the shape of a person's beard.
type BeardStyle int

// The beard styles.
const (
	Shaved BeardStyle = iota
	Moustache
	Goatee
	FullBeard
)

// Color is red, green and blue, each 0 to 1.
type Color [3]float64

// Person is somebody drawn. Lengths are in half heads: the chin is 1 below the centre of the head, the crown 1 above.
type Person struct {
	Name string

	Skin  Color
	Hair  Color
	Style HairStyle
	Shirt Color

	Aspect float64 // width of the head over its height
	Jaw    float64 // roundness of the outline's lower half: 1.8 pointed, 3 square
	Cheeks float64 // how much wider or narrower the head is at the mouth

	EyeY      float64 // height of the eyes, below the centre
	EyeGap    float64 // from the middle to a pupil
	EyeWidth  float64 // half an eye's width
	EyeOpen   float64 // half an eye's height
	EyeTilt   float64 // rise of the outer corner
	Iris      Color
	BrowGap   float64 // from the eye up to the brow
	Brow      float64 // half its thickness
	BrowArch  float64
	BrowTilt  float64 // rise of the outer end
	NoseLong  float64 // from the eyes down to the tip
	NoseWide  float64 // half the width over the nostrils
	MouthGap  float64 // from the nose's tip down to the mouth
	MouthWide float64 // half the width
	Lips      float64 // thickness of the lips
	Lipstick  float64 // 0 to 1
	Beard     BeardStyle
	BeardTint Color
	Glasses   float64 // thickness of the frame, 0 for none
	Frame     Color   // of the glasses
	Lines     float64 // wrinkles, 0 to 1
	Freckles  float64 // 0 to 1
}

// Pose is how a person is seen.
type Pose struct {
	Yaw, Pitch, Roll float64 // degrees; 0 looks into the camera
	Light            float64 // where the light comes from, −1 left to 1 right
	Gain             float64 // brightness, 1 for normal
	Smile            float64 // −1 to 1
	Blink            float64 // 0 open to 1 closed
	Gaze             float64 // −1 left to 1 right
}

// Variations is how many variations a portrait has before they repeat.
const Variations = 6

// variation returns the pose of a portrait's n-th variation.
func variation(n int) Pose {
	table := [Variations]Pose{
		{Light: -0.25, Gain: 1},
		{Yaw: 7, Pitch: -2, Roll: 2, Light: 0.3, Gain: 0.96, Smile: 0.5},
		{Yaw: -8, Pitch: 2, Roll: -2, Light: -0.5, Gain: 1.04, Smile: 0.2, Gaze: 0.2},
		{Yaw: 3, Pitch: 4, Roll: -4, Light: 0.1, Gain: 0.88, Smile: -0.3, Blink: 0.15},
		{Yaw: -4, Pitch: -4, Roll: 4, Light: 0.55, Gain: 1.08, Smile: 0.8, Blink: 0.1},
		{Yaw: 8, Roll: -1, Light: -0.1, Gain: 1, Smile: 0.1, Gaze: -0.3},
	}
	return table[((n%Variations)+Variations)%Variations]
}

func radians(degrees float64) float64 { return degrees * math.Pi / 180 }
