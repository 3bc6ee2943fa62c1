package doctor

import (
	"errors"

	"vigil/models"
)

// Networks is what decides which networks run, and on what.
type Networks struct {
	Dir      string // of the files
	Engine   string // auto, deep, classic
	Embedder string // name in the manifest; empty: SFace, or the only one
	// Runtime says what the networks would run on. Nil: this program was built without what decodes pictures.
	Runtime func() (name string, err error)
}

// Models looks whether the networks are there, are the ones that the manifest promises, and what would run them.
func Models(n Networks) []Finding {
	if n.Runtime == nil {
		return []Finding{warning("run the role vision from a build with OpenCV and FFmpeg, and these roles with --roles ingest,alerts,clips,console",
			"models: this vigil was built without OpenCV and FFmpeg (tag nocv): pictures are not decoded here, and no face is found")}
	}
	if n.Engine == "classic" {
		return []Finding{warning("set models.engine to auto and run `vigil models fetch`",
			"models.engine: the classic engine is chosen, which tells few people apart")}
	}
	manifest, err := models.Load(n.Dir)
	if err != nil {
		return []Finding{problem("mend the file", "models: %v", err)}
	}
	detector, embedder, err := manifest.Pick(n.Embedder)
	switch {
	case errors.Is(err, models.ErrMissing) && n.Engine != "deep" && n.Embedder == "":
		return []Finding{warning("run `vigil models fetch`", "models: %v; the classic engine would work, which tells few people apart", err)}
	case err != nil:
		return []Finding{problem("run `vigil models fetch`, or see `vigil models list`", "models: %v", err)}
	}
	for _, m := range []models.Model{detector, embedder} {
		if _, err := manifest.Open(m.Name); err != nil {
			return []Finding{problem("remove the file, and run `vigil models fetch` or bring it again", "models: %v", err)}
		}
	}
	all := []Finding{ok("models: %s finds faces and %s tells them apart; their digests are right", detector.ID(), embedder.ID())}
	name, err := n.Runtime()
	if err != nil {
		return append(all, problem("run `make onnxruntime`, mend models.library, or set models.runtime to opencv", "models.runtime: %v", err))
	}
	runs := ok("models.runtime: they run on %s", name)
	if name == "OpenCV" {
		runs.Do = "run `make onnxruntime`: ONNX Runtime finds faces in less than half the time"
	}
	return append(all, runs)
}
