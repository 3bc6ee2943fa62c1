//go:build !nocv

package opencv

import (
	"errors"
	"fmt"
	"log/slog"

	"gocv.io/x/gocv"

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
	// Runtime says what runs the networks; it is asked when there are some. Nil: OpenCV.
	Runtime func() (Runtime, error)
	Log     *slog.Logger
}

// Open opens an engine. With EngineAuto, files that are missing make it the classic one, with a warning that says so;
// a file that is there and wrong, or an embedder that is named and missing, is an error in any case, because somebody
// meant it to be used.
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
	if errors.Is(err, models.ErrMissing) && cfg.Engine != EngineDeep && cfg.Embedder == "" {
		cfg.Log.Warn("NO FACE NETWORKS: falling back to the classic engine, which tells people apart far worse; "+
			"bring the networks with: vigil models fetch", "reason", err)
		return openClassic(cfg.CascadesDir)
	}
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	found, embeds, err := read(manifest, detector, embedder)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	runtime := Own()
	if cfg.Runtime != nil {
		if runtime, err = cfg.Runtime(); err != nil {
			return nil, fmt.Errorf("open engine: %w", err)
		}
	}
	e, err := openDeep(runtime.Open, found, embeds)
	if err != nil {
		return nil, fmt.Errorf("open engine: %w", err)
	}
	cfg.Log.Info("face engine opened", "engine", EngineDeep, "runtime", runtime.Name, "detector", detector.ID(),
		"embedder", embedder.ID())
	return e, nil
}

// detector finds faces in a picture.
type detector interface {
	// detect appends the faces to faces.
	detect(p vision.Picture, faces []vision.Face) ([]vision.Face, error)
	close() error
}

// embedder turns an aligned face, BGR of AlignedSide pixels a side, into a unit vector.
type embedder interface {
	embed(aligned gocv.Mat) (vision.Embedding, error)
	close() error
}

// engine is a detector and an embedder with the alignment between them.
type engine struct {
	model    vision.Model
	detector detector
	aligner  *aligner
	embedder embedder
	closed   bool
}

var _ vision.Engine = (*engine)(nil)

// Detect implements vision.Engine.
func (e *engine) Detect(p vision.Picture, faces []vision.Face) ([]vision.Face, error) {
	if err := seen(p); err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	faces, err := e.detector.detect(p, faces)
	if err != nil {
		return nil, fmt.Errorf("detect: %w", err)
	}
	return faces, nil
}

// Embed implements vision.Engine.
func (e *engine) Embed(p vision.Picture, f vision.Face) (vision.Embedding, vision.Quality, error) {
	if err := seen(p); err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	pixels, err := e.aligner.align(p, f.Landmarks)
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	embedding, err := e.embedder.embed(e.aligner.aligned)
	if err != nil {
		return nil, vision.Quality{}, fmt.Errorf("embed: %w", err)
	}
	return embedding, vision.Assess(f, p.Width, p.Height, pixels), nil
}

// Model implements vision.Engine.
func (e *engine) Model() vision.Model { return e.model }

// Close implements vision.Engine.
func (e *engine) Close() error {
	if e.closed {
		return nil
	}
	e.closed = true
	return errors.Join(e.detector.close(), e.aligner.close(), e.embedder.close())
}
