package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/frames"
	"vigil/internal/people"
	"vigil/internal/web"
	"vigil/vision"
)

const (
	// mostShots is how many pictures of a stranger are enrolled, the best.
	mostShots = 12
	// mostNamed is how many alerts may be named at once.
	mostNamed = 200
	// gateNamed is the condition of a decision that somebody has made.
	gateNamed vision.Gate = "named"
)

// strangerBook makes people of strangers. That somebody knows who a stranger is is told like a sighting: the desk corrects
// the alert as it does when vision finds out.
type strangerBook struct {
	list   alertList
	log    decisionLog
	people directory
	now    func() time.Time
}

// Strangers implements web.Strangers.
func (b strangerBook) Strangers(ctx context.Context) ([]web.StrangerView, error) {
	page, err := b.list.List(ctx, web.AlertQuery{Limit: maxStrangerAlerts})
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	var all []web.StrangerView
	for _, v := range page.Alerts { // newest first
		a := v.Alert
		if a.Decision == vision.Known || a.Stranger == "" {
			continue
		}
		i, ok := at[a.Stranger]
		if !ok {
			i = len(all)
			at[a.Stranger] = i
			all = append(all, web.StrangerView{ID: a.Stranger, Last: a.OpenedAt.Time})
		}
		s := &all[i]
		s.Alerts, s.First, s.ShotURL = append(s.Alerts, a.ID), a.OpenedAt.Time, cmp.Or(s.ShotURL, a.BestShotURL)
		if !slices.Contains(s.Cameras, a.Camera) {
			s.Cameras = append(s.Cameras, a.Camera)
		}
	}
	return all, nil
}

// maxStrangerAlerts is of how many of the latest alerts strangers are told.
const maxStrangerAlerts = 1000

// Name implements web.Strangers. What is done before it fails is done again, the same, when it is asked again.
func (b strangerBook) Name(ctx context.Context, alert string, who web.Identity) (web.Named, error) {
	visits, err := b.meant(ctx, alert, who)
	if err != nil {
		return web.Named{}, err
	}
	if who.Ignored {
		who.Person = "Ignored " + visits[0].Stranger
	}
	before, err := b.people.Keys(ctx, who.Person)
	if err != nil {
		return web.Named{}, err
	}
	enrolled, err := b.enrol(ctx, visits, who)
	if err != nil {
		return web.Named{}, asRefusal(err)
	}
	after, err := b.people.Keys(ctx, who.Person)
	if err != nil {
		return web.Named{}, err
	}
	added := slices.DeleteFunc(after, func(key string) bool { return slices.Contains(before, key) })
	named := web.Named{Person: who.Person, Ignored: who.Ignored}
	for _, photo := range enrolled {
		named.Photos = append(named.Photos, photoView(photo))
	}
	said := naming{Naming: web.Naming{Person: who.Person, Ignored: who.Ignored, At: b.now().UTC(), By: who.By}, Act: alert, Photos: added}
	for _, v := range visits {
		if err := b.tell(ctx, v, said); err != nil {
			return web.Named{}, err
		}
		named.Alerts = append(named.Alerts, v.Alert.ID)
	}
	return named, nil
}

// meant are the visits of the alert, first, of the further ones, and of the same stranger unless only those are meant.
func (b strangerBook) meant(ctx context.Context, alert string, who web.Identity) ([]alerts.Visit, error) {
	first, err := b.list.visit(ctx, alert)
	if err != nil {
		return nil, err
	}
	visits := []alerts.Visit{first}
	all, err := b.list.visits.List(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b alerts.Visit) int { return cmp.Compare(b.Alert.ID, a.Alert.ID) })
	for _, v := range all {
		same := !who.Only && first.Stranger != "" && v.Stranger == first.Stranger && !v.Wrong()
		if (same || slices.Contains(who.Also, v.Alert.ID)) && v.Alert.ID != alert && len(visits) < mostNamed {
			visits = append(visits, v)
		}
	}
	for _, id := range who.Also {
		if !slices.ContainsFunc(visits, func(v alerts.Visit) bool { return v.Alert.ID == id }) {
			return nil, web.Refused{Reason: fmt.Sprintf("also: there is no alert %q", id)}
		}
	}
	return visits, nil
}

