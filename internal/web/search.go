package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"vigil/frames"
	"vigil/vision"
)

const (
	defaultSimilar = 20
	maxSimilar     = 100
)

// SimilarView is an alert that shows a face like the asked one.
type SimilarView struct {
	Alert    string          `json:"alert"`
	Camera   frames.CameraID `json:"camera"`
	Time     time.Time       `json:"time"` // when it opened
	Stranger string          `json:"stranger"`
	ShotURL  string          `json:"shot_url"`
	Score    float64         `json:"score"` // cosine
	Alike    bool            `json:"alike"` // the two are taken for one person's
}

// SearchResult is whom a face is like, and where it was seen.
type SearchResult struct {
	Threshold float64           `json:"threshold"`
	People    []vision.Likeness `json:"people"`
	Alerts    []SimilarView     `json:"alerts"`
	Searched  int               `json:"searched"` // alerts whose picture could be compared
}

// Search finds faces in what is kept: the pictures of people, and the best ones of alerts.
type Search interface {
	// Similar finds what is like the best shot of the alert. ErrNotFound, or Refused where it has none any more.
	Similar(ctx context.Context, alert string) (SearchResult, error)
	// Search finds what is like the face of the photo, in the alerts of the query. Refused when it shows no face.
	Search(ctx context.Context, photo Photo, q AlertQuery) (SearchResult, error)
}

func (s *Server) similar(w http.ResponseWriter, r *asked) error {
	found, err := s.cfg.Search.Similar(r.Context(), r.PathValue("id"))
	if err != nil {
		return ofAlert(r, err)
	}
	return writeFound(w, found)
}

func (s *Server) search(w http.ResponseWriter, r *asked) error {
	q, err := alertQuery(r, defaultSimilar, maxSimilar)
	if err != nil {
		return err
	}
	photos, _, err := readPhotos(w, r)
	if err != nil {
		return err
	}
	if len(photos) != 1 {
		return Refused{fmt.Sprintf("%d photos were sent, want one", len(photos))}
	}
	found, err := s.cfg.Search.Search(r.Context(), photos[0], q)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	return writeFound(w, found)
}

func writeFound(w http.ResponseWriter, found SearchResult) error {
	found.People, found.Alerts = list(found.People), list(found.Alerts)
	return writeJSON(w, found)
}
