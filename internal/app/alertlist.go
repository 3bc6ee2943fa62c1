package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/clips"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

const (
	// lookers is how many alerts of a page are looked up in the store at once, and lookTime how long all of them may take:
	// a store that is away must not keep alerts from being listed.
	lookers  = 16
	lookTime = 2 * time.Second
)

// alertList shows visits, events and what people say of them to the console.
type alertList struct {
	visits  *alertsjs.Store
	reviews *bus.KV[review]
	events  *bus.Topic[alerts.Event]
	links   *web.Links
	media   clips.Store
}

// List implements web.Alerts. An alert's id begins with its time, so the order of ids is the order of time.
func (l alertList) List(ctx context.Context, q web.AlertQuery) (web.AlertPage, error) {
	visits, err := l.visits.List(ctx)
	if err != nil {
		return web.AlertPage{}, err
	}
	said, err := l.said(ctx)
	if err != nil {
		return web.AlertPage{}, err
	}
	slices.SortFunc(visits, func(a, b alerts.Visit) int { return cmp.Compare(b.Alert.ID, a.Alert.ID) })
	visits = slices.DeleteFunc(visits, func(v alerts.Visit) bool { return !asked(q, said[v.Alert.ID].shown(v), said[v.Alert.ID].Review) })
	page := web.AlertPage{Alerts: l.views(ctx, visits[:min(q.Limit, len(visits))], said)}
	if len(visits) > q.Limit {
		page.Next = page.Alerts[q.Limit-1].Alert.ID
	}
	return page, nil
}

// asked says whether the alert is one of those of the query.
func asked(q web.AlertQuery, a alerts.Alert, r web.Review) bool {
	switch {
	case q.Before != "" && a.ID >= q.Before,
		a.OpenedAt.Before(q.From),
		!q.To.IsZero() && !a.OpenedAt.Before(q.To),
		len(q.Cameras) > 0 && !slices.Contains(q.Cameras, a.Camera),
		q.Stranger != "" && a.Stranger != q.Stranger,
		q.State != "" && q.State != cmp.Or(r.State, web.ReviewNew):
		return false
	case q.Person != "":
		return a.Decision == vision.Known && a.Nearest != nil && a.Nearest.Person == q.Person
	}
	return true
}

// Get implements web.Alerts.
func (l alertList) Get(ctx context.Context, id string) (web.AlertView, error) {
	visit, err := l.visit(ctx, id)
	if err != nil {
		return web.AlertView{}, err
	}
	said, err := l.reviews.Get(ctx, id)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return web.AlertView{}, err
	}
	return l.views(ctx, []alerts.Visit{visit}, map[string]review{id: said.Value})[0], nil
}

// visit returns a visit, or web.ErrNotFound.
func (l alertList) visit(ctx context.Context, id string) (alerts.Visit, error) {
	visit, err := l.visits.Get(ctx, id)
	if errors.Is(err, alerts.ErrNotFound) {
		return visit, web.ErrNotFound
	}
	return visit, err
}

// views makes the views of a page.
func (l alertList) views(ctx context.Context, visits []alerts.Visit, said map[string]review) []web.AlertView {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	views := make([]web.AlertView, len(visits))
	var group errgroup.Group
	group.SetLimit(lookers)
	for i, v := range visits {
		group.Go(func() error { views[i] = l.view(ctx, v, said[v.Alert.ID]); return nil })
	}
	_ = group.Wait() // nothing fails
	return views
}

// view makes the links, which are not kept since they expire. What was deleted since gets none.
func (l alertList) view(ctx context.Context, v alerts.Visit, said review) web.AlertView {
	view := web.AlertView{Alert: said.shown(v), Review: said.Review}
	if !l.deleted(ctx, v, v.ShotKey) {
		view.Alert.BestShotURL = l.links.Shot(v.ShotKey)
	}
	view.Alert.ConsoleURL = l.links.Console(v.Alert.ID)
	view.Clips = v.Clips()
	for i := range view.Clips {
		clip := &view.Clips[i]
		clip.Piece = max(1, clip.Piece) // one that was made before there were pieces is the first
		deleted := l.deleted(ctx, v, clip.Key)
		if !deleted {
			clip.URL = l.links.Clip(clip.Key)
		}
		if clip.Piece == 1 {
			view.Clip, view.ClipDeleted = clip, deleted
		}
	}
	if view.Clips == nil {
		view.Clips = []alerts.Clip{}
	}
	return view
}

// deleted says that an object of the visit is not there any more. Nothing is deleted while links of events open, so young
// alerts are not looked at; and what the store does not tell in time is taken for there.
func (l alertList) deleted(ctx context.Context, v alerts.Visit, key string) bool {
	if key == "" || time.Since(v.Start) < web.LinkLife {
		return false
	}
	_, err := l.media.Stat(ctx, key)
	return errors.Is(err, clips.ErrNotFound)
}
