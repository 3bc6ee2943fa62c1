package web

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"vigil/frames"
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

// Boxes has tracks on two cameras for each alert.
func (h *house) Boxes(context.Context, string) ([]TrackBoxes, error) {
	var all []TrackBoxes
	for _, camera := range []frames.CameraID{"door", "yard"} {
		all = append(all, TrackBoxes{Track: string(camera) + "/e1/90-1", Camera: camera, Decision: vision.Unknown, Boxes: []TimedBox{{Time: time.Unix(1, 0)}}})
	}
	return all, nil
}

func TestOfOtherCamerasNoBoxes(t *testing.T) {
	h, server, _, _ := start(t)
	if _, text := do(t, "GET", server.URL+"/api/v1/alerts/01J/boxes", h.give(Viewer, "door"), nil); !strings.Contains(text, "door/e1") || strings.Contains(text, "yard") {
		t.Errorf("got %s, want those of the door", text)
	}
}
