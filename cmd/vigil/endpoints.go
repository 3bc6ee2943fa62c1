package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"vigil/internal/client"
	"vigil/internal/web"
)

// testPatience is how long `endpoints test` waits for what comes of its event: longer than an attempt may take.
const testPatience = 30 * time.Second

type endpointsCommand struct {
	List       endpointsList       `cmd:"" help:"List the receivers of webhooks and how they are doing."`
	Test       endpointsTest       `cmd:"" help:"Send a test event, as any other is sent, and wait for the answer."`
	Enable     endpointsEnable     `cmd:"" help:"Use an endpoint again that has answered 410, or is waited for."`
	Deliveries endpointsDeliveries `cmd:"" help:"List an endpoint's deliveries, the latest first."`
	Replay     endpointsReplay     `cmd:"" help:"Put back what was given up of an endpoint."`
}

type endpointsList struct{ remote }

func (c endpointsList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.Endpoints(ctx)
	if err != nil {
		return err
	}
	var rows []string
	for _, e := range found {
		if g.JSON {
			if err := g.print(e); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%s", e.ID, e.Host, e.State, statusWord(e.Status, e.Last, e.Reason), when(e.Taken),
			e.Outstanding, trouble(e)))
	}
	if g.JSON {
		return nil
	}
	return g.table("ENDPOINT\tHOST\tSTATE\tLAST\tTAKEN\tOUTSTANDING\tTROUBLE", rows)
}

// trouble says why an endpoint does not take webhooks, since when, and when it is asked again.
func trouble(e web.EndpointView) string {
	if e.Failures == 0 && e.State == web.EndpointEnabled {
		return "-"
	}
	text := e.Reason
	if !e.Since.IsZero() {
		text += ", since " + clock(e.Since)
	}
	if !e.Next.IsZero() {
		text += ", next " + clock(e.Next)
	}
	return text
}

// statusWord is an attempt's status: a dash before the first one. An MQTT broker has none but that it has taken the event.
func statusWord(status int, at time.Time, trouble string) string {
	switch {
	case at.IsZero():
		return "-"
	case status == 0 && trouble == "":
		return "taken"
	case status == 0:
		return "no answer"
	default:
		return strconv.Itoa(status)
	}
}

func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return clock(t)
}

type endpointsTest struct {
	remote
	ID string `arg:"" help:"The endpoint."`
}

func (c endpointsTest) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	id, err := asked.TestEndpoint(ctx, c.ID)
	if err != nil {
		return err
	}
	d, err := outcome(ctx, asked, c.ID, id)
	if err != nil {
		return err
	}
	if g.JSON {
		if err := g.print(d); err != nil {
			return err
		}
	}
	last := d.Attempts[len(d.Attempts)-1]
	if d.State != web.DeliveryDelivered {
		return fmt.Errorf("endpoint %s has not taken the test event %s: %s", c.ID, id, last.Reason)
	}
	if !g.JSON {
		answer := "the broker acknowledged it"
		if last.Status > 0 {
			answer = "it answered " + strconv.Itoa(last.Status)
		}
		g.say("endpoint %s has taken the test event %s: %s after %.3f s\n", c.ID, id, answer, last.Seconds)
	}
	return nil
}

// outcome waits for the first attempt.
func outcome(ctx context.Context, asked *client.Client, endpoint, id string) (web.DeliveryView, error) {
	limit, cancel := context.WithTimeout(ctx, testPatience)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := asked.Delivery(limit, endpoint, id)
		if len(found) > 0 && len(found[0].Attempts) > 0 {
			return found[0], nil
		}
		if err != nil && limit.Err() == nil {
			return web.DeliveryView{}, err
		}
		select {
		case <-tick.C:
		case <-limit.Done():
			if ctx.Err() != nil {
				return web.DeliveryView{}, ctx.Err()
			}
			return web.DeliveryView{}, fmt.Errorf("endpoint %s: the test event %s was not sent within %s: the endpoint is waited for (see list; "+
				"enable has it tried at once), or no role alerts is at work", endpoint, id, testPatience)
		}
	}
}

type endpointsEnable struct {
	remote
	ID string `arg:"" help:"The endpoint."`
}

func (c endpointsEnable) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	if err := asked.EnableEndpoint(ctx, c.ID); err != nil {
		return err
	}
	if g.JSON {
		return g.print(map[string]any{"enabled": c.ID})
	}
	g.say("endpoint %s is enabled; `vigil endpoints replay %s` sends what was given up\n", c.ID, c.ID)
	return nil
}

type endpointsDeliveries struct {
	remote
	ID    string `arg:"" help:"The endpoint."`
	Limit int    `default:"50" help:"How many at the most, 1 to 1000."`
}

func (c endpointsDeliveries) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	found, err := asked.Deliveries(ctx, c.ID, c.Limit)
	if err != nil {
		return err
	}
	var rows []string
	for _, d := range found {
		if g.JSON {
			if err := g.print(d); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", d.Webhook, d.Type, d.State, when(d.Next)))
		for _, a := range d.Attempts {
			rows = append(rows, fmt.Sprintf("  %s\t%s\t%.3f s\t%s", clock(a.At), statusWord(a.Status, a.At, a.Reason), a.Seconds, a.Reason))
		}
	}
	if g.JSON {
		return nil
	}
	return g.table("WEBHOOK\tTYPE\tSTATE\tNEXT", rows)
}

type endpointsReplay struct {
	remote
	ID    string        `arg:"" help:"The endpoint."`
	Since time.Duration `help:"Only what was given up this long ago or later, such as 24h."`
}

func (c endpointsReplay) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	var since time.Time
	if c.Since > 0 {
		since = time.Now().Add(-c.Since)
	}
	n, err := asked.ReplayEndpoint(ctx, c.ID, since)
	if err != nil {
		return err
	}
	if g.JSON {
		return g.print(map[string]any{"replayed": n})
	}
	g.say("%d webhooks are put back\n", n)
	return nil
}
