package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"vigil/frames"
)

// Where cameras come from.
const (
	FromConfiguration = "configuration"
	FromPublisher     = "published" // by a camera that no configuration names
)

// CameraView is a camera's state and where it comes from.
type CameraView struct {
	frames.CameraState
	From string `json:"from"`
}

// CameraTestInput is an address to try.
type CameraTestInput struct {
	URL         string `json:"url"`
	Transport   string `json:"transport,omitempty"`
	Fingerprint string `json:"tls_fingerprint,omitempty"`
}

// CameraTest is what came of it.
type CameraTest struct {
	OK      bool    `json:"ok"`     // a key frame came
	Detail  string  `json:"detail"` // for people
	Codec   string  `json:"codec"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	Seconds float64 `json:"seconds"` // until the first key frame
	Picture []byte  `json:"picture"` // JPEG; none where it could not be decoded
}

// Cameras tells of cameras.
type Cameras interface {
	// Cameras lists the state of every camera.
	Cameras(ctx context.Context) ([]CameraView, error)
	// Snapshot returns the camera's latest key picture as JPEG, or ErrNotFound.
	Snapshot(ctx context.Context, camera frames.CameraID) ([]byte, error)
	// TryCamera connects to an address. What is wrong with it is in the answer.
	TryCamera(ctx context.Context, in CameraTestInput) (CameraTest, error)
}

func (s *Server) cameras(w http.ResponseWriter, r *asked) error {
	states, err := s.cfg.Cameras.Cameras(r.Context())
	if err != nil {
		return err
	}
	states = slices.DeleteFunc(states, func(c CameraView) bool { return !r.caller.sees(c.Camera) })
	return writeJSON(w, map[string]any{"cameras": list(states)})
}

func (s *Server) snapshot(w http.ResponseWriter, r *asked) error {
	id := r.PathValue("id")
	camera, err := frames.ParseCameraID(id)
	if err != nil || !r.caller.sees(camera) {
		return fmt.Errorf("camera %.64q: %w", id, ErrNotFound)
	}
	picture, err := s.cfg.Cameras.Snapshot(r.Context(), camera)
	if err != nil {
		return fmt.Errorf("camera %s: %w", id, err)
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(picture) // an error here is the client's connection
	return nil
}

func (s *Server) testCamera(w http.ResponseWriter, r *asked) error {
	var in CameraTestInput
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.Transport != "" && !slices.Contains([]string{"auto", "tcp", "udp"}, in.Transport) {
		return Refused{fmt.Sprintf("transport is %q, want auto, tcp or udp", in.Transport)}
	}
	tried, err := s.cfg.Cameras.TryCamera(r.Context(), in)
	if err != nil {
		return fmt.Errorf("try camera: %w", err)
	}
	tried.Picture = list(tried.Picture)
	return writeJSON(w, tried)
}
