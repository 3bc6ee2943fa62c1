//go:build !nocv

package app

import (
	"log/slog"

	"vigil/frames"
	"vigil/internal/config"
	"vigil/vision"
	"vigil/vision/decode"
	"vigil/vision/opencv"
)

// OpenEngine opens the engine that the configuration names.
func OpenEngine(cfg config.Config, log *slog.Logger) (vision.Engine, error) {
	return opencv.Open(opencv.Config{
		ModelsDir: cfg.ModelsDir(), Engine: cfg.Models.Engine, Embedder: cfg.Models.Embedder, Log: log,
	})
}

// OpenDecoder opens a decoder for one epoch.
func OpenDecoder(p frames.Parameters) (vision.Decoder, error) { return decode.New(p) }

// NewPicture is the picture of that many pixels, packed BGR. It keeps the bytes.
func NewPicture(width, height int, bgr []byte) (vision.Picture, error) {
	return opencv.NewPicture(width, height, bgr)
}

// ReadPicture decodes a picture file; name is for errors.
func ReadPicture(name string, data []byte) (vision.Picture, error) {
	return opencv.DecodePicture(name, data)
}
