package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/lease"
)

// openAlerts gets the desk and a sender for each endpoint ready.
func (a *App) openAlerts(ctx context.Context) error {
	if !a.has(Alerts) {
		return nil
	}
	desk := &alerts.Desk{
		Evaluator: alerts.Evaluator{
			Rules: []alerts.Rule{alerts.Strangers()}, VisitGap: a.cfg.Alerts.VisitGap, Links: a.links,
			PreRoll: a.cfg.Clips.PreRoll, PostRoll: a.cfg.Clips.PostRoll,
		},
		Now: time.Now, Log: a.log,
	}
	ledger, err := alertsjs.OpenLedger(ctx, a.bus)
	if err != nil {
		return err
	}
	for i, e := range a.cfg.Endpoints {
		sender, err := webhook.New(endpoint(e), ledger, a.log)
		if err != nil {
			return fmt.Errorf("endpoints[%d]: %w", i, err)
		}
		a.onClose(func() error { sender.Close(); return nil })
		desk.Endpoints = append(desk.Endpoints, e.ID)
		a.task("webhooks of "+e.ID, func(ctx context.Context) error { return alertsjs.Deliver(ctx, a.bus, sender) })
	}
	if len(a.cfg.Endpoints) == 0 {
		a.log.Warn("no endpoint is configured: alerts are shown in the console and sent nowhere")
	}
	if err := alertsjs.Connect(ctx, a.bus, desk); err != nil {
		return err
	}
	a.task("alerts", a.leased("alerts", desk.Run))
	return a.openWatch(ctx, desk)
}

// openWatch gets ready what tells of cameras, by the desk's ways.
func (a *App) openWatch(ctx context.Context, desk *alerts.Desk) error {
	states, err := bus.OpenKV[frames.CameraState](ctx, a.bus, bus.Cameras)
	if err != nil {
		return err
	}
	told, err := alertsjs.OpenTold(ctx, a.bus)
	if err != nil {
		return err
	}
	watch := &alerts.Watch{
		Cameras: cameraList{states}.Cameras, Told: told, Outbox: desk.Outbox, Endpoints: desk.Endpoints,
		Now: time.Now, Log: a.log,
	}
	a.task("cameras", a.leased("cameras", watch.Run))
	return nil
}

// leased makes sure that one process at a time does the work; the others stand by. The embedded bus has one process,
// and waiting for the lease of the one that was killed before it would only lose time.
func (a *App) leased(work string, run func(ctx context.Context) error) func(context.Context) error {
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
