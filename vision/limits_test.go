package vision

import (
	"encoding/json"
	"testing"
)

func TestLimitsNameWhatRefuses(t *testing.T) {
	limits := DefaultLimits()
	if limit, why := limits.refusal(clear64); limit != "" || why != "" || limits.unusable(clear64) != "" {
		t.Errorf("a clear face: got %s, %s, %s", limit, why, limits.unusable(clear64))
	}
	text, err := json.Marshal(limits)
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]float64
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	for limit, spoil := range map[string]func(q *Quality, by float64){
		"min_eye_distance": func(q *Quality, by float64) { q.EyeDistance = limits.MinEyeDistance - by },
		"max_yaw":          func(q *Quality, by float64) { q.Yaw = -limits.MaxYaw - by },
		"max_pitch":        func(q *Quality, by float64) { q.Pitch = limits.MaxPitch + by },
		"min_inside":       func(q *Quality, by float64) { q.Inside = limits.MinInside - by },
		"min_sharpness":    func(q *Quality, by float64) { q.Sharpness = limits.MinSharpness - by },
		"min_light":        func(q *Quality, by float64) { q.Light = limits.MinLight - by },
		"max_light":        func(q *Quality, by float64) { q.Light = limits.MaxLight + by },
		"min_detector":     func(q *Quality, by float64) { q.Detector = limits.MinDetector - by },
		"min_score":        func(q *Quality, by float64) { q.Score = limits.MinScore - by },
	} {
		q := clear64
		if spoil(&q, 0); !limits.good(q) {
			t.Errorf("%s: refuses its own value", limit)
		}
		spoil(&q, 0.001)
		if got, why := limits.refusal(q); got != limit || why == "" {
			t.Errorf("%s: got %q, %q", limit, got, why)
		}
		if limits.unusable(q) != "" {
			t.Errorf("%s: a face that is not quite good is not usable", limit)
		}
		if _, ok := keys[limit]; !ok {
			t.Errorf("%s is no key of the limits", limit)
		}
	}
	for limit, spoil := range map[string]func(q *Quality){
		"usable_eye_distance": func(q *Quality) { q.EyeDistance = 11.9 },
		"usable_yaw":          func(q *Quality) { q.Yaw = 50.1 },
		"usable_pitch":        func(q *Quality) { q.Pitch = -50.1 },
		"usable_inside":       func(q *Quality) { q.Inside = 0.69 },
		"min_score":           func(q *Quality) { q.Score = 0 },
	} {
		q := clear64
		spoil(&q)
		if got := limits.unusable(q); got != limit || limits.good(q) {
			t.Errorf("%s: got %q", limit, got)
		}
	}
}