// enrol looks at the best pictures that are kept of the visits, and returns each with its verdict.
func (b strangerBook) enrol(ctx context.Context, visits []alerts.Visit, who web.Identity) ([]people.Photo, error) {
	keys, err := b.shots(ctx, visits)
	if err != nil {
		return nil, err
	}
	var uploads []people.Upload
	for _, key := range keys {
		data, err := b.people.Photos.Get(ctx, key)
		if errors.Is(err, clips.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		uploads = append(uploads, people.Upload{File: nameOf(key) + ".jpg", Data: data})
	}
	if len(uploads) == 0 {
		return nil, web.Refused{Reason: "no picture of the stranger is kept any more"}
	}
	person, err := b.people.Directory.Enrol(ctx, who.Person, uploads, people.Choices{Force: who.Force, Ignored: who.Ignored})
	if err != nil {
		return nil, err
	}
	files := map[string]bool{}
	for _, u := range uploads {
		files[u.File] = true
	}
	return slices.DeleteFunc(person.Photos, func(p people.Photo) bool { return !files[p.File] }), nil
}

// shots are the keys of the visits' best pictures, those of their tracks included, the best first.
func (b strangerBook) shots(ctx context.Context, visits []alerts.Visit) ([]string, error) {
	score := map[string]float64{}
	from := map[frames.CameraID]time.Time{}
	tracks := map[string][]vision.Sighting{}
	for _, v := range visits {
		if v.ShotKey != "" {
			score[v.ShotKey] = v.ShotScore
		}
		for track, t := range v.Tracks {
			tracks[track] = nil
			if at, ok := from[t.Camera]; !ok || v.Start.Before(at) {
				from[t.Camera] = v.Start
			}
		}
	}
	for camera, at := range from {
		if err := b.log.collect(ctx, camera, at.Add(-clockSlack), tracks); err != nil {
			return nil, err
		}
	}
	for _, sightings := range tracks {
		for _, s := range sightings {
			if s.Shot != nil && s.Shot.Key != "" && s.Decision.Outcome != vision.Known {
				score[s.Shot.Key] = max(score[s.Shot.Key], s.Shot.Quality.Score)
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(score), func(a, b string) int { return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(a, b)) })
	return keys[:min(len(keys), mostShots)], nil
}

// tell keeps what was said of the visit's alert, and tells the desk.
func (b strangerBook) tell(ctx context.Context, v alerts.Visit, said naming) error {
	err := b.list.amend(ctx, v.Alert.ID, func(r review) review {
		before := v.Alert
		if r.Named != nil && !r.Named.Undone { // named anew: what was before that counts
			before = r.Named.Before
		}
		said.Before = before
		r.Named, r.Review.Naming = &said, &said.Naming
		return r
	})
	if err != nil || len(v.Tracks) == 0 || v.Wrong() {
		return err
	}
	track := slices.MaxFunc(slices.Collect(maps.Keys(v.Tracks)), func(a, b string) int {
		return cmp.Or(v.Tracks[a].Seen.Compare(v.Tracks[b].Seen), cmp.Compare(a, b))
	})
	return b.log.sightings.Publish(ctx, vision.Sighting{
		Camera: v.Tracks[track].Camera, Track: track, Stage: "named-" + strconv.FormatInt(said.At.UnixMilli(), 10),
		Decision: vision.Decision{
			Outcome: vision.Known, Person: said.Person, Nearest: said.Person, Score: 1, Margin: 1, Gate: gateNamed, Reason: said.By + " said so",
		},
		Start: v.Tracks[track].Seen, Seen: v.Seen, Ended: v.Tracks[track].Ended,
	})
}

// Undo implements web.Strangers.
func (b strangerBook) Undo(ctx context.Context, alert, _ string) (web.AlertView, error) {
	if _, err := b.list.visit(ctx, alert); err != nil {
		return web.AlertView{}, err
	}
	all, err := b.list.said(ctx)
	if err != nil {
		return web.AlertView{}, err
	}
	named := all[alert].Named
	if named == nil || named.Undone {
		return web.AlertView{}, web.Refused{Reason: "nobody has said who it is"}
	}
	err = b.people.RemovePhotos(ctx, named.Person, named.Photos)
	if err != nil && !errors.Is(err, people.ErrNotFound) { // whoever was erased meanwhile has no photo
		return web.AlertView{}, asRefusal(err)
	}
	for id, r := range all {
		if r.Named == nil || r.Named.Act != named.Act || !r.Named.At.Equal(named.At) {
			continue
		}
		err := b.list.amend(ctx, id, func(r review) review {
			if r.Named != nil {
				undone := *r.Named
				undone.Undone = true
				r.Named, r.Review.Naming = &undone, nil
			}
			return r
		})
		if err != nil {
			return web.AlertView{}, err
		}
	}
	return b.list.Get(ctx, alert)
}
