package app

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	alertsjs "vigil/alerts/jetstream"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

// inView is how long somebody is taken to be where they were seen last: a little longer than somebody who stands still is
// told of.
const inView = 6 * time.Second

// askAgain is how long a bus that did not answer is left alone.
const askAgain = 2 * time.Second

// faceBook knows who is in the picture of each camera, as sightings say.
type faceBook struct {
	now func() time.Time

	mu    sync.Mutex
	faces map[frames.CameraID]map[string]vision.Sighting // the latest, by track
}

// follow reads sightings until ctx ends. What cannot be read is left out, and a bus that is away is asked again: nobody's marks
// are worth more than the rest of the program.
func (b *faceBook) follow(ctx context.Context, c *bus.Conn, log *slog.Logger) {
	for ctx.Err() == nil {
		for s, err := range alertsjs.Sightings(c).Tail(ctx, bus.TailOptions{From: b.now().Add(-inView), Follow: true}) {
			if err == nil {
				b.note(s)
			} else if ctx.Err() == nil {
				log.Warn("follow the faces in view", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(askAgain):
		}
	}
}

// note takes a sighting, and forgets who is not there any more.
func (b *faceBook) note(s vision.Sighting) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.faces == nil {
		b.faces = make(map[frames.CameraID]map[string]vision.Sighting)
	}
	there := b.faces[s.Camera]
	if there == nil {
		there = make(map[string]vision.Sighting)
		b.faces[s.Camera] = there
	}
	there[s.Track] = s
	for track, other := range there {
		if other.Ended || b.now().Sub(other.Seen) > inView {
			delete(there, track)
		}
	}
}

// at lists who is in the camera's picture.
func (b *faceBook) at(camera frames.CameraID) (there []web.Face) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for track, s := range b.faces[camera] {
		age := b.now().Sub(s.Seen)
		if len(s.Trail) == 0 || age > inView {
			continue
		}
		there = append(there, web.Face{
			Track: track, Decision: s.Decision.Outcome, Person: s.Decision.Person, Box: s.Trail[len(s.Trail)-1].Box(), Moves: moves(s),
			Age: max(age, 0).Seconds(),
		})
	}
	slices.SortFunc(there, func(a, b web.Face) int { return cmp.Compare(a.Track, b.Track) })
	return there
}

// pace is over how long it is looked how fast a face moves: shorter, and the detector's jitter is taken for a step.
const pace = 400 * time.Millisecond

// moves is how far a face moved lately, for each second.
func moves(s vision.Sighting) (moved vision.Point) {
	last := s.Trail[len(s.Trail)-1]
	for _, before := range slices.Backward(s.Trail) {
		if span := last.At(s.Start).Sub(before.At(s.Start)); span >= pace {
			from, to := before.Centre(), last.Centre()
			return vision.Point{X: (to.X - from.X) / span.Seconds(), Y: (to.Y - from.Y) / span.Seconds()}
		}
	}
	return moved
}

// Faces implements web.Cameras.
func (c shownCameras) Faces(ctx context.Context, camera frames.CameraID) ([]web.Face, error) {
	_, err := c.states.kv.Get(ctx, string(camera))
	if errors.Is(err, bus.ErrNotFound) {
		return nil, web.ErrNotFound
	}
	return c.faces.at(camera), err
}
