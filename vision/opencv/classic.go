//go:build !nocv

package opencv

import (
	"fmt"

	"gocv.io/x/gocv"

	"vigil/vision"
)

// openClassic opens the engine that needs no download.
func openClassic(dir string) (*engine, error) {
	oneThread()
	c, err := openCascades(dir)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	return &engine{
		model: vision.Model{
			Engine: EngineClassic, ID: classicID, Threshold: classicThreshold, Margin: classicMargin,
			Calibration: classicCalibration(),
		},
		detector: c, aligner: newAligner(),
		embedder: &patterns{grey: gocv.NewMat(), table: newLBPTable()},
	}, nil
}

// patterns is the embedder of local binary patterns.
type patterns struct {
	grey  gocv.Mat
	table *lbpTable
}

func (p *patterns) embed(aligned gocv.Mat) (vision.Embedding, error) {
	gocv.CvtColor(aligned, &p.grey, gocv.ColorBGRToGray)
	grey, err := p.grey.DataPtrUint8()
	if err != nil {
		return nil, fmt.Errorf("grey face: %w", err)
	}
	return p.table.embed(grey), nil
}

func (p *patterns) close() error { return p.grey.Close() }
