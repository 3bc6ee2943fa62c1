package main

import (
	"encoding/json"
	"fmt"
	"io"

	"vigil/internal/app"
	"vigil/internal/config"
)

type configCommand struct {
	Check  configCheck  `cmd:"" help:"Check the configuration without starting anything."`
	Print  configPrint  `cmd:"" help:"Print the configuration with defaults and environment, without secrets."`
	Schema configSchema `cmd:"" help:"Print the JSON Schema of the configuration."`
}

// load reads the configuration and says what in the environment was not understood.
func (g *Globals) load() (config.Config, error) {
	cfg, warnings, err := config.Load(g.ConfigFile, g.environ)
	for _, warning := range warnings {
		_, _ = fmt.Fprintf(g.err, "vigil: warning: %s; it is ignored\n", warning)
	}
	return cfg, err
}

type configCheck struct{}

func (configCheck) Run(g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if err := app.Check(cfg); err != nil && g.ConfigFile != "" {
		return fmt.Errorf("configuration %s: %w", g.ConfigFile, err)
	} else if err != nil {
		return err
	}
	if g.JSON {
		return g.print(map[string]any{"ok": true})
	}
	g.say("the configuration is good\n")
	return nil
}

type configPrint struct{}

func (configPrint) Run(g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	if !g.JSON {
		return cfg.Print(g.out)
	}
	text, err := cfg.JSON()
	if err != nil {
		return err
	}
	return g.print(json.RawMessage(text))
}

type configSchema struct{}

func (configSchema) Run(g *Globals) error {
	e := encoder(g.out)
	e.SetIndent("", "  ")
	return e.Encode(config.Schema())
}

// print writes one JSON document on one line.
func (g *Globals) print(v any) error {
	return encoder(g.out).Encode(v)
}

// encoder writes JSON in which the & of a link stays one, to be copied.
func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}
