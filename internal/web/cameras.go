package web

import (
	"context"
	"net/http"
	"slices"

	"vigil/frames"
)

// Where cameras come from.
const (
	FromConfiguration = "configuration"
	FromAPI           = "added"
	FromPublisher     = "published" // by a camera that no configuration names
)

// CameraView is a camera's state and where it comes from.
type CameraView struct {
	frames.CameraState
	From string `json:"from"`
}

// Cameras lists the state of every camera.
type Cameras interface {
	Cameras(ctx context.Context) ([]CameraView, error)
}

func (s *Server) cameras(w http.ResponseWriter, r *asked) error {
	states, err := s.cfg.Cameras.Cameras(r.Context())
	if err != nil {
		return err
	}
	states = slices.DeleteFunc(states, func(c CameraView) bool { return !r.caller.sees(c.Camera) })
	return writeJSON(w, map[string]any{"cameras": list(states)})
}
