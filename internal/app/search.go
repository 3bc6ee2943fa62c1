package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/internal/bus"
	"vigil/internal/people"
	"vigil/internal/web"
)

const (
	// compareSubject is where the vision role compares faces for the console.
	compareSubject = "vigil.rpc.compare"
	// mostCompared is how many alerts are searched, the latest, and compareTime how long that may take: some 30 ms each.
	mostCompared = 300
	compareTime  = time.Minute
	// searchFolder is where the photo lies meanwhile; its like is deleted by age, should this process die before.
	searchFolder = "/search/"
)

// faceSearch finds faces in the pictures that are kept.
type faceSearch struct {
	list   alertList
	photos people.Photos
	bus    *bus.Conn
}

// Similar implements web.Search.
func (f faceSearch) Similar(ctx context.Context, alert string) (web.SearchResult, error) {
	visit, err := f.list.visit(ctx, alert)
	if err != nil {
		return web.SearchResult{}, err
	}
	if visit.ShotKey == "" {
		return web.SearchResult{}, web.Refused{Reason: "the alert has no picture"}
	}
	return f.compare(ctx, visit.ShotKey, web.AlertQuery{Limit: 20}, alert)
}

// Search implements web.Search.
func (f faceSearch) Search(ctx context.Context, photo web.Photo, q web.AlertQuery) (web.SearchResult, error) {
	sum := sha256.Sum256(photo.Data)
	key := "shots/" + time.Now().UTC().Format("2006/01/02") + searchFolder + hex.EncodeToString(sum[:]) + ".jpg"
	if err := f.photos.Put(ctx, key, photo.Data); err != nil {
		return web.SearchResult{}, err
	}
	found, err := f.compare(ctx, key, q, "")
	return found, errors.Join(err, f.photos.Delete(context.WithoutCancel(ctx), key))
}

// compare asks the vision role about the picture and those of the alerts, without one of them.
func (f faceSearch) compare(ctx context.Context, key string, q web.AlertQuery, without string) (web.SearchResult, error) {
	visits, err := f.searched(ctx, q, without)
	if err != nil {
		return web.SearchResult{}, err
	}
	asked := people.Comparison{Photo: key, Among: []string{}}
	for _, v := range visits {
		asked.Among = append(asked.Among, v.ShotKey)
	}
	ctx, cancel := context.WithTimeout(ctx, compareTime)
	defer cancel()
	answer, err := bus.Request[people.Comparison, people.Compared](ctx, f.bus, compareSubject, asked)
	switch {
	case errors.Is(err, clips.ErrNotFound):
		return web.SearchResult{}, web.Refused{Reason: "the picture is not kept any more"}
	case err != nil:
		return web.SearchResult{}, asRefusal(err)
	case answer.Verdict != "":
		return web.SearchResult{}, web.Refused{Reason: answer.Verdict}
	}
	result := web.SearchResult{Threshold: answer.Threshold, People: answer.People}
	for i, v := range visits {
		if i >= len(answer.Scores) || answer.Scores[i] <= people.NotCompared {
			continue
		}
		result.Searched++
		result.Alerts = append(result.Alerts, web.SimilarView{
			Alert: v.Alert.ID, Camera: v.Alert.Camera, Time: v.Alert.OpenedAt.Time, Stranger: v.Stranger,
			ShotURL: f.list.links.Shot(v.ShotKey), Score: answer.Scores[i], Alike: answer.Scores[i] >= answer.Threshold,
		})
	}
	slices.SortStableFunc(result.Alerts, func(a, b web.SimilarView) int { return cmp.Compare(b.Score, a.Score) })
	result.Alerts = result.Alerts[:min(len(result.Alerts), q.Limit)]
	return result, nil
}

// searched are the latest visits of the query that have a picture.
func (f faceSearch) searched(ctx context.Context, q web.AlertQuery, without string) ([]alerts.Visit, error) {
	visits, err := f.list.visits.List(ctx)
	if err != nil {
		return nil, err
	}
	said, err := f.list.said(ctx)
	if err != nil {
		return nil, err
	}
	visits = slices.DeleteFunc(visits, func(v alerts.Visit) bool {
		return v.ShotKey == "" || v.Alert.ID == without || !asked(q, said[v.Alert.ID].shown(v), said[v.Alert.ID].Review)
	})
	slices.SortFunc(visits, func(a, b alerts.Visit) int { return cmp.Compare(b.Alert.ID, a.Alert.ID) })
	return visits[:min(len(visits), mostCompared)], nil
}
