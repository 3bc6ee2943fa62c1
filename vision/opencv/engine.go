//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"log/slog"

	"vigil/models"
	"vigil/vision"
)

// Names of the engines.
const (
	EngineAuto    = "auto"    // deep where its files are, else classic
	EngineDeep    = "deep"    // YuNet and an embedding network
	EngineClassic = "classic" // Haar cascade and local binary patterns
)

// Config says which engine to open.
type Config struct {
	ModelsDir   string // folder of the networks' files; empty: there are none
	Embedder    string // name of the embedder in the manifest; empty: SFace, else the only one in the folder
	Engine      string // EngineAuto (also when empty), EngineDeep or EngineClassic
	CascadesDir string // folder of the cascades; empty: where Debian's opencv-data puts them
	Log         *slog.Logger
}

// Open opens an engine. With EngineAuto, files that are missing make it the classic one, with a warning that says so;
// a file that is there and wrong is an error in any case, because somebody put it there to be used.
func Open(cfg Config) (vision.Engine, error) {
	switch cfg.Engine {
	case EngineClassic:
		return openClassic(cfg.CascadesDir)
	case EngineDeep, EngineAuto, "":
	default:
		return nil, fmt.Errorf("open engine: got %q, want %s, %s or %s", cfg.Engine, EngineAuto, EngineDeep, EngineClassic)
	}
	manifest, err := models.Load(cfg.ModelsDir)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	detector, embedder, err := manifest.Pick(cfg.Embedder)
	if errors.Is(err, models.ErrMissing) && cfg.Engine != EngineDeep {
		cfg.Log.Warn("NO FACE NETWORKS: falling back to the classic engine, which tells people apart far worse; "+
			"bring the networks with: vigil models fetch", "reason", err)
		return openClassic(cfg.CascadesDir)
	}
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	e, err := openDeep(manifest, detector, embedder)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	cfg.Log.Info("face engine opened", "engine", EngineDeep, "detector", detector.ID(), "embedder", embedder.ID())
	return e, nil
}
