//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"math"

	"vigil/models"
	"vigil/vision"
)

// deep is the engine of two networks.
type deep struct {
	model    vision.Model
	dim      int
	detector *yunet
	embedder *network
	aligner  *aligner
}

var _ vision.Engine = (*deep)(nil)

// openDeep opens both networks from bytes that the manifest has checked, and tries the embedder: an owner's file may
// be a good ONNX file and not what its entry says.
func openDeep(m *models.Manifest, detector, embedder models.Model) (*deep, error) {
	bytes, err := m.Open(detector.Name)
	if err != nil {
		return nil, err
	}
	found, err := openYuNet(bytes, detector.Input)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", detector.File, err)
	}
	e := &deep{
		model: vision.Model{
			Engine: EngineDeep, ID: embedder.ID(), Threshold: embedder.Threshold, Margin: embedder.Margin,
		},
		dim: embedder.Dim, detector: found, aligner: newAligner(),
	}
	if err := e.openEmbedder(m, embedder); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *deep) openEmbedder(m *models.Manifest, embedder models.Model) error {
	bytes, err := m.Open(embedder.Name)
	if err != nil {
		return err
	}
	if e.embedder, err = openNetwork(bytes, embedder.Input); err != nil {
		return fmt.Errorf("model %s: %w", embedder.File, err)
	}
	grey := make([]byte, vision.AlignedSide*vision.AlignedSide*3)
	for i := range grey {
		grey[i] = byte(i % 251)
	}
	if _, err := e.embed(grey); err != nil {
		return fmt.Errorf("model %s: %w", embedder.File, err)
	}
	return nil
}

// Detect implements vision.Engine.
func (e *deep) Detect(p vision.Picture) (faces []vision.Face, err error) {
	v, err := newView(p)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	defer func() { err = errors.Join(err, v.close()) }()
	if faces, err = e.detector.detect(v.Mat); err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	return faces, nil
}

// Embed implements vision.Engine.
func (e *deep) Embed(p vision.Picture, f vision.Face) (_ vision.Embedding, _ vision.Quality, err error) {
	v, err := newView(p)
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	defer func() { err = errors.Join(err, v.close()) }()
	pixels, err := e.aligner.align(v.Mat, f.Landmarks)
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	embedding, err := e.embed(pixels)
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	return embedding, vision.Assess(f, p.Width, p.Height, pixels), nil
}

func (e *deep) embed(aligned []byte) (vision.Embedding, error) {
	if err := e.embedder.run(aligned, vision.AlignedSide, vision.AlignedSide); err != nil {
		return nil, err
	}
	out := e.embedder.output(0)
	if len(out) != e.dim {
		return nil, fmt.Errorf("got an embedding of %d numbers, want %d", len(out), e.dim)
	}
	embedding := append(vision.Embedding(nil), out...).Normalize()
	if length := embedding.Dot(embedding); math.Abs(length-1) > 1e-3 || math.IsNaN(length) {
		return nil, errors.New("embedding has no direction")
	}
	return embedding, nil
}

// Model implements vision.Engine.
func (e *deep) Model() vision.Model { return e.model }

// Close implements vision.Engine.
func (e *deep) Close() error {
	if e.aligner == nil {
		return nil
	}
	err := errors.Join(e.detector.close(), e.aligner.close())
	if e.embedder != nil {
		e.embedder.close()
	}
	e.aligner = nil
	return err
}
