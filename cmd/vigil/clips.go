package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"vigil/alerts"
)

type clipsCommand struct {
	Get    clipsGet    `cmd:"" help:"Write an alert's clip to a file, and its signed record beside it with --record."`
	Verify clipsVerify `cmd:"" help:"Tell whether a clip and its record are what Vigil recorded."`
	Key    clipsKey    `cmd:"" help:"Print the public key that records of clips are signed with."`
}

type clipsGet struct {
	remote
	ID     string `arg:"" help:"The alert's id."`
	Piece  int    `default:"1" help:"Which clip of a long visit, from 1."`
	Record bool   `help:"Write the clip's record too, to the same name with .json."`
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
	i := slices.IndexFunc(view.Clips, func(clip alerts.Clip) bool { return clip.Piece == c.Piece })
	switch {
	case i < 0 && c.Piece > 1:
		return fmt.Errorf("alert %s has no clip %d, or not yet", c.ID, c.Piece)
	case i < 0:
		return fmt.Errorf("alert %s has no clip yet", c.ID)
	case view.Clips[i].URL == "":
		return fmt.Errorf("the clip of alert %s was deleted: it was older than clips are kept", c.ID)
	}
	clip := view.Clips[i]
	if c.Output == "-" {
		return asked.Media(ctx, clip.Key, g.out)
	}
	if c.Output == "" {
		c.Output = path.Base(clip.Key)
	}
	if err := writeWhole(c.Output, func(w io.Writer) error { return asked.Media(ctx, clip.Key, w) }); err != nil {
		return fmt.Errorf("clip of %s: %w", c.ID, err)
	}
	if c.Record {
		record := strings.TrimSuffix(c.Output, filepath.Ext(c.Output)) + ".json"
		if err := writeWhole(record, func(w io.Writer) error { return asked.Media(ctx, strings.TrimSuffix(clip.Key, ".mp4")+".json", w) }); err != nil {
			return fmt.Errorf("record of %s: %w", c.ID, err)
		}
	}
	if g.JSON {
		return g.print(map[string]any{"file": c.Output, "clip": clip})
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
