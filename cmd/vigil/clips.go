package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

type clipsCommand struct {
	Get clipsGet `cmd:"" help:"Write an alert's clip to a file."`
}

type clipsGet struct {
	remote
	ID     string `arg:"" help:"The alert's id."`
	Output string `short:"o" type:"path" placeholder:"FILE" help:"Where to; - is standard output. Default: <id>.mp4 here."`
}

func (c clipsGet) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	view, err := asked.Alert(ctx, c.ID)
	if err != nil {
		return err
	}
	if view.Clip == nil {
		return fmt.Errorf("alert %s has no clip yet", c.ID)
	}
	if view.ClipDeleted {
		return fmt.Errorf("the clip of alert %s was deleted: it was older than clips are kept", c.ID)
	}
	if c.Output == "-" {
		return asked.Media(ctx, view.Clip.Key, g.out)
	}
	if c.Output == "" {
		c.Output = c.ID + ".mp4"
	}
	if err := writeWhole(c.Output, func(w io.Writer) error { return asked.Media(ctx, view.Clip.Key, w) }); err != nil {
		return fmt.Errorf("clip of %s: %w", c.ID, err)
	}
	if g.JSON {
		return g.print(map[string]any{"file": c.Output, "clip": view.Clip})
	}
	g.say("%s\n", c.Output)
	return nil
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".vigil-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if err := errors.Join(write(file), file.Chmod(0o644), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
