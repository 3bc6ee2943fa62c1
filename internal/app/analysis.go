package app

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"vigil/frames"
	"vigil/internal/config"
	"vigil/vision"
)

// AnalysisOf is what the configuration says of the analysis of a camera's pictures by that engine. Gallery and Strangers
// are left to fill in.
func AnalysisOf(cfg config.Config, camera frames.CameraID, engine vision.Engine) vision.AnalysisConfig {
	c := vision.AnalysisConfig{Camera: camera, Engine: engine, FPS: vision.DefaultFPS, Limits: vision.Limits(cfg.Quality)}
	c.ConfigHash = decidingHash(c.Limits, c.FPS, engine.Model())
	return c
}

// decidingHash names what decides beside the faces and the gallery: SHA-256 of its JSON, whose fields have a fixed order,
// in 12 digits. The same hash on two machines or two days means the same limits, rate and model.
func decidingHash(l vision.Limits, fps int, m vision.Model) string {
	text, err := json.Marshal(struct {
		Limits vision.Limits `json:"limits"`
		FPS    int           `json:"fps"`
		Model  vision.Model  `json:"model"`
	}{l, fps, m})
	if err != nil {
		return "" // a limit that is no number, which the configuration does not let pass
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}
