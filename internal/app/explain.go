package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

// clockSlack is how far the bus's clock, by which sightings are found, may be ahead of the capture clock.
const clockSlack = 5 * time.Minute

// decisionLog explains decisions to the console from the sightings that are kept.
type decisionLog struct {
	visits    *alertsjs.Store
	sightings *bus.Topic[vision.Sighting]
}

// Explain implements web.Explainer. The id of a track has slashes, that of an alert has none.
func (d decisionLog) Explain(ctx context.Context, id string) (web.Explanation, error) {
	if name, _, isTrack := strings.Cut(id, "/"); isTrack {
		camera, err := frames.ParseCameraID(name)
		if err != nil {
			return web.Explanation{}, unexplained(id, "no camera has such a track")
		}
		found := map[string][]vision.Sighting{id: nil}
		if err := d.collect(ctx, camera, time.Time{}, found); err != nil {
			return web.Explanation{}, err
		}
		return explanation(id, nil, found)
	}
	visit, err := d.visits.Get(ctx, id)
	if errors.Is(err, alerts.ErrNotFound) {
		return web.Explanation{}, unexplained(id, "there is no such alert")
	}
	if err != nil {
		return web.Explanation{}, err
	}
	found := map[string][]vision.Sighting{}
	cameras := map[frames.CameraID]bool{}
	for track, t := range visit.Tracks {
		found[track], cameras[t.Camera] = nil, true
	}
	for camera := range cameras {
		if err := d.collect(ctx, camera, visit.Start.Add(-clockSlack), found); err != nil {
			return web.Explanation{}, err
		}
	}
	return explanation(id, &visit.Alert, found)
}

// collect adds to each track of found the camera's sightings that decided, in the order in which they were published.
func (d decisionLog) collect(ctx context.Context, camera frames.CameraID, from time.Time, found map[string][]vision.Sighting) error {
	o := bus.TailOptions{Filter: alertsjs.SightingsOf(camera), From: from}
	for s, err := range d.sightings.Tail(ctx, o) {
		if err != nil {
			return fmt.Errorf("decision log of %s: %w", camera, err)
		}
		if _, wanted := found[s.Track]; wanted && s.Decides() {
			found[s.Track] = append(found[s.Track], s)
		}
	}
	return nil
}

// explanation orders the tracks by their beginning.
func explanation(id string, alert *alerts.Alert, found map[string][]vision.Sighting) (web.Explanation, error) {
	e := web.Explanation{Alert: alert}
	for track, sightings := range found {
		if len(sightings) > 0 {
			e.Tracks = append(e.Tracks, web.TrackStory{Track: track, Sightings: sightings})
		}
	}
	if len(e.Tracks) == 0 {
		return web.Explanation{}, unexplained(id, "nothing of it is in the decision log, which goes back seven days "+
			"at most; a track that is undecided enters it when it ends")
	}
	slices.SortFunc(e.Tracks, func(a, b web.TrackStory) int {
		return cmp.Or(a.Sightings[0].Start.Compare(b.Sightings[0].Start), cmp.Compare(a.Track, b.Track))
	})
	e.Summary = summary(e.Tracks)
	return e, nil
}

// summary tells people the decision that counted: the last of the track that was decided first, unless a later one of
// any says that it was somebody enrolled.
func summary(tracks []web.TrackStory) string {
	told := tracks[0].Sightings[len(tracks[0].Sightings)-1]
	for _, t := range tracks {
		if last := t.Sightings[len(t.Sightings)-1]; last.Decision.Outcome == vision.Known {
			told = last
			break
		}
	}
	d := told.Decision
	switch {
	case d.Outcome == vision.Known:
		return fmt.Sprintf("Known: this is %s, %s.", d.Person, d.Reason)
	case d.Outcome == vision.Undecided:
		return fmt.Sprintf("Undecided: %s.", d.Reason)
	case d.Nearest == "":
		return fmt.Sprintf("A stranger: %s.", d.Reason)
	}
	return fmt.Sprintf("A stranger: %s. The most similar person is %s, at %.2f.", d.Reason, d.Nearest, d.Score)
}

func unexplained(id, why string) error {
	return fmt.Errorf("explain %s: %s: %w", id, why, web.ErrNotFound)
}
