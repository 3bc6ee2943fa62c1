package app

import (
	"context"
	"crypto/ed25519"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	alertsjs "vigil/alerts/jetstream"
	"vigil/clips"
	"vigil/clips/retention"
	"vigil/frames"
	"vigil/internal/audit"
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
	parts, err := a.openParts(ctx)
	if err != nil {
		return err
	}
	tokens, own, err := a.openTokens(ctx)
	if err != nil {
		return err
	}
	key, err := a.clipKey(ctx)
	if err != nil {
		return err
	}
	configuration, err := a.cfg.JSON()
	if err != nil {
		return err
	}
	decisions := decisionLog{visits: parts.list.visits, sightings: alertsjs.Sightings(a.bus)}
	people := parts.people
	faces := &faceBook{now: time.Now}
	a.task("faces", func(ctx context.Context) error {
		faces.follow(ctx, a.bus, a.log)
		return nil
	})
	a.routes.Handle("/", web.New(web.Config{
		Cameras: shownCameras{cameraList{parts.states}, a, a.bus, faces}, Drill: a.drill,
		Alerts: parts.list, Explain: decisions, Rules: ruleList{parts.rules},
		Strangers: strangerBook{parts.list, decisions, people, time.Now}, Search: faceSearch{parts.list, people.Photos, a.bus},
		Dead: deadLetters{a.bus, parts.ledger}, Webhooks: parts.hooks, Keeps: keeps{parts.kept, parts.sweeper},
		People: people, Media: a.store, Links: a.links, ClipKey: clips.PublicKey(key.Public().(ed25519.PublicKey)),
		Tokens: tokens, Fixed: own, Audit: parts.log, Settings: configuration, Version: a.version,
		Checks: parts.checks(a.checks), Metrics: newMetrics(a.version, cameraList{parts.states}, parts.watched, parts.kept, parts.metrics(a)...),
		Secure: a.cfg.HTTP.TLSCert != "" || strings.HasPrefix(a.cfg.HTTP.PublicURL, "https://"), Log: a.log,
	}).Handler())
	return nil
}

// consoleParts are what the console shows, as the roles keep it on the bus.
type consoleParts struct {
	states   *bus.KV[frames.CameraState]
	watched  *bus.KV[vision.State]
	model    *bus.KV[visionState]
	process  *bus.KV[child.Status]
	kept     *bus.KV[[]retention.State]
	rules    *bus.KV[[]web.RuleView]
	reloaded *bus.KV[reloadState]

	list    alertList
	people  directory
	ledger  *alertsjs.Ledger
	hooks   webhooks
	sweeper *retention.Sweeper
	latency *latencyMetrics
	log     *audit.Log
}

func (a *App) openParts(ctx context.Context) (p consoleParts, err error) {
	for _, err := range []error{
		openInto(ctx, a.bus, bus.Cameras, &p.states), openInto(ctx, a.bus, bus.Watching, &p.watched),
		openInto(ctx, a.bus, bus.Settings, &p.model), openInto(ctx, a.bus, bus.Settings, &p.process),
		openInto(ctx, a.bus, bus.Settings, &p.kept), openInto(ctx, a.bus, bus.Settings, &p.rules),
		openInto(ctx, a.bus, bus.Settings, &p.reloaded),
	} {
		if err != nil {
			return p, err
		}
	}
	if p.list, err = a.openAlertList(ctx); err != nil {
		return p, err
	}
	if p.people, err = a.openDirectory(ctx); err != nil {
		return p, err
	}
	if p.ledger, err = alertsjs.OpenLedger(ctx, a.bus); err != nil {
		return p, err
	}
	p.hooks = webhooks{a.bus, p.ledger, func() []config.Endpoint { return receivers(*a.live.Load()) }, a.links}
	if p.sweeper, err = a.openSweeper(ctx); err != nil {
		return p, err
	}
	if p.latency, err = newLatencyMetrics(ctx, a.bus); err != nil {
		return p, err
	}
	p.log, err = audit.Open(ctx, a.bus)
	return p, err
}

func openInto[T any](ctx context.Context, c *bus.Conn, bucket string, kv **bus.KV[T]) (err error) {
	*kv, err = bus.OpenKV[T](ctx, c, bucket)
	return err
}

// checks are those of the process, and of what the roles tell.
func (p consoleParts) checks(own []web.Check) []web.Check {
	return append(own, visionCheck(p.model), childCheck(p.process), overloadCheck(p.watched), cameraCheck(cameraList{p.states}),
		webhookCheck(p.hooks), retentionCheck(p.kept), reloadCheck(p.reloaded))
}

// metrics are those beside the cameras' and the program's.
func (p consoleParts) metrics(a *App) []prometheus.Collector {
	return append(a.child.collectors(), newHookMetrics(p.hooks), newStorageMetrics(a.storage), newChildMetrics(p.process), p.latency,
		newReloadMetrics(p.reloaded), newRuleMetrics(ruleList{p.rules}))
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
