package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/lease"
	"vigil/internal/web"
)

// openAlerts gets the desk and a sender for each endpoint ready.
func (a *App) openAlerts(ctx context.Context) error {
	if !a.has(Alerts) {
		return nil
	}
	desk := &alerts.Desk{Evaluator: a.evaluator(a.cfg), Now: time.Now, Log: a.log}
	ledger, err := alertsjs.OpenLedger(ctx, a.bus)
	if err != nil {
		return err
	}
	counted := &latencies{}
	a.task("latency", func(ctx context.Context) error { return counted.tell(ctx, a.bus) })
	hooks := &couriers{app: a, ledger: ledger, crew: &crew{}, first: counted.first}
	start, err := hooks.change(nil, a.cfg.Endpoints)
	if err != nil {
		return err
	}
	start()
	a.onClose(func() error { hooks.close(); return nil })
	a.task("webhooks", hooks.crew.run)
	if err := a.openMQTT(ctx, ledger); err != nil {
		return err
	}
	desk.Endpoints = ids(a.cfg)
	if len(desk.Endpoints) == 0 {
		a.log.Warn("no endpoint is configured: alerts are shown in the console and sent nowhere")
	}
	if err := alertsjs.Connect(ctx, a.bus, desk); err != nil {
		return err
	}
	book, err := bus.OpenKV[[]web.RuleView](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	enrolled, err := a.openPeople(ctx)
	if err != nil {
		return err
	}
	tell := a.tellRules(desk, book, enrolled)
	a.task("alerts", a.leased("alerts", func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return desk.Run(ctx) })
		group.Go(func() error { return tell(ctx) })
		return group.Wait()
	}))
	watch, err := a.openWatch(ctx, desk)
	if err != nil {
		return err
	}
	a.onReload(func(_ context.Context, before, next config.Config) (func(), error) {
		change, err := hooks.change(before.Endpoints, next.Endpoints)
		return func() {
			change()
			desk.Reconfigure(a.evaluator(next), ids(next))
			watch.SetEndpoints(ids(next))
		}, err
	})
	return nil
}

// ids names all that events go to.
func ids(cfg config.Config) (ids []string) {
	for _, e := range receivers(cfg) {
		ids = append(ids, e.ID)
	}
	return ids
}

// openWatch gets ready what tells of cameras, by the desk's ways.
func (a *App) openWatch(ctx context.Context, desk *alerts.Desk) (*alerts.Watch, error) {
	states, err := bus.OpenKV[frames.CameraState](ctx, a.bus, bus.Cameras)
	if err != nil {
		return nil, err
	}
	told, err := alertsjs.OpenTold(ctx, a.bus)
	if err != nil {
		return nil, err
	}
	watch := &alerts.Watch{
		Cameras: cameraList{states}.Cameras, Told: told, Outbox: desk.Outbox, Endpoints: desk.Endpoints,
		Now: time.Now, Log: a.log,
	}
	a.task("cameras", a.leased("cameras", watch.Run))
	return watch, nil
}

// leased makes sure that one process at a time does the work; the others stand by. The embedded bus has one process,
// and waiting for the lease of the one that was killed before it would only lose time.
func (a *App) leased(work string, run func(ctx context.Context) error) func(context.Context) error {
	if a.parent != nil {
		return a.parent.whenTold(run)
	}
	if a.cfg.NATS.URL == "" {
		return run
	}
	return func(ctx context.Context) error {
		kv, err := a.bus.Bucket(ctx, bus.Leases)
		if err != nil {
			return err
		}
		host, err := os.Hostname()
		if err != nil {
			return fmt.Errorf("name of this machine: %w", err)
		}
		member := fmt.Sprintf("%s/%d", host, os.Getpid())
		return lease.Hold(ctx, kv, work, member, a.log, func(ctx context.Context, _ uint64) error { return run(ctx) })
	}
}
