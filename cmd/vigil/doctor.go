package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vigil/internal/app"
	"vigil/internal/config"
	"vigil/internal/doctor"
)

type doctorCommand struct{}

// Run looks at everything and fails when there is a problem. Findings are printed as they come.
func (doctorCommand) Run(ctx context.Context, g *Globals) error {
	cfg, warnings, err := config.Load(g.ConfigFile, g.environ)
	if err != nil {
		// What else is wrong depends on it.
		lines := strings.Join(strings.Fields(strings.ReplaceAll(err.Error(), "\n", "; ")), " ")
		if err := g.find(doctor.Finding{Check: "config", Level: doctor.Problem, Text: lines, Do: "mend it, then look again; see `vigil config schema`"}); err != nil {
			return err
		}
		return errors.New("1 problem: the configuration cannot be used")
	}
	checks, err := app.Diagnosis(ctx, cfg, g.ConfigFile, warnings)
	if err != nil {
		return err
	}
	count := map[doctor.Level]int{}
	for finding := range doctor.Run(ctx, checks) {
		count[finding.Level]++
		if err := g.find(finding); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if n := count[doctor.Problem]; n > 0 {
		return fmt.Errorf("%d problem(s), %d warning(s)", n, count[doctor.Warning])
	}
	if !g.JSON {
		g.say("no problem, %d warning(s)\n", count[doctor.Warning])
	}
	return nil
}

// find prints a finding on a line.
func (g *Globals) find(f doctor.Finding) error {
	if g.JSON {
		return g.print(f)
	}
	do := ""
	if f.Do != "" {
		do = " -> " + f.Do
	}
	g.say("%-8s %-10s %s%s\n", f.Level, f.Check, f.Text, do)
	return nil
}
