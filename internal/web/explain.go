package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/vision"
)

// Explanation is why an alert, or a track, was decided so.
type Explanation struct {
	Summary string        `json:"summary"` // a sentence for people
	Alert   *alerts.Alert `json:"alert"`   // null when a track was asked for
	Tracks  []TrackStory  `json:"tracks"`  // by their beginning
}

// TrackStory is what was decided of a track: each sighting that changed something, and the last, with their evidence.
type TrackStory struct {
	Track     string            `json:"track"`
	Sightings []vision.Sighting `json:"sightings"` // oldest first
}

// Explainer reads the decision log.
type Explainer interface {
	// Explain tells of the alert or the track of that id, or returns ErrNotFound.
	Explain(ctx context.Context, id string) (Explanation, error)
	// Boxes tells where the faces of the alert's tracks were, by their beginning, or returns ErrNotFound.
	Boxes(ctx context.Context, id string) ([]TrackBoxes, error)
}

// TimedBox is where a face was at a capture time.
type TimedBox struct {
	Time time.Time  `json:"time"`
	Box  vision.Box `json:"box"`
}

// TrackBoxes is where a track's face was, about twice a second.
type TrackBoxes struct {
	Track    string          `json:"track"`
	Camera   frames.CameraID `json:"camera"`
	Decision vision.Outcome  `json:"decision"`
	Person   string          `json:"person"` // who, when known
	Boxes    []TimedBox      `json:"boxes"`  // oldest first
}

// explain takes the id as a parameter: that of a track has slashes.
func (s *Server) explain(w http.ResponseWriter, r *asked) error {
	id := r.URL.Query().Get("id")
	if id == "" {
		return Refused{"id is missing: the id of an alert, or of a track such as door/e1/90000-1"}
	}
	camera, _, isTrack := strings.Cut(id, "/")
	if !isTrack {
		return s.tellWhy(w, r, id)
	}
	if !r.caller.sees(frames.CameraID(camera)) {
		return fmt.Errorf("explain %s: %w", id, ErrNotFound)
	}
	found, err := s.cfg.Explain.Explain(r.Context(), id)
	if err != nil {
		return err
	}
	found.Tracks = list(found.Tracks)
	return writeJSON(w, found)
}

func (s *Server) explainAlert(w http.ResponseWriter, r *asked) error {
	return s.tellWhy(w, r, r.PathValue("id"))
}

// tellWhy explains an alert. Of its tracks on cameras that the caller does not see nothing is told.
func (s *Server) tellWhy(w http.ResponseWriter, r *asked, id string) error {
	if _, err := s.visible(r, id); errors.Is(err, ErrNotFound) {
		return fmt.Errorf("explain %s: there is no such alert: %w", id, ErrNotFound)
	} else if err != nil {
		return err
	}
	found, err := s.cfg.Explain.Explain(r.Context(), id)
	if err != nil {
		return err
	}
	tracks := []TrackStory{}
	for _, story := range found.Tracks {
		if len(story.Sightings) == 0 || r.caller.sees(story.Sightings[0].Camera) {
			tracks = append(tracks, story)
		}
	}
	found.Tracks = tracks
	return writeJSON(w, found)
}

func (s *Server) boxes(w http.ResponseWriter, r *asked) error {
	id := r.PathValue("id")
	if _, err := s.visible(r, id); err != nil {
		return err
	}
	tracks, err := s.cfg.Explain.Boxes(r.Context(), id)
	if err != nil {
		return ofAlert(r, err)
	}
	tracks = slices.DeleteFunc(tracks, func(t TrackBoxes) bool { return !r.caller.sees(t.Camera) })
	return writeJSON(w, map[string]any{"tracks": list(tracks)})
}
