package web

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"vigil/frames"
	"vigil/vision"
)

// Where cameras come from.
const (
	FromConfiguration = "configuration"
	FromConsole       = "added"     // through the API
	FromPublisher     = "published" // by a camera that nothing names
)

// CameraView is a camera's state and where it comes from.
type CameraView struct {
	frames.CameraState
	From string `json:"from"`
}

// CameraInput is a camera to add: with an address, or else one that publishes.
type CameraInput struct {
	ID          frames.CameraID `json:"id"`
	URL         string          `json:"url,omitempty"`
	Transport   string          `json:"transport,omitempty"`
	DetectURL   string          `json:"detect_url,omitempty"`
	Fingerprint string          `json:"tls_fingerprint,omitempty"`
}

// AddedCamera is a camera that was added, and the token with which it publishes: that is shown once.
type AddedCamera struct {
	ID           frames.CameraID `json:"id"`
	PublishToken string          `json:"publish_token"`
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

// Face is somebody whom a camera sees now, or saw a moment ago.
type Face struct {
	Track    string         `json:"track"`
	Decision vision.Outcome `json:"decision"`
	Person   string         `json:"person"` // who, when known
	Box      vision.Box     `json:"box"`
	Moves    vision.Point   `json:"moves"`       // in a second, in fractions of the picture
	Age      float64        `json:"age_seconds"` // since the picture in which the face was there
}

// Cameras tells of cameras.
type Cameras interface {
	// Cameras lists the state of every camera.
	Cameras(ctx context.Context) ([]CameraView, error)
	// Snapshot returns the camera's latest key picture as JPEG, or ErrNotFound.
	Snapshot(ctx context.Context, camera frames.CameraID) ([]byte, error)
	// Faces lists who is in the camera's picture, as far as that is known, or returns ErrNotFound.
	Faces(ctx context.Context, camera frames.CameraID) ([]Face, error)
	// Play takes the offer of a player and returns the session and the answer. It is ErrNotFound when no video comes, and a
	// Refused when what comes, or what is offered, cannot be played.
	Play(ctx context.Context, camera frames.CameraID, offer string) (session, answer string, err error)
	// StopPlaying ends a session, or returns ErrNotFound.
	StopPlaying(ctx context.Context, camera frames.CameraID, session string) error
	// AddCamera adds a camera and returns the token of one that publishes. What is wrong with it is a Refused, one that is there
	// already a Conflict.
	AddCamera(ctx context.Context, in CameraInput) (token string, err error)
	// RemoveCamera removes a camera that was added. One of the configuration is a Conflict.
	RemoveCamera(ctx context.Context, camera frames.CameraID) error
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

// seen is the camera of a request, if its caller may see it.
func seen(r *asked) (frames.CameraID, error) {
	id := r.PathValue("id")
	camera, err := frames.ParseCameraID(id)
	if err != nil || !r.caller.sees(camera) {
		return "", fmt.Errorf("camera %.64q: %w", id, ErrNotFound)
	}
	return camera, nil
}

func (s *Server) snapshot(w http.ResponseWriter, r *asked) error {
	camera, err := seen(r)
	if err != nil {
		return err
	}
	picture, err := s.cfg.Cameras.Snapshot(r.Context(), camera)
	if err != nil {
		return fmt.Errorf("camera %s: %w", camera, err)
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(picture) // an error here is the client's connection
	return nil
}

func (s *Server) faces(w http.ResponseWriter, r *asked) error {
	camera, err := seen(r)
	if err != nil {
		return err
	}
	there, err := s.cfg.Cameras.Faces(r.Context(), camera)
	if err != nil {
		return fmt.Errorf("camera %s: %w", camera, err)
	}
	return writeJSON(w, map[string]any{"faces": list(there)})
}

func (s *Server) addCamera(w http.ResponseWriter, r *asked) error {
	var in CameraInput
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	token, err := s.cfg.Cameras.AddCamera(r.Context(), in)
	if err != nil {
		return fmt.Errorf("add camera: %w", err)
	}
	s.cfg.Log.Info("camera added", "camera", in.ID, "by", r.caller.Name)
	return writeMade(w, AddedCamera{ID: in.ID, PublishToken: token})
}

func (s *Server) removeCamera(w http.ResponseWriter, r *asked) error {
	camera, err := seen(r)
	if err != nil {
		return err
	}
	if err := s.cfg.Cameras.RemoveCamera(r.Context(), camera); err != nil {
		return fmt.Errorf("remove camera %s: %w", camera, err)
	}
	s.cfg.Log.Info("camera removed", "camera", camera, "by", r.caller.Name)
	w.WriteHeader(http.StatusNoContent)
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

const (
	maxOffer  = 64 << 10
	offerTime = 10 * time.Second
)

// play answers a WHEP player (draft-ietf-wish-whep, 4.2). All candidates are in the answer: there is no trickle.
func (s *Server) play(w http.ResponseWriter, r *asked) error {
	camera, err := seen(r)
	if err != nil {
		return err
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/sdp" {
		return failure{http.StatusUnsupportedMediaType, fmt.Sprintf("content type is %q, want application/sdp", kind)}
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(offerTime)) // a connection that is gone needs none
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	if err != nil {
		return err
	}
	session, answer, err := s.cfg.Cameras.Play(r.Context(), camera, string(offer))
	if err != nil {
		return fmt.Errorf("play %s: %w", camera, err)
	}
	w.Header().Set("Content-Type", "application/sdp")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", "/api/v1/cameras/"+string(camera)+"/whep/"+session)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer) // an error here is the client's connection
	return nil
}

func (s *Server) stopPlaying(w http.ResponseWriter, r *asked) error {
	camera, err := seen(r)
	if err != nil {
		return err
	}
	if err := s.cfg.Cameras.StopPlaying(r.Context(), camera, r.PathValue("session")); err != nil {
		return fmt.Errorf("session at %s: %w", camera, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
