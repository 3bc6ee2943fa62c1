package config

import (
	"fmt"
	"time"
)

// Bounds of quality.agree_within: two pictures at five a second, and a time in which people come and go.
const (
	minAgree = 200 * time.Millisecond
	maxAgree = time.Minute
)

// validate checks each limit by itself, and that whatever is good is usable too.
func (q Quality) validate(bad report) {
	within := func(key string, v, least, most float64, bounds string) {
		if !(v >= least && v <= most) { // nor is it a number that is none
			bad("quality."+key, "is %v, want %s", v, bounds)
		}
	}
	between := func(key string, v, least, most float64) {
		within(key, v, least, most, fmt.Sprintf("%v to %v", least, most))
	}
	between("min_eye_distance", q.MinEyeDistance, 1, 500)
	between("max_yaw", q.MaxYaw, 1, 90)
	between("max_pitch", q.MaxPitch, 1, 90)
	between("min_sharpness", q.MinSharpness, 0, 10000)
	between("min_light", q.MinLight, 0, 1)
	within("max_light", q.MaxLight, q.MinLight, 1, "min_light to 1")
	between("min_inside", q.MinInside, 0, 1)
	between("min_detector", q.MinDetector, 0, 1)
	between("min_score", q.MinScore, 0, 1)
	within("usable_eye_distance", q.UsableEyeDistance, 1, q.MinEyeDistance, "1 to min_eye_distance")
	within("usable_yaw", q.UsableYaw, q.MaxYaw, 90, "max_yaw to 90")
	within("usable_pitch", q.UsablePitch, q.MaxPitch, 90, "max_pitch to 90")
	within("usable_inside", q.UsableInside, 0, q.MinInside, "0 to min_inside")
	if q.AgreeWithin < minAgree || q.AgreeWithin > maxAgree {
		bad("quality.agree_within", "is %s, want %s to %s", q.AgreeWithin, minAgree, maxAgree)
	}
}
