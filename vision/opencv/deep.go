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

// file is a network's bytes, which the manifest has checked, and its entry.
type file struct {
	models.Model
	bytes []byte
}

// read reads and checks both networks: a file that is wrong is told before anything is chosen to run it.
func read(m *models.Manifest, detector, embedder models.Model) (d, e file, err error) {
	d, e = file{Model: detector}, file{Model: embedder}
	if d.bytes, err = m.Open(detector.Name); err != nil {
		return d, e, err
	}
	e.bytes, err = m.Open(embedder.Name)
	return d, e, err
}

// openDeep opens both networks, and tries the embedder: an owner's file may be a good ONNX file and not what its entry
// says.
func openDeep(open OpenNetwork, detector, embedder file) (*engine, error) {
	oneThread()
	found, err := openYuNet(open, detector.bytes, detector.Input)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", detector.File, err)
	}
	vectors, err := openVectors(open, embedder)
	if err != nil {
		return nil, errors.Join(err, found.close())
	}
	return &engine{
		model: vision.Model{
			Engine: EngineDeep, ID: embedder.ID(), Threshold: embedder.Threshold, Margin: embedder.Margin,
			Calibration: calibration(embedder.Model),
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

func openVectors(open OpenNetwork, embedder file) (*vectors, error) {
	net, err := open(embedder.bytes, embedder.Input)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", embedder.File, err)
	}
	v := &vectors{net: net, dim: embedder.Dim}
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
