package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	alertsjs "vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	framesjs "vigil/frames/jetstream"
	"vigil/internal/bus"
	"vigil/internal/web"
)

// deadLetters shows the dead-letter queue to the console.
type deadLetters struct {
	bus    *bus.Conn
	ledger *alertsjs.Ledger
}

// Dead implements web.DeadLetters.
func (d deadLetters) Dead(ctx context.Context) ([]web.DeadView, error) {
	all, err := d.bus.ListDead(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]web.DeadView, len(all))
	for i, dead := range all {
		views[i] = deadView(dead)
	}
	return views, nil
}

// DeadLetter implements web.DeadLetters.
func (d deadLetters) DeadLetter(ctx context.Context, id string) (web.DeadView, error) {
	dead, err := d.get(ctx, id)
	if err != nil {
		return web.DeadView{}, err
	}
	view := deadView(dead)
	view.Body = string(dead.Data)
	var hook webhook.Delivery
	if dead.Stream == framesjs.Stream {
		view.Body = base64.StdEncoding.EncodeToString(dead.Data)
	}
	if dead.Stream == bus.Outbox && json.Unmarshal(dead.Data, &hook) == nil {
		view.Body = string(hook.Body)
	}
	return view, nil
}

// Replay implements web.DeadLetters.
func (d deadLetters) Replay(ctx context.Context, id string) error {
	dead, err := d.get(ctx, id)
	if err != nil {
		return err
	}
	if dead.Stream == framesjs.Stream {
		return web.Refused{Reason: fmt.Sprintf("dead letter %s is video that crashed the decoder: it has its place in the recording, "+
			"and is not put back; its bytes are in `vigil dlq show --json`", id)}
	}
	return alertsjs.Replay(ctx, d.bus, d.ledger, dead)
}

func (d deadLetters) get(ctx context.Context, id string) (bus.Dead, error) {
	seq, err := strconv.ParseUint(id, 10, 64)
	if err != nil || seq == 0 {
		return bus.Dead{}, web.ErrNotFound
	}
	dead, err := d.bus.GetDead(ctx, seq)
	if errors.Is(err, bus.ErrNotFound) {
		return bus.Dead{}, fmt.Errorf("it is not in the queue, or not any more: %w", web.ErrNotFound)
	}
	return dead, err
}

// deadView splits the id of a webhook: see webhook.Delivery.Key.
func deadView(d bus.Dead) web.DeadView {
	view := web.DeadView{
		ID: strconv.FormatUint(d.Seq, 10), Stream: d.Stream, Consumer: d.Consumer, Message: d.ID, Reason: d.Reason,
		Deliveries: d.Deliveries, Since: d.Since,
	}
	if d.Stream == bus.Outbox {
		view.Endpoint, view.Webhook, _ = strings.Cut(d.ID, "_")
	}
	return view
}
