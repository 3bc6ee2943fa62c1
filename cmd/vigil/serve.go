package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"vigil/internal/app"
)

type serveCommand struct {
	Roles []string `env:"VIGIL_ROLES" placeholder:"ROLE" help:"Run these roles only: ingest, vision, alerts, clips, console."`
}

func (c serveCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	roles, err := app.ParseRoles(c.Roles)
	if err != nil {
		return err
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGHUP)
	defer signal.Stop(asked)
	changes := app.Changes{File: g.ConfigFile, Asked: asked, Load: g.load}
	program, err := app.New(ctx, app.Options{
		Config: cfg, Roles: roles, Version: version, Log: g.log(), Changes: changes, Child: visionProcess(), Drill: drillProcess(g.ConfigFile),
	})
	if interrupted(ctx, err) {
		return nil
	}
	if err != nil {
		return err
	}
	g.greet(program, len(cfg.Cameras) == 0)
	return program.Run(ctx)
}

// greet says where things are. The admin token is shown this once.
func (g *Globals) greet(program *app.App, open bool) {
	at, token := program.Addresses(), program.AdminToken()
	if g.JSON {
		_ = g.print(map[string]any{
			"console": at.Console, "rtsp": at.RTSP, "rtsps": at.RTSPS, "whip": at.WHIP, "store": at.Store, "admin_token": token,
		})
		return
	}
	line := func(name, value string) {
		if value != "" {
			g.say("  %-13s %s\n", name, value)
		}
	}
	camera := "<camera>"
	if open {
		camera = "<any-name>"
	}
	g.say("Vigil is watching.\n")
	if at.RTSP != "" {
		line("RTSP cameras", at.RTSP+"/"+camera)
		if at.RTSPS != "" {
			line("", at.RTSPS+"/"+camera)
		}
		line("WHIP cameras", at.WHIP+"/"+camera)
	}
	line("Console", at.Console)
	line("Store", at.Store)
	if token != "" {
		line("Admin token", token+"   (shown once; keep it)")
	}
	g.say("%s\n", strings.Repeat("-", 60))
}
