package app

import (
	"context"
	"slices"
	"strings"
	"time"

	alertsjs "vigil/alerts/jetstream"
	"vigil/clips/retention"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
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
	list, err := a.openAlertList(ctx)
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
	kept, err := bus.OpenKV[[]retention.State](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	sweeper, err := a.openSweeper(ctx)
	if err != nil {
		return err
	}
	tokens, own, err := a.openTokens(ctx)
	if err != nil {
		return err
	}
	configuration, err := a.cfg.JSON()
	if err != nil {
		return err
	}
	decisions := decisionLog{visits: list.visits, sightings: alertsjs.Sightings(a.bus)}
	a.routes.Handle("/", web.New(web.Config{
		Cameras: shownCameras{cameraList{states}, a.cfg.Cameras, a.bus},
		Alerts:  list, Explain: decisions, Strangers: strangerBook{list, decisions, people, time.Now}, Search: faceSearch{list, people.Photos, a.bus},
		Dead: deadLetters{a.bus, ledger}, Webhooks: hooks, Keeps: keeps{kept, sweeper},
		People: people, Media: a.store, Links: a.links, Tokens: tokens, Fixed: own, Settings: configuration,
		Checks: append(a.checks, visionCheck(settings), overloadCheck(watched), webhookCheck(hooks), retentionCheck(kept)), Version: a.version,
		Metrics: newMetrics(a.version, cameraList{states}, watched, kept, newHookMetrics(hooks)),
		Secure:  a.cfg.HTTP.TLSCert != "" || strings.HasPrefix(a.cfg.HTTP.PublicURL, "https://"), Log: a.log,
	}).Handler())
	return nil
}

// openAlertList opens what is kept of alerts.
func (a *App) openAlertList(ctx context.Context) (alertList, error) {
	visits, err := alertsjs.OpenStore(ctx, a.bus)
	if err != nil {
		return alertList{}, err
	}
	reviews, err := bus.OpenKV[review](ctx, a.bus, bus.Reviews)
	return alertList{visits: visits, reviews: reviews, events: alertsjs.Events(a.bus), links: a.links, media: a.store}, err
}

// openTokens opens the tokens that were made, and makes those of this process: the admin's of the first start, and one for
// commands on this machine.
func (a *App) openTokens(ctx context.Context) (made tokenList, own []web.KeptToken, err error) {
	if made.kv, err = bus.OpenKV[web.KeptToken](ctx, a.bus, bus.Tokens); err != nil {
		return made, nil, err
	}
	local, localHash := web.NewToken()
	if err := a.leaveAccess(local); err != nil {
		return made, nil, err
	}
	admin, err := a.adminHash(ctx)
	return made, []web.KeptToken{fixed(adminToken, "admin", admin), fixed(localToken, "command line", localHash)}, err
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

// Cameras lists the states by camera. A state that nobody renews is not believed.
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

// shownCameras tells the console of cameras, and where they come from.
type shownCameras struct {
	states     cameraList
	configured []config.Camera
	bus        *bus.Conn
}

// Cameras implements web.Cameras.
func (c shownCameras) Cameras(ctx context.Context) ([]web.CameraView, error) {
	states, err := c.states.Cameras(ctx)
	if err != nil {
		return nil, err
	}
	var views []web.CameraView
	for _, s := range states {
		view := web.CameraView{CameraState: s, From: web.FromPublisher}
		if slices.ContainsFunc(c.configured, func(o config.Camera) bool { return o.ID == string(s.Camera) }) {
			view.From = web.FromConfiguration
		}
		views = append(views, view)
	}
	return views, nil
}
