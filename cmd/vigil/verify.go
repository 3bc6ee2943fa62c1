package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigil/alerts"
	"vigil/clips"
	"vigil/internal/client"
)

type clipsKey struct{ remote }

// Run prints the key alone, for --key.
func (c clipsKey) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	key, err := asked.ClipKey(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(map[string]string{"key": key})
	}
	g.say("%s\n", key)
	return nil
}

type clipsVerify struct {
	remote
	What   string `arg:"" help:"The clip's file, or the id of an alert of the running Vigil."`
	Record string `arg:"" optional:"" help:"The record's file. Default: that of the clip's name with .json."`
	Key    string `placeholder:"KEY" help:"Public key that must have signed the record, as vigil clips key prints it. Default with an id: the running Vigil's."`
	Piece  int    `default:"1" help:"With an id: which clip of a long visit, from 1."`
}

// evidence is what is verified.
type evidence struct {
	record []byte
	video  func(check func(io.Reader) error) error
	key    ed25519.PublicKey // nil: nobody has said which it must be
}

func (c clipsVerify) Run(ctx context.Context, g *Globals) error {
	found, err := c.gather(ctx, g)
	if err != nil {
		return err
	}
	judgement, err := found.judge()
	if err != nil {
		return err
	}
	if g.JSON {
		if err := g.print(judgement); err != nil {
			return err
		}
	} else {
		judgement.say(g)
	}
	if !judgement.Good {
		return fmt.Errorf("%s is not what Vigil recorded, or cannot be proved to be", c.What)
	}
	return nil
}

// gather reads files, or asks the running Vigil.
func (c clipsVerify) gather(ctx context.Context, g *Globals) (e evidence, err error) {
	if c.Key != "" {
		if e.key, err = clips.ParsePublicKey(c.Key); err != nil {
			return e, err
		}
	}
	info, err := os.Stat(c.What)
	if err != nil && alertID(c.What) && c.Record == "" {
		return c.ask(ctx, g, e)
	}
	if err != nil {
		return e, err
	}
	if info.IsDir() {
		return e, fmt.Errorf("%s is a folder: want a clip's file, or the id of an alert", c.What)
	}
	if c.Record == "" {
		c.Record = strings.TrimSuffix(c.What, filepath.Ext(c.What)) + ".json"
	}
	if e.record, err = os.ReadFile(c.Record); err != nil {
		return e, fmt.Errorf("the clip's record: %w", err)
	}
	e.video = func(check func(io.Reader) error) error {
		file, err := os.Open(c.What)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		return check(file)
	}
	return e, nil
}

// alertID says whether the text can be an id rather than a file.
func alertID(text string) bool { return !strings.ContainsAny(text, "./\\") }

// ask fetches clip, record and key from the running Vigil.
func (c clipsVerify) ask(ctx context.Context, g *Globals, e evidence) (evidence, error) {
	asked, err := c.client(g)
	if err != nil {
		return e, err
	}
	view, err := asked.Alert(ctx, c.What)
	if err != nil {
		return e, err
	}
	i := slices.IndexFunc(view.Clips, func(clip alerts.Clip) bool { return clip.Piece == c.Piece })
	if i < 0 {
		return e, fmt.Errorf("alert %s has no clip %d, or not yet", c.What, c.Piece)
	}
	key := view.Clips[i].Key
	var record strings.Builder
	if err := asked.Media(ctx, strings.TrimSuffix(key, ".mp4")+".json", &record); err != nil {
		return e, fmt.Errorf("the clip's record: %w", err)
	}
	e.record = []byte(record.String())
	e.video = func(check func(io.Reader) error) error { return stream(ctx, asked, key, check) }
	if e.key != nil {
		return e, nil
	}
	text, err := asked.ClipKey(ctx)
	if err != nil {
		return e, err
	}
	e.key, err = clips.ParsePublicKey(text)
	return e, err
}

// stream has the object checked while it comes.
func stream(ctx context.Context, asked *client.Client, key string, check func(io.Reader) error) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(asked.Media(ctx, key, w)) }()
	defer func() { _ = r.Close() }()
	return check(r)
}

// judgement says what is right and what is wrong, each in a sentence.
type judgement struct {
	Good   bool        `json:"good"`
	Record string      `json:"record"`
	Key    string      `json:"key"`
	Video  string      `json:"video"`
	Clip   alerts.Clip `json:"clip"`
}

func (v judgement) say(g *Globals) {
	g.say("record  %s\nkey     %s\nvideo   %s\n", v.Record, v.Key, v.Video)
}

// judge returns an error when something could not be looked at.
func (e evidence) judge() (judgement, error) {
	proof, err := clips.Verify(e.record, e.key)
	v := judgement{Good: err == nil, Record: "good: signed, and not changed since", Clip: proof.Clip}
	switch {
	case errors.Is(err, clips.ErrUnsigned) || errors.Is(err, clips.ErrRecordChanged):
		v.Record, v.Key = "BAD: "+err.Error(), "not looked at: the record proves nothing"
	case errors.Is(err, clips.ErrOtherKey):
		v.Key = "BAD: " + err.Error()
	case err != nil:
		return v, err
	case e.key == nil:
		v.Key = "not checked: it is " + proof.Key + "; compare it with `vigil clips key`, or name that with --key"
	default:
		v.Key = "good: " + proof.Key
	}
	switch err := e.video(proof.VerifyVideo); {
	case errors.Is(err, clips.ErrVideoChanged):
		v.Good, v.Video = false, "BAD: "+err.Error()
	case err != nil:
		return v, err
	default:
		c := proof.Clip
		v.Video = fmt.Sprintf("good: the one that the record tells of, from %s to %s", clock(c.Start.Time), clock(c.End.Time))
	}
	return v, nil
}
