package app

import (
	"context"
	"errors"
	"fmt"

	"vigil/alerts"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

// reviewRetries is how often a review is written anew when somebody else is quicker each time.
const reviewRetries = 10

// review is what people say of an alert, as it is kept.
type review struct {
	Review web.Review `json:"review"`
	Named  *naming    `json:"named,omitempty"` // the last time that somebody said who it is
}

// naming is that somebody said who a stranger is, with what it takes to undo it.
type naming struct {
	web.Naming
	Act    string       `json:"act"`    // the alert of which it was said; with At, what was named together
	Photos []string     `json:"photos"` // keys of the photos that the person got by it
	Before alerts.Alert `json:"before"`
	Undone bool         `json:"undone,omitempty"`
}

// shown is the visit's alert as people see it: what somebody said counts at once, and what was taken back did not happen.
func (r review) shown(v alerts.Visit) alerts.Alert {
	a, n := v.Alert, r.Named
	switch {
	case n == nil:
	case n.Undone:
		a.Decision, a.Score, a.Nearest, a.CorrectedAt = n.Before.Decision, n.Before.Score, n.Before.Nearest, n.Before.CorrectedAt
	case a.Decision != vision.Known:
		a.Decision, a.Score, a.Nearest, a.CorrectedAt = vision.Known, 1, &alerts.Nearest{Person: n.Person, Score: 1}, &alerts.Time{Time: n.At}
	}
	return a
}

// said is what people say of alerts, by alert.
func (l alertList) said(ctx context.Context) (map[string]review, error) {
	entries, err := l.reviews.List(ctx)
	if err != nil {
		return nil, err
	}
	all := make(map[string]review, len(entries))
	for _, e := range entries {
		all[e.Key] = e.Value
	}
	return all, nil
}

// Review implements web.Alerts.
func (l alertList) Review(ctx context.Context, id string, change func(web.Review) web.Review) (web.AlertView, error) {
	if _, err := l.visit(ctx, id); err != nil {
		return web.AlertView{}, err
	}
	err := l.amend(ctx, id, func(r review) review { r.Review = change(r.Review); return r })
	if err != nil {
		return web.AlertView{}, err
	}
	return l.Get(ctx, id)
}

// amend changes what is kept of one alert.
func (l alertList) amend(ctx context.Context, id string, change func(review) review) error {
	var last error
	for range reviewRetries {
		entry, err := l.reviews.Get(ctx, id)
		missing := errors.Is(err, bus.ErrNotFound)
		if err != nil && !missing {
			return err
		}
		if next := change(entry.Value); missing {
			_, last = l.reviews.Create(ctx, id, next)
		} else {
			_, last = l.reviews.Update(ctx, id, entry.Revision, next)
		}
		if !errors.Is(last, bus.ErrConflict) && !errors.Is(last, bus.ErrExists) {
			return last
		}
	}
	return fmt.Errorf("review of alert %s: %w", id, last)
}
