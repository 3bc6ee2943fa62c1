package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
)

// Boxes implements web.Explainer.
func (d decisionLog) Boxes(ctx context.Context, id string) ([]web.TrackBoxes, error) {
	visit, err := d.visits.Get(ctx, id)
	if errors.Is(err, alerts.ErrNotFound) {
		return nil, web.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	found := map[string]*web.TrackBoxes{}
	cameras := map[frames.CameraID]bool{}
	for track, t := range visit.Tracks {
		found[track], cameras[t.Camera] = &web.TrackBoxes{Track: track, Camera: t.Camera, Boxes: []web.TimedBox{}}, true
	}
	for camera := range cameras {
		if err := d.trace(ctx, camera, visit, found); err != nil {
			return nil, err
		}
	}
	var all []web.TrackBoxes
	for _, t := range found {
		if len(t.Boxes) > 0 {
			all = append(all, *t)
		}
	}
	slices.SortFunc(all, func(a, b web.TrackBoxes) int {
		return cmp.Or(a.Boxes[0].Time.Compare(b.Boxes[0].Time), cmp.Compare(a.Track, b.Track))
	})
	return all, nil
}

// trace adds to each track of found where it was, as the camera's sightings say.
func (d decisionLog) trace(ctx context.Context, camera frames.CameraID, visit alerts.Visit, found map[string]*web.TrackBoxes) error {
	o := bus.TailOptions{Filter: alertsjs.SightingsOf(camera), From: visit.Start.Add(-clockSlack)}
	for s, err := range d.sightings.Tail(ctx, o) {
		if err != nil {
			return fmt.Errorf("boxes of %s: %w", camera, err)
		}
		t := found[s.Track]
		if t == nil {
			continue
		}
		t.Decision, t.Person = s.Decision.Outcome, s.Decision.Person
		for _, mark := range s.Trail {
			if n := len(t.Boxes); n == 0 || mark.At(s.Start).After(t.Boxes[n-1].Time) { // a track that ends repeats its last one
				t.Boxes = append(t.Boxes, web.TimedBox{Time: mark.At(s.Start), Box: mark.Box()})
			}
		}
	}
	return nil
}
