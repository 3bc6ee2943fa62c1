package vision

import (
	"fmt"
	"math"
	"time"
)

// Limits say what a face must be to count. A good face may say "unknown": below these limits a face looks like nobody,
// whoever it is, so it must never raise an alarm, nor part a track. A usable face may help to say who it is; those limits
// are lower, because a poor picture does not look like somebody enrolled by accident. The JSON names are the keys of
// the configuration.
type Limits struct {
	// MinEyeDistance is in pixels of the original picture. The networks see eyes 35 pixels apart; below 16 more than half
	// of what they look at is interpolated and scores of the same person fall below every threshold.
	MinEyeDistance float64 `json:"min_eye_distance"`
	// MaxYaw is in degrees: beyond it an eye or a cheek is hidden, and photos for enrolment show the face from the front.
	MaxYaw float64 `json:"max_yaw"`
	// MaxPitch is in degrees: beyond it the forehead or the chin is hidden. Faces from the front are measured within 14°
	// of each other, so that the limit leaves room for the landmarks' error.
	MaxPitch float64 `json:"max_pitch"`
	// MinSharpness is how much more detail the busy parts of the aligned face have than its quiet ones, in squared shades,
	// in the direction where that is least: missed focus lies below, and motion, with a sensor's noise or without. Of ORL
	// faces in pictures of 20 to 64 pixels between the eyes, sharp ones have 12.7 and more with noise of up to 5 shades, 19
	// and more from 32 pixels. Those blurred beyond recognition have less than 8: out of focus by a twelfth of the distance
	// of the eyes, or moved by three eighths of it. Motion by a quarter leaves one in eight above, one in four along a diagonal.
	MinSharpness float64 `json:"min_sharpness"`
	// MinLight and MaxLight bound the mean grey: outside, features drown or are burnt out.
	MinLight float64 `json:"min_light"`
	MaxLight float64 `json:"max_light"`
	// MinInside is the part of the face inside the picture: a cut cheek, chin or forehead changes the embedding, and
	// detectors invent the landmarks that the picture does not show.
	MinInside float64 `json:"min_inside"`
	// MinDetector is the detector's own score. YuNet gives whole faces 0.86 and more, halves of faces less than 0.83
	// down to its floor of 0.7; the classic engine gives 0.7 where it found no eyes and guessed the landmarks.
	MinDetector float64 `json:"min_detector"`
	// MinScore is the floor for everything together: several small faults add up.
	MinScore float64 `json:"min_score"`

	// UsableEyeDistance, UsableYaw, UsablePitch and UsableInside are what a face needs to be compared at all.
	UsableEyeDistance float64 `json:"usable_eye_distance"`
	UsableYaw         float64 `json:"usable_yaw"`
	UsablePitch       float64 `json:"usable_pitch"`
	UsableInside      float64 `json:"usable_inside"`

	// AgreeWithin is how far apart in time two good pictures may lie that mint an unknown: later ones may be of
	// somebody else.
	AgreeWithin time.Duration `json:"agree_within"`
}

// DefaultLimits returns the limits that are measured to part good faces from others; see the fields.
func DefaultLimits() Limits {
	return Limits{
		MinEyeDistance: 16, MaxYaw: 35, MaxPitch: 35, MinSharpness: 12, MinLight: 0.08, MaxLight: 0.95, MinInside: 0.85,
		MinDetector: 0.75, MinScore: 0.1,
		UsableEyeDistance: 12, UsableYaw: 50, UsablePitch: 50, UsableInside: 0.7,
		AgreeWithin: 6 * time.Second,
	}
}

// refusal says which limit makes a face no good one, by its key, and why. Both are empty when the face is good.
func (l Limits) refusal(q Quality) (limit, why string) {
	switch {
	case q.EyeDistance < l.MinEyeDistance:
		return "min_eye_distance", fmt.Sprintf("too small: %.0f pixels between the eyes, %.0f wanted", q.EyeDistance, l.MinEyeDistance)
	case math.Abs(q.Yaw) > l.MaxYaw:
		return "max_yaw", fmt.Sprintf("turned away by %.0f°", math.Abs(q.Yaw))
	case math.Abs(q.Pitch) > l.MaxPitch:
		return "max_pitch", fmt.Sprintf("looking up or down by %.0f°", math.Abs(q.Pitch))
	case q.Inside < l.MinInside:
		return "min_inside", "partly outside the picture"
	case q.Sharpness < l.MinSharpness:
		return "min_sharpness", "blurred"
	case q.Light < l.MinLight:
		return "min_light", "too dark"
	case q.Light > l.MaxLight:
		return "max_light", "too bright"
	case q.Detector < l.MinDetector:
		return "min_detector", "hardly a face to the detector"
	case q.Score < l.MinScore:
		return "min_score", "not clear enough"
	}
	return "", ""
}

// good reports whether a face is a good one.
func (l Limits) good(q Quality) bool {
	limit, _ := l.refusal(q)
	return limit == ""
}

// unusable says which limit keeps a face from being compared at all; it is empty when the face is usable.
func (l Limits) unusable(q Quality) (limit string) {
	switch {
	case q.EyeDistance < l.UsableEyeDistance:
		return "usable_eye_distance"
	case math.Abs(q.Yaw) > l.UsableYaw:
		return "usable_yaw"
	case math.Abs(q.Pitch) > l.UsablePitch:
		return "usable_pitch"
	case q.Inside < l.UsableInside:
		return "usable_inside"
	case !(q.Score > 0):
		return "min_score"
	}
	return ""
}
