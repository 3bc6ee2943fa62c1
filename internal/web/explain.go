package web

import (
	"context"
	"net/http"

	"vigil/alerts"
	"vigil/vision"
)

// Explanation is why an alert, or a track, was decided so.
type Explanation struct {
	Alert  *alerts.Alert `json:"alert"`  // null when a track was asked for
	Tracks []TrackStory  `json:"tracks"` // by their beginning
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
}

// explain takes the id as a parameter: that of a track has slashes.
func (s *Server) explain(w http.ResponseWriter, r *http.Request) error {
	id := r.URL.Query().Get("id")
	if id == "" {
		return Refused{"id is missing: the id of an alert, or of a track such as door/e1/90000-1"}
	}
	found, err := s.cfg.Explain.Explain(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, found)
}
