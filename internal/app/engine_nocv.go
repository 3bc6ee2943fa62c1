//go:build nocv

package app

import (
	"errors"
	"log/slog"

	"vigil/frames"
	"vigil/internal/config"
	"vigil/internal/doctor"
	"vigil/vision"
)

// errNoVision is the answer of a binary that was built without OpenCV and FFmpeg.
var errNoVision = errors.New("this vigil was built without OpenCV and FFmpeg (tag nocv): it runs every role but vision")

// OpenEngine opens no engine.
func OpenEngine(config.Config, *slog.Logger) (vision.Engine, error) { return nil, errNoVision }

// openDetail opens none either.
func openDetail(frames.Parameters) (vision.Decoder, error) { return nil, errNoVision }

// OpenDecoder opens no decoder.
func OpenDecoder(frames.Parameters) (vision.Decoder, error) { return nil, errNoVision }

// NewPicture makes no picture.
func NewPicture(int, int, []byte) (vision.Picture, error) { return vision.Picture{}, errNoVision }

// ReadPicture reads no picture.
func ReadPicture(string, []byte) (vision.Picture, error) { return vision.Picture{}, errNoVision }

// runtimeName returns nil: networks run on nothing here.
func runtimeName(config.Models) func() (string, error) { return nil }

// decodeKey returns nil: nothing is decoded here.
func decodeKey() doctor.Decode { return nil }
