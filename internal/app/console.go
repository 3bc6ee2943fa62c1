package app

import (
	"cmp"
	"context"
	"errors"
	"iter"
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

// openConsole gets the API and the page ready.
func (a *App) openConsole(ctx context.Context) error {
	if !a.has(Console) {
		return nil
	}
	states, err := bus.OpenKV[frames.CameraState](ctx, a.bus, bus.Cameras)
	if err != nil {
		return err
	}
	visits, err := alertsjs.OpenStore(ctx, a.bus)
	if err != nil {
		return err
	}
	people, err := a.openDirectory(ctx)
	if err != nil {
		return err
	}
	settings, err := bus.OpenKV[visionState](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	watched, err := bus.OpenKV[vision.State](ctx, a.bus, bus.Watching)
	if err != nil {
		return err
	}
	ledger, err := alertsjs.OpenLedger(ctx, a.bus)
	if err != nil {
		return err
	}
	hooks := webhooks{a.bus, ledger, a.cfg.Endpoints, a.links}
	local, localHash := web.NewToken()
	if err := a.leaveAccess(local); err != nil {
		return err
	}
	admin, err := a.adminHash(ctx)
	if err != nil {
		return err
	}
	a.routes.Handle("/", web.New(web.Config{
		Cameras: cameraList{states},
		Alerts:  alertList{visits: visits, events: alertsjs.Events(a.bus), links: a.links},
		Explain: decisionLog{visits: visits, sightings: alertsjs.Sightings(a.bus)},
		Dead:    deadLetters{a.bus, ledger}, Webhooks: hooks,
		People: people, Media: a.store, Links: a.links, Tokens: []web.TokenHash{admin, localHash},
		Checks: append(a.checks, visionCheck(settings), overloadCheck(watched), webhookCheck(hooks)), Version: a.version,
		Metrics: newMetrics(a.version, cameraList{states}, watched, newHookMetrics(hooks)),
		Secure:  a.cfg.HTTP.TLSCert != "" || strings.HasPrefix(a.cfg.HTTP.PublicURL, "https://"), Log: a.log,
	}).Handler())
	return nil
}

// adminHash makes the admin token at the first start. Only its hash is kept, on the bus.
func (a *App) adminHash(ctx context.Context) (web.TokenHash, error) {
	settings, err := bus.OpenKV[web.TokenHash](ctx, a.bus, bus.Settings)
	if err != nil {
		return web.TokenHash{}, err
	}
	token, fresh := web.NewToken()
	hash, made, err := createOrGet(ctx, settings, adminTokenSetting, fresh)
	if made {
		a.adminToken = token
	}
	return hash, err
}

// cameraList shows the cameras bucket to the console.
type cameraList struct {
	kv *bus.KV[frames.CameraState]
}

// Cameras implements web.Cameras. A state that nobody renews is not believed.
func (c cameraList) Cameras(ctx context.Context) ([]frames.CameraState, error) {
	entries, err := c.kv.List(ctx)
	if err != nil {
		return nil, err
	}
	var states []frames.CameraState
	for _, entry := range entries {
		states = append(states, entry.Value.At(time.Now()))
	}
	return states, nil
}

// alertList shows visits and events to the console.
type alertList struct {
	visits *alertsjs.Store
	events *bus.Topic[alerts.Event]
	links  *web.Links
}

// List implements web.Alerts. An alert's id begins with its time, so the order of ids is the order of time.
func (l alertList) List(ctx context.Context, before string, limit int) ([]web.AlertView, error) {
	visits, err := l.visits.List(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(visits, func(a, b alerts.Visit) int { return cmp.Compare(b.Alert.ID, a.Alert.ID) })
	var views []web.AlertView
	for _, v := range visits {
		if len(views) < limit && (before == "" || v.Alert.ID < before) {
			views = append(views, l.view(v))
		}
	}
	return views, nil
}

// Get implements web.Alerts.
func (l alertList) Get(ctx context.Context, id string) (web.AlertView, error) {
	visit, err := l.visits.Get(ctx, id)
	if errors.Is(err, alerts.ErrNotFound) {
		return web.AlertView{}, web.ErrNotFound
	}
	return l.view(visit), err
}

// Events implements web.Alerts.
func (l alertList) Events(ctx context.Context, from time.Time) iter.Seq2[alerts.Event, error] {
	if from.IsZero() {
		from = time.Now()
	}
	return l.events.Tail(ctx, bus.TailOptions{From: from, Follow: true})
}

// view makes the links, which are not kept since they expire.
func (l alertList) view(v alerts.Visit) web.AlertView {
	view := web.AlertView{Alert: v.Alert}
	view.Alert.BestShotURL = l.links.Shot(v.ShotKey)
	view.Alert.ConsoleURL = l.links.Console(v.Alert.ID)
	if v.Clip != nil {
		clip := *v.Clip
		clip.URL = l.links.Clip(clip.Key)
		view.Clip = &clip
	}
	return view
}
