package main

import (
	"context"
	"fmt"
	"strings"

	"vigil/frames"
	"vigil/internal/web"
)

type tokensCommand struct {
	Create tokensCreate `cmd:"" help:"Make a token, and print it this once."`
	List   tokensList   `cmd:"" help:"List the tokens that were made."`
	Revoke tokensRevoke `cmd:"" help:"Revoke a token and the sessions that it began."`
}

type tokensCreate struct {
	remote
	Name   string   `arg:"" help:"What it is for."`
	Role   string   `enum:"viewer,operator,admin" default:"viewer" help:"viewer reads; operator reviews, names and enrols as well; admin does everything."`
	Camera []string `placeholder:"ID" help:"Only what is of this camera; may be repeated. For viewers."`
}

func (c tokensCreate) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	in := web.TokenInput{Name: c.Name}
	if err := in.Role.UnmarshalText([]byte(c.Role)); err != nil {
		return err
	}
	for _, id := range c.Camera {
		in.Cameras = append(in.Cameras, frames.CameraID(id))
	}
	made, err := asked.CreateToken(ctx, in)
	if err != nil {
		return fmt.Errorf("make token: %w", err)
	}
	if g.JSON {
		return g.print(made)
	}
	g.say("%s\n", made.Secret)
	return nil
}

type tokensList struct{ remote }

func (c tokensList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.Tokens(ctx)
	if err != nil {
		return err
	}
	var rows []string
	for _, t := range found {
		if g.JSON {
			if err := g.print(t); err != nil {
				return err
			}
			continue
		}
		cameras := "all"
		if len(t.Cameras) > 0 {
			cameras = strings.Trim(fmt.Sprint(t.Cameras), "[]")
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", t.ID, t.Name, t.Role, cameras, clock(t.Created), t.CreatedBy))
	}
	if g.JSON {
		return nil
	}
	return g.table("ID\tNAME\tROLE\tCAMERAS\tMADE\tBY", rows)
}

type tokensRevoke struct {
	remote
	ID string `arg:"" help:"The token's id, as list prints it."`
}

func (c tokensRevoke) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	if err := asked.RevokeToken(ctx, c.ID); err != nil {
		return err
	}
	if g.JSON {
		return g.print(map[string]any{"revoked": c.ID})
	}
	g.say("%s is revoked\n", c.ID)
	return nil
}
