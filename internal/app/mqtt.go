package app

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	alertsjs "vigil/alerts/jetstream"
	"vigil/alerts/mqtt"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
)

// forgetCamera is after which silence a camera that only the bus knows is none any more.
const forgetCamera = 7 * 24 * time.Hour

// broker is the configured MQTT broker.
func broker(cfg config.MQTT, version string) (mqtt.Config, error) {
	password := cfg.Password.Reveal()
	if cfg.PasswordFile != "" {
		text, err := os.ReadFile(cfg.PasswordFile)
		if err != nil {
			return mqtt.Config{}, fmt.Errorf("mqtt.password_file: %w", err)
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	c := mqtt.Config{
		URL: cfg.URL, Username: cfg.Username, Password: mqtt.Secret(password), Prefix: cfg.Prefix, Discovery: cfg.Discovery,
		CAFile: cfg.CAFile, Version: version,
	}
	return c, c.Validate()
}

// openMQTT gets ready what takes events to the broker.
func (a *App) openMQTT(ctx context.Context, ledger *alertsjs.Ledger) error {
	if a.cfg.MQTT.URL == "" {
		return nil
	}
	cfg, err := broker(a.cfg.MQTT, a.version)
	if err != nil {
		return err
	}
	states, err := bus.OpenKV[frames.CameraState](ctx, a.bus, bus.Cameras)
	if err != nil {
		return err
	}
	visits, err := alertsjs.OpenStore(ctx, a.bus)
	if err != nil {
		return err
	}
	bridge := &mqtt.Bridge{
		Config: cfg, Events: alertsjs.NewInOrder(a.bus, ledger, mqtt.Endpoint, a.log), Visits: visits, Links: a.links, Log: a.log,
		Cameras: func(ctx context.Context) ([]frames.CameraState, error) {
			all, err := cameraList{states}.Cameras(ctx)
			return slices.DeleteFunc(all, func(s frames.CameraState) bool { return !a.exists(s) }), err
		},
	}
	a.task("mqtt", a.leased("mqtt", bridge.Run))
	return nil
}

// exists says whether a camera that the bus knows still is one: the configuration decides where this process has it, and
// elsewhere whether anything was heard of it.
func (a *App) exists(s frames.CameraState) bool {
	if a.has(Ingest) && len(a.live.Load().Cameras) > 0 {
		return a.configured(s.Camera)
	}
	return time.Since(s.Updated) < forgetCamera
}

// receivers are the endpoints of events: those of webhooks, and the broker.
func receivers(cfg config.Config) []config.Endpoint {
	if cfg.MQTT.URL == "" {
		return cfg.Endpoints
	}
	return append(slices.Clone(cfg.Endpoints), config.Endpoint{ID: mqtt.Endpoint, URL: cfg.MQTT.URL})
}
