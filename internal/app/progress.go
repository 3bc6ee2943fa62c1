package app

import (
	"context"
	"errors"

	"vigil/frames"
	"vigil/internal/bus"
)

// progress keeps how far a camera's log is analysed.
type progress struct{ kv *bus.KV[uint64] }

func progressKey(camera frames.CameraID) string { return "progress/" + string(camera) }

// Load implements vision.Progress.
func (p progress) Load(ctx context.Context, camera frames.CameraID) (uint64, error) {
	entry, err := p.kv.Get(ctx, progressKey(camera))
	if errors.Is(err, bus.ErrNotFound) {
		return 0, nil
	}
	return entry.Value, err
}

// Save implements vision.Progress.
func (p progress) Save(ctx context.Context, camera frames.CameraID, pos uint64) error {
	_, err := p.kv.Put(ctx, progressKey(camera), pos)
	return err
}
