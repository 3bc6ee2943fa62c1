package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	framesjs "vigil/frames/jetstream"
	"vigil/internal/web"
)

type dlqCommand struct {
	List   dlqList   `cmd:"" help:"List what was given up, oldest first."`
	Show   dlqShow   `cmd:"" help:"Show one message with its body."`
	Replay dlqReplay `cmd:"" help:"Put messages back where they were."`
}

type dlqList struct {
	remote
	Endpoint string `placeholder:"ID" help:"Only webhooks of this endpoint."`
}

func (c dlqList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.Dead(ctx)
	if err != nil {
		return err
	}
	var rows []string
	for _, d := range found {
		if c.Endpoint != "" && d.Endpoint != c.Endpoint {
			continue
		}
		if g.JSON {
			if err := g.print(d); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s", d.ID, clock(d.Since), cmp.Or(d.Endpoint, d.Consumer),
			cmp.Or(d.Webhook, d.Message), d.Reason))
	}
	if g.JSON {
		return nil
	}
	return g.table("ID\tGIVEN UP\tBY\tMESSAGE\tREASON", rows)
}

type dlqShow struct {
	remote
	ID string `arg:"" help:"The message's id, as list prints it."`
}

func (c dlqShow) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	d, err := asked.DeadLetter(ctx, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(d)
	}
	g.say("id          %s\ngiven up    %s\nstream      %s\nconsumer    %s\nmessage     %s\n", d.ID, clock(d.Since), d.Stream, d.Consumer, d.Message)
	if d.Endpoint != "" {
		g.say("endpoint    %s\nwebhook-id  %s\n", d.Endpoint, d.Webhook)
	}
	if d.Stream == framesjs.Stream {
		d.Body = "video; in base64 with --json"
	}
	g.say("deliveries  %d\nreason      %s\nbody        %s\n", d.Deliveries, d.Reason, d.Body)
	return nil
}

type dlqReplay struct {
	remote
	IDs      []string `arg:"" optional:"" name:"id" help:"Which, as list prints them."`
	All      bool     `help:"Everything that was given up."`
	Endpoint string   `placeholder:"ID" help:"Every webhook of this endpoint."`
}

func (c dlqReplay) Run(ctx context.Context, g *Globals) error {
	if len(c.IDs) == 0 && !c.All && c.Endpoint == "" {
		return errors.New("replay what? Name ids, or use --all or --endpoint")
	}
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	ids := c.IDs
	if c.All || c.Endpoint != "" {
		found, err := asked.Dead(ctx)
		if err != nil {
			return err
		}
		ids = append(ids, c.chosen(found)...)
	}
	for _, id := range ids {
		if err := asked.Replay(ctx, id); err != nil {
			return err
		}
		if !g.JSON {
			g.say("%s is put back\n", id)
		} else if err := g.print(map[string]any{"replayed": id}); err != nil {
			return err
		}
	}
	return nil
}

func (c dlqReplay) chosen(found []web.DeadView) (ids []string) {
	for _, d := range found {
		if (c.Endpoint == "" || d.Endpoint == c.Endpoint) && d.Stream != framesjs.Stream { // video has its place, and stays
			ids = append(ids, d.ID)
		}
	}
	return ids
}
