package web

import (
	"context"
	"fmt"
	"strings"

	"vigil/vision"
)

// Explain knows the alerts of the house, and every track.
func (h *house) Explain(ctx context.Context, id string) (Explanation, error) {
	if strings.Contains(id, "/") {
		return Explanation{Tracks: []TrackStory{{Track: id, Sightings: []vision.Sighting{{Track: id, Decision: vision.Decision{Outcome: vision.Known, Person: "Ann"}}}}}}, nil
	}
	view, err := h.Get(ctx, id)
	if err != nil {
		return Explanation{}, fmt.Errorf("explain %s: %w", id, err)
	}
	return Explanation{Alert: &view.Alert}, nil
}
