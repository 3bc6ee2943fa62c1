package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"

	"github.com/schollz/progressbar/v3"

	"vigil/models"
)

type modelsCommand struct {
	List   modelsList   `cmd:"" help:"List the networks that are known, and which are there."`
	Fetch  modelsFetch  `cmd:"" help:"Download networks and check their digests."`
	Verify modelsVerify `cmd:"" help:"Check the digest of every network that is there."`
}

// modelsDir is the flag of every models command.
type modelsDir struct {
	Dir string `type:"path" placeholder:"DIR" help:"Folder of the networks. Default: the configuration's."`
}

func (d modelsDir) manifest(g *Globals) (*models.Manifest, error) {
	if d.Dir == "" {
		cfg, err := g.load()
		if err != nil {
			return nil, err
		}
		d.Dir = cfg.ModelsDir()
	}
	return models.Load(d.Dir)
}

func (g *Globals) printModels(states []models.Status) error {
	var rows []string
	for _, s := range states {
		if g.JSON {
			if err := g.print(s); err != nil {
				return err
			}
			continue
		}
		use := "optional"
		if s.Model.Default {
			use = "default"
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", s.Model.Name, s.Model.Role, use, s.State, s.Model.Licence, s.Model.File))
	}
	if g.JSON {
		return nil
	}
	return g.table("MODEL\tROLE\tUSE\tSTATE\tLICENCE\tFILE", rows)
}

type modelsList struct{ modelsDir }

func (c modelsList) Run(g *Globals) error {
	manifest, err := c.manifest(g)
	if err != nil {
		return err
	}
	return g.printModels(manifest.List())
}

type modelsVerify struct{ modelsDir }

// Run fails when a file that is there is not what the manifest says; one that is missing is told, but is no failure.
func (c modelsVerify) Run(g *Globals) error {
	manifest, err := c.manifest(g)
	if err != nil {
		return err
	}
	states := manifest.Verify()
	if err := g.printModels(states); err != nil {
		return err
	}
	var errs []error
	for _, s := range states {
		if s.State != models.OK && s.State != models.Missing {
			errs = append(errs, errors.New(s.Error))
		}
	}
	return errors.Join(errs...)
}

type modelsFetch struct {
	modelsDir
	Names []string `arg:"" optional:"" help:"Which. Default: the ones marked so."`
}

func (c modelsFetch) Run(ctx context.Context, g *Globals) error {
	manifest, err := c.manifest(g)
	if err != nil {
		return err
	}
	progress := models.Progress(nil)
	if !g.JSON && isTerminal(g.err) {
		progress = bars()
	}
	if err := manifest.Fetch(ctx, http.DefaultClient, c.Names, progress); err != nil {
		return err
	}
	return g.printModels(manifest.Verify())
}

// bars shows one progress bar a file.
func bars() models.Progress {
	var bar *progressbar.ProgressBar
	var current string
	return func(m models.Model, done, total int64) {
		if current != m.Name {
			current, bar = m.Name, progressbar.DefaultBytes(total, m.File)
		}
		_ = bar.Set64(done)
	}
}

// isTerminal says whether w is a terminal, where a progress bar makes sense.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	stat, err := file.Stat()
	return err == nil && stat.Mode()&os.ModeCharDevice != 0
}
