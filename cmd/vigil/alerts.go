package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/internal/web"
)

type alertsCommand struct {
	List alertsList `cmd:"" help:"List alerts, newest first."`
	Show alertsShow `cmd:"" help:"Show one alert."`
	Tail alertsTail `cmd:"" help:"Print events as they happen."`
}

type alertsList struct {
	remote
	Limit int `default:"50" help:"How many at the most, 1 to 500."`
}

func (c alertsList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.Alerts(ctx, c.Limit)
	if err != nil {
		return err
	}
	var rows []string
	for _, view := range found {
		if g.JSON {
			if err := g.print(view); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, alertRow(view))
	}
	if g.JSON {
		return nil
	}
	return g.table("ALERT\tOPENED\tCAMERA\tSTRANGER\tNEAREST\tCLIP", rows)
}

func alertRow(view web.AlertView) string {
	clip := "-"
	if c := view.Clip; c != nil {
		clip = c.End.Sub(c.Start.Time).Round(time.Second).String()
	}
	if n := len(view.Clips); n > 1 {
		clip += fmt.Sprintf(" and %d more", n-1)
	}
	if view.ClipDeleted {
		clip = "deleted"
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", view.Alert.ID, clock(view.Alert.OpenedAt.Time), view.Alert.Camera, view.Alert.Stranger, verdict(view.Alert), clip)
}

// verdict is whom the stranger looks like, or who it was after all.
func verdict(a alerts.Alert) string {
	switch n := a.Nearest; {
	case n == nil:
		return "-"
	case a.CorrectedAt != nil:
		return fmt.Sprintf("was %s %.2f", n.Person, n.Score)
	default:
		return fmt.Sprintf("%s %.2f", n.Person, n.Score)
	}
}

type alertsShow struct {
	remote
	ID string `arg:"" help:"The alert's id."`
}

func (c alertsShow) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	view, err := asked.Alert(ctx, c.ID)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(view)
	}
	a := view.Alert
	g.say("alert      %s\ncamera     %s\nopened     %s\n", a.ID, a.Camera, clock(a.OpenedAt.Time))
	if a.ClosedAt != nil {
		g.say("closed     %s\n", clock(a.ClosedAt.Time))
	}
	if a.CorrectedAt != nil {
		g.say("corrected  %s, %s\n", clock(a.CorrectedAt.Time), verdict(a))
	}
	g.say("decision   %s, rule %s\nstranger   %s\n", a.Decision, a.Rule, a.Stranger)
	if a.Nearest != nil {
		g.say("nearest    %s, %.3f\n", a.Nearest.Person, a.Nearest.Score)
	}
	g.say("best shot  %s\nconsole    %s\n", a.BestShotURL, a.ConsoleURL)
	for _, c := range view.Clips {
		where := c.URL
		if where == "" {
			where = "deleted: it was older than clips are kept"
		}
		g.say("clip       %s\n           %s, %s to %s, %s %dx%d, sha256 %s\n", where, c.Key,
			clock(c.Start.Time), clock(c.End.Time), c.Codec, c.Width, c.Height, c.SHA256)
	}
	return nil
}

type alertsTail struct {
	remote
	Since time.Duration `help:"Begin with the events of this long ago, such as 1h."`
}

func (c alertsTail) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	var from time.Time
	if c.Since > 0 {
		from = time.Now().Add(-c.Since)
	}
	for event, err := range asked.Events(ctx, from) {
		if interrupted(ctx, err) {
			return nil
		}
		if err != nil {
			return err
		}
		if g.JSON {
			if err := g.print(event); err != nil {
				return err
			}
			continue
		}
		g.say("%s\n", eventLine(event))
	}
	return nil
}

func eventLine(event alerts.Event) string {
	if c := event.Data.Camera; c != nil {
		return strings.TrimSpace(fmt.Sprintf("%s  %-16s  camera %s  %s", clock(event.Timestamp.Time), event.Type, c.ID, c.Reason))
	}
	a := event.Data.Alert
	line := fmt.Sprintf("%s  %-16s  %s  camera %s  stranger %s", clock(event.Timestamp.Time), event.Type, a.ID, a.Camera, a.Stranger)
	if a.CorrectedAt != nil {
		line += "  " + verdict(a)
	}
	if event.Data.Clip != nil {
		line += "  " + event.Data.Clip.URL
	}
	return line
}
