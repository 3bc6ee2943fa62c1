//go:build !nocv

package opencv

import (
	"errors"
	"fmt"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// classic is the engine that needs no download.
type classic struct {
	cascades *cascades
	aligner  *aligner
	grey     gocv.Mat
	table    *lbpTable
}

var _ vision.Engine = (*classic)(nil)

func openClassic(dir string) (*classic, error) {
	oneThread()
	c, err := openCascades(dir)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	return &classic{cascades: c, aligner: newAligner(), grey: gocv.NewMat(), table: newLBPTable()}, nil
}

// Detect implements vision.Engine.
func (e *classic) Detect(p vision.Picture) (faces []vision.Face, err error) {
	v, err := newView(p)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	defer func() { err = errors.Join(err, v.close()) }()
	if faces, err = e.cascades.detect(v.Mat); err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	return faces, nil
}

// Embed implements vision.Engine.
func (e *classic) Embed(p vision.Picture, f vision.Face) (_ vision.Embedding, _ vision.Quality, err error) {
	v, err := newView(p)
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	defer func() { err = errors.Join(err, v.close()) }()
	pixels, err := e.aligner.align(v.Mat, f.Landmarks)
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	gocv.CvtColor(e.aligner.aligned, &e.grey, gocv.ColorBGRToGray)
	grey, err := e.grey.DataPtrUint8()
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	return e.table.embed(grey), vision.Assess(f, p.Width, p.Height, pixels), nil
}

// Model implements vision.Engine.
func (e *classic) Model() vision.Model {
	return vision.Model{Engine: EngineClassic, ID: classicID, Threshold: classicThreshold, Margin: classicMargin}
}

// Close implements vision.Engine.
func (e *classic) Close() error {
	if e.aligner == nil {
		return nil
	}
	err := errors.Join(e.cascades.close(), e.aligner.close(), e.grey.Close())
	e.aligner = nil
	return err
}
