//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"math"

	"gocv.io/x/gocv"

	"vigil/models"
	"vigil/vision"
)

// openDeep opens both networks from bytes that the manifest has checked, and tries the embedder: an owner's file may
// be a good ONNX file and not what its entry says.
func openDeep(open OpenNetwork, m *models.Manifest, detector, embedder models.Model) (*engine, error) {
	oneThread()
	bytes, err := m.Open(detector.Name)
	if err != nil {
		return nil, err
	}
	found, err := openYuNet(open, bytes, detector.Input)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", detector.File, err)
	}
	vectors, err := openVectors(open, m, embedder)
	if err != nil {
		return nil, errors.Join(err, found.close())
	}
	return &engine{
		model: vision.Model{
			Engine: EngineDeep, ID: embedder.ID(), Threshold: embedder.Threshold, Margin: embedder.Margin,
			Calibration: calibration(embedder),
		},
		detector: found, aligner: newAligner(), embedder: vectors,
	}, nil
}

func calibration(m models.Model) (c vision.Calibration) {
	for _, p := range m.Calibration {
		c.Points = append(c.Points, vision.CalibrationPoint{Rate: p.Rate, Cosine: p.Cosine})
	}
	return c
}

// vectors is the embedder of a network.
type vectors struct {
	net Network
	dim int
}

func openVectors(open OpenNetwork, m *models.Manifest, embedder models.Model) (*vectors, error) {
	bytes, err := m.Open(embedder.Name)
	if err != nil {
		return nil, err
	}
	v := &vectors{dim: embedder.Dim}
	if v.net, err = open(bytes, embedder.Input); err != nil {
		return nil, fmt.Errorf("model %s: %w", embedder.File, err)
	}
	sample := make([]byte, vision.AlignedSide*vision.AlignedSide*3)
	for i := range sample {
		sample[i] = byte(i % 251)
	}
	if _, err := v.vector(sample); err != nil {
		return nil, errors.Join(fmt.Errorf("model %s: %w", embedder.File, err), v.close())
	}
	return v, nil
}

func (v *vectors) embed(aligned gocv.Mat) (vision.Embedding, error) {
	pixels, err := aligned.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("aligned face: %w", err)
	}
	return v.vector(pixels)
}

func (v *vectors) vector(aligned []byte) (vision.Embedding, error) {
	if err := v.net.Run(aligned, vision.AlignedSide, vision.AlignedSide); err != nil {
		return nil, err
	}
	out := v.net.Output(0)
	if len(out) != v.dim {
		return nil, fmt.Errorf("got an embedding of %d numbers, want %d", len(out), v.dim)
	}
	embedding := append(vision.Embedding(nil), out...).Normalize()
	if length := embedding.Dot(embedding); math.Abs(length-1) > 1e-3 || math.IsNaN(length) {
		return nil, errors.New("embedding has no direction")
	}
	return embedding, nil
}

func (v *vectors) close() error { return v.net.Close() }
