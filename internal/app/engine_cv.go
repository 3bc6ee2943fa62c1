//go:build !nocv

package app

import (
	"errors"
	"log/slog"

	"vigil/frames"
	"vigil/internal/config"
	"vigil/internal/doctor"
	"vigil/models"
	"vigil/vision"
	"vigil/vision/decode"
	"vigil/vision/onnx"
	"vigil/vision/opencv"
	"vigil/vision/still"
)

// OpenEngine opens the engine that the configuration names.
func OpenEngine(cfg config.Config, log *slog.Logger) (vision.Engine, error) {
	decode.FewArenas()
	return opencv.Open(opencv.Config{
		ModelsDir: cfg.ModelsDir(), Engine: cfg.Models.Engine, Embedder: cfg.Models.Embedder, Log: log,
		Runtime: func() (opencv.Runtime, error) { return openRuntime(cfg.Models, log) },
	})
}

// openRuntime returns what the configuration wants the networks to run on. With auto, a library that is not there makes
// it OpenCV; one that is named and does not load is an error in any case, because somebody meant it to be used.
func openRuntime(cfg config.Models, log *slog.Logger) (opencv.Runtime, error) {
	if cfg.Runtime == "opencv" {
		return opencv.Own(), nil
	}
	library, err := onnx.Load(cfg.Library)
	if err != nil && cfg.Runtime != "onnxruntime" && cfg.Library == "" {
		sayWithout(log, err)
		return opencv.Own(), nil
	}
	if err != nil {
		return opencv.Runtime{}, err
	}
	return opencv.Runtime{
		Name: library.String(),
		Open: func(model []byte, in models.Input, outputs ...string) (opencv.Network, error) {
			network, err := library.Open(model, in, outputs...)
			if err != nil {
				return nil, err
			}
			return network, nil
		},
	}, nil
}

// sayWithout says that there is no ONNX Runtime and what to do; where it was looked for only to who asks for it.
func sayWithout(log *slog.Logger, err error) {
	if !errors.Is(err, onnx.ErrMissing) {
		log.Warn("the face networks run on OpenCV, since ONNX Runtime does not load", "error", err)
		return
	}
	log.Info("no ONNX Runtime, which finds faces in half the time: make onnxruntime, or set models.library")
	log.Debug("the face networks run on OpenCV", "reason", err)
}

// OpenDecoder opens a decoder for one epoch.
func OpenDecoder(p frames.Parameters) (vision.Decoder, error) { return decode.New(p) }

// openDetail opens one whose latest picture stays.
func openDetail(p frames.Parameters) (vision.Decoder, error) { return decode.NewKeeping(p) }

// NewPicture is the picture of that many pixels, packed BGR. It keeps the bytes.
func NewPicture(width, height int, bgr []byte) (vision.Picture, error) {
	return opencv.NewPicture(width, height, bgr)
}

// ReadPicture decodes a picture file; name is for errors.
func ReadPicture(name string, data []byte) (vision.Picture, error) {
	s, err := still.Decode(name, data)
	if err != nil {
		return vision.Picture{}, err
	}
	return opencv.NewPicture(s.Width, s.Height, s.BGR)
}

// runtimeName returns what tells on what the networks would run.
func runtimeName(cfg config.Models) func() (string, error) {
	return func() (string, error) {
		r, err := openRuntime(cfg, slog.New(slog.DiscardHandler))
		return r.Name, err
	}
}

// decodeKey returns what tries whether a camera's pictures can be decoded.
func decodeKey() doctor.Decode { return decodeWhole }

// decodeWhole decodes one key frame to its end.
func decodeWhole(p frames.Parameters, u frames.AccessUnit) (err error) {
	decoder, err := OpenDecoder(p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, decoder.Close()) }()
	pictures := 0
	want := func(int64) bool { pictures++; return false }
	got := func(vision.Picture) error { return nil }
	if err := errors.Join(decoder.Decode(u, want, got), decoder.Drain(want, got)); err != nil {
		return err
	}
	if pictures == 0 {
		return errors.New("no picture came out")
	}
	return nil
}
