package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/alerts/webhook"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/web"
)

// webhooks shows endpoints to the console: those of this process's configuration, and those that others have sent to.
type webhooks struct {
	bus        *bus.Conn
	ledger     *alertsjs.Ledger
	configured func() []config.Endpoint // of this process
	links      *web.Links
}

// Endpoints implements web.Webhooks.
func (w webhooks) Endpoints(ctx context.Context) ([]web.EndpointView, error) {
	standings, err := w.ledger.Standings(ctx)
	if err != nil {
		return nil, err
	}
	ids := slices.Collect(maps.Keys(standings))
	for _, e := range w.configured() { // those that were never sent to as well
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	var views []web.EndpointView
	for _, id := range slices.Compact(ids) {
		view := w.view(id, standings[id], time.Now())
		if view.Outstanding, err = alertsjs.Outstanding(ctx, w.bus, id); err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

func (w webhooks) view(id string, s webhook.Standing, now time.Time) web.EndpointView {
	view := web.EndpointView{
		ID: id, State: web.EndpointEnabled, Failures: s.Failures, Since: s.Since, Status: s.Status, Reason: s.Reason,
		Last: s.Last, Taken: s.Taken,
	}
	if s.Next.After(now) {
		view.Next = s.Next
	}
	disabled := s.Gone != ""
	configured := w.configured()
	if i := slices.IndexFunc(configured, func(e config.Endpoint) bool { return e.ID == id }); i >= 0 {
		e := endpoint(configured[i])
		view.Host, view.PublicKey = hostOf(e.URL), e.Secret.PublicKey()
		disabled = s.Disabled(e.URL)
	}
	switch {
	case disabled:
		view.State = web.EndpointDisabled
	case s.Probed() || !view.Next.IsZero():
		view.State = web.EndpointWaiting
	}
	return view
}

// find returns the endpoint's view, or web.ErrNotFound.
func (w webhooks) find(ctx context.Context, id string) (web.EndpointView, error) {
	all, err := w.Endpoints(ctx)
	if err != nil {
		return web.EndpointView{}, err
	}
	for _, view := range all {
		if view.ID == id {
			return view, nil
		}
	}
	return web.EndpointView{}, web.ErrNotFound
}

// Deliveries implements web.Webhooks.
func (w webhooks) Deliveries(ctx context.Context, endpoint, id string, limit int) ([]web.DeliveryView, error) {
	if _, err := w.find(ctx, endpoint); err != nil {
		return nil, err
	}
	if id != "" {
		rec, err := w.ledger.Get(ctx, webhook.Delivery{ID: id, Endpoint: endpoint}.Key())
		if errors.Is(err, webhook.ErrNoRecord) {
			return nil, nil
		}
		return []web.DeliveryView{deliveryView(id, rec)}, err
	}
	records, err := w.ledger.Records(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	var views []web.DeliveryView
	for id, rec := range records {
		views = append(views, deliveryView(id, rec))
	}
	slices.SortFunc(views, func(a, b web.DeliveryView) int {
		return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(a.Webhook, b.Webhook))
	})
	return views[:min(limit, len(views))], nil
}

func deliveryView(id string, rec webhook.Record) web.DeliveryView {
	view := web.DeliveryView{
		Webhook: id, Type: string(rec.Type), State: web.DeliveryWaiting, Updated: rec.Updated, Attempts: []web.AttemptView{},
	}
	switch {
	case rec.Delivered:
		view.State = web.DeliveryDelivered
	case rec.GivenUp:
		view.State = web.DeliveryGivenUp
	default:
		view.Next = rec.Next
	}
	for _, a := range rec.Log {
		view.Attempts = append(view.Attempts, web.AttemptView{At: a.At, Seconds: a.Took.Seconds(), Status: a.Status, Reason: a.Reason})
	}
	return view
}

// Test implements web.Webhooks.
func (w webhooks) Test(ctx context.Context, endpoint string) (string, error) {
	view, err := w.find(ctx, endpoint)
	if err != nil {
		return "", err
	}
	if view.State == web.EndpointDisabled {
		return "", web.Refused{Reason: "endpoint " + endpoint + " is disabled: it answered 410 Gone; enable it first"}
	}
	notice, err := alerts.NewNotice(alerts.NewTest(time.Now(), w.links))
	if err != nil {
		return "", err
	}
	return notice.ID, alertsjs.NewOutbox(w.bus).Enqueue(ctx, notice, endpoint)
}

// Enable implements web.Webhooks.
func (w webhooks) Enable(ctx context.Context, endpoint string) error {
	if _, err := w.find(ctx, endpoint); err != nil {
		return err
	}
	return webhook.Enable(ctx, w.ledger, endpoint, time.Now())
}

// ReplayAll implements web.Webhooks.
func (w webhooks) ReplayAll(ctx context.Context, endpoint string, since time.Time) (n int, err error) {
	if _, err := w.find(ctx, endpoint); err != nil {
		return 0, err
	}
	letters := deadLetters{w.bus, w.ledger}
	dead, err := letters.Dead(ctx)
	if err != nil {
		return 0, err
	}
	for _, d := range dead {
		if d.Endpoint != endpoint || d.Since.Before(since) {
			continue
		}
		if err := letters.Replay(ctx, d.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
