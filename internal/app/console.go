package app

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"
	"time"

	alertsjs "vigil/alerts/jetstream"
	"vigil/clips"
	"vigil/clips/retention"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/child"
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
	process, err := bus.OpenKV[child.Status](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	ledger, err := alertsjs.OpenLedger(ctx, a.bus)
	if err != nil {
		return err
	}
	hooks := webhooks{a.bus, ledger, func() []config.Endpoint { return receivers(*a.live.Load()) }, a.links}
	kept, err := bus.OpenKV[[]retention.State](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	rules, err := bus.OpenKV[[]web.RuleView](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	reloaded, err := bus.OpenKV[reloadState](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	sweeper, err := a.openSweeper(ctx)
	if err != nil {
		return err
	}
	latency, err := newLatencyMetrics(ctx, a.bus)
	if err != nil {
		return err
	}
	key, err := a.clipKey(ctx)
	if err != nil {
		return err
	}
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
		Alerts:  alertList{visits: visits, events: alertsjs.Events(a.bus), links: a.links, media: a.store},
		Explain: decisionLog{visits: visits, sightings: alertsjs.Sightings(a.bus)},
		Dead:    deadLetters{a.bus, ledger}, Webhooks: hooks, Keeps: keeps{kept, sweeper}, Rules: ruleList{rules},
		ClipKey: clips.PublicKey(key.Public().(ed25519.PublicKey)),
		People:  people, Media: a.store, Links: a.links, Tokens: []web.TokenHash{admin, localHash},
		Checks: append(a.checks, visionCheck(settings), childCheck(process), overloadCheck(watched), cameraCheck(cameraList{states}),
			webhookCheck(hooks), retentionCheck(kept), reloadCheck(reloaded)), Version: a.version,
		Metrics: newMetrics(a.version, cameraList{states}, watched, kept,
			append(a.child.collectors(), newHookMetrics(hooks), newStorageMetrics(a.storage), newChildMetrics(process), latency,
				newReloadMetrics(reloaded), newRuleMetrics(ruleList{rules}))...),
		Secure: a.cfg.HTTP.TLSCert != "" || strings.HasPrefix(a.cfg.HTTP.PublicURL, "https://"), Log: a.log,
	}).Handler())
	return nil
}

// cameraCheck tells that video does not come. Vigil is ready all the same: nothing that it does would bring it back. It
// names no camera: everybody who reaches the listener may read it.
func cameraCheck(cameras cameraList) web.Check {
	return web.Check{Name: "cameras", Probe: func(ctx context.Context) error {
		states, err := cameras.Cameras(ctx)
		if err != nil {
			return err
		}
		away := 0
		for _, s := range states {
			if !s.Online {
				away++
			}
		}
		if away > 0 {
			return web.Notice(fmt.Sprintf("no video comes from %d of %d cameras: `vigil cameras list` says why", away, len(states)))
		}
		return nil
	}}
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
