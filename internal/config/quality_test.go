package config

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestQualityOverrides(t *testing.T) {
	cfg, warnings, err := Load(write(t, "quality: { min_eye_distance: 24, agree_within: 4s }"), []string{
		"VIGIL_QUALITY_MAX_YAW=30.5", "VIGIL_QUALITY_MIN_SHARPNESS=20", "VIGIL_QUALITY_USABLE_YAW=40",
	})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("got %v, %v", err, warnings)
	}
	want := Default().Quality
	want.MinEyeDistance, want.AgreeWithin, want.MaxYaw, want.MinSharpness, want.UsableYaw = 24, 4*time.Second, 30.5, 20, 40
	if cfg.Quality != want {
		t.Errorf("got %+v, want %+v", cfg.Quality, want)
	}
}

func TestQualityErrorsNameTheKey(t *testing.T) {
	for text, want := range map[string][]string{
		"quality: { min_eye_distance: 0 }":         {"quality.min_eye_distance", "is 0, want 1 to 500"},
		"quality: { max_yaw: 91 }":                 {"quality.max_yaw", "1 to 90", "quality.usable_yaw"},
		"quality: { max_pitch: 60 }":               {"quality.usable_pitch", "is 50, want max_pitch to 90"},
		"quality: { min_sharpness: -1 }":           {"quality.min_sharpness"},
		"quality: { min_light: 0.96 }":             {"quality.max_light", "min_light to 1"},
		"quality: { min_inside: 1.5 }":             {"quality.min_inside", "0 to 1"},
		"quality: { usable_inside: 0.9 }":          {"quality.usable_inside", "0 to min_inside"},
		"quality: { min_detector: .nan }":          {"quality.min_detector", "NaN"},
		"quality: { min_score: 2 }":                {"quality.min_score"},
		"quality: { usable_eye_distance: 17 }":     {"quality.usable_eye_distance", "1 to min_eye_distance"},
		"quality: { agree_within: 2m }":            {"quality.agree_within", "2m0s", "200ms to 1m0s"},
		"quality: { agree_within: soon }":          {"quality.agree_within", `"soon"`, "line 1"},
		"quality: { max_yaw: steep }":              {"line 1", "float64"},
		"quality: { max_yawn: 30 }":                {"max_yawn"},
		"quality: { max_yaw: 2, usable_yaw: 1.5 }": {"quality.usable_yaw"},
	} {
		_, _, err := Load(write(t, text), nil)
		if err == nil {
			t.Errorf("%s: got no error", text)
			continue
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: got %q, want %q in it", text, err, w)
			}
		}
	}
	if _, _, err := Load("", []string{"VIGIL_QUALITY_MAX_YAW=much"}); err == nil || !strings.Contains(err.Error(), "VIGIL_QUALITY_MAX_YAW") {
		t.Errorf("environment: got %v", err)
	}
}

func TestSchemaHasNumbersAndReasons(t *testing.T) {
	text, err := json.Marshal(Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"min_eye_distance"`, `"default":16`, `"type":"number"`, `"default":"6s"`, "burnt out"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}
