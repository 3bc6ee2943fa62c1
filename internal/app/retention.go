package app

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/clips/retention"
	"vigil/internal/bus"
	"vigil/internal/web"
)

// lateDeletion is the lag from which the owner is told: a store that was away for a moment is none of it.
const lateDeletion = time.Hour

// openSweeper gets ready what removes clips and best shots. Fragments, alerts and events are streams, which forget by
// themselves.
func (a *App) openSweeper(ctx context.Context) (*retention.Sweeper, error) {
	visits, err := bus.OpenKV[alerts.Visit](ctx, a.bus, bus.Alerts)
	if err != nil {
		return nil, err
	}
	settings, err := bus.OpenKV[[]retention.State](ctx, a.bus, bus.Settings)
	if err != nil {
		return nil, err
	}
	return &retention.Sweeper{
		Store: a.store, Promise: web.LinkLife, Held: promised{visits, time.Now}.held, Log: a.log,
		Kinds: func() []retention.Kind {
			keep := a.live.Load().Retention
			return []retention.Kind{
				{Name: "clips", Prefix: "clips/", Age: time.Duration(keep.Clips), Bytes: int64(keep.ClipsBytes)},
				{Name: "shots", Prefix: "shots/", Age: time.Duration(keep.Shots)},
			}
		},
		Tell: func(ctx context.Context, states []retention.State) error {
			_, err := settings.Put(ctx, retentionSetting, states)
			return err
		},
	}, nil
}

// promised are the objects that alerts and their events need.
type promised struct {
	visits *bus.KV[alerts.Visit]
	now    func() time.Time
}

// held returns what says of a key whether it must stay. Objects are known by their file's name: that of a clip, its shot
// and its record is the alert, that of a best shot the track, whichever of them an event named.
func (p promised) held(ctx context.Context) (func(key string) bool, error) {
	entries, err := p.visits.List(ctx)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, e := range entries {
		v := e.Value
		if !needed(v, e.Updated, p.now()) {
			continue
		}
		names[v.Alert.ID] = true
		for _, p := range v.More {
			if p.Job != nil {
				names[p.Job.Name()] = true
			}
		}
		for track := range v.Tracks {
			names[strings.ReplaceAll(track, "/", "_")] = true
		}
		names[nameOf(v.ShotKey)] = true
		if v.Job != nil {
			names[nameOf(v.Job.ShotKey)] = true
		}
	}
	return func(key string) bool { return names[nameOf(key)] }, nil
}

func nameOf(key string) string { return path.Base(retention.Name(key)) }

// needed says that the alert goes on, waits for its clip or for its events to be told, or has told one whose links still
// open: they were made before the visit was last saved.
func needed(v alerts.Visit, saved, now time.Time) bool {
	return v.Open() || !v.Settled() || v.Filming() || saved.Add(web.LinkLife).After(now)
}

// retentionStates is what the sweeper last told, wherever it runs; nothing before its first run.
func retentionStates(ctx context.Context, settings *bus.KV[[]retention.State]) ([]retention.State, error) {
	entry, err := settings.Get(ctx, retentionSetting)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, nil
	}
	return entry.Value, err
}

// keeps tells the console what is deleted.
type keeps struct {
	settings *bus.KV[[]retention.State]
	sweeper  *retention.Sweeper // never runs: that is the clips role's
}

// Retention implements web.Retention.
func (k keeps) Retention(ctx context.Context) (web.RetentionView, error) {
	last, err := retentionStates(ctx, k.settings)
	if err != nil {
		return web.RetentionView{}, err
	}
	return web.RetentionView{Last: last, Preview: k.sweeper.Preview(ctx)}, nil
}

// retentionCheck tells that things are kept for longer than they should be.
func retentionCheck(settings *bus.KV[[]retention.State]) web.Check {
	return web.Check{Name: "retention", Probe: func(ctx context.Context) error {
		states, err := retentionStates(ctx, settings)
		if err != nil {
			return err
		}
		var late []string
		for _, s := range states {
			if lag := s.Lag(time.Now()); lag >= lateDeletion {
				late = append(late, fmt.Sprintf("%s should have been deleted %s ago and are still there", s.Kind, lag.Round(time.Minute)))
			}
			if s.Over > 0 {
				late = append(late, fmt.Sprintf("%s take %d MB more than they may, and none of it may be deleted yet", s.Kind, s.Over/1e6))
			}
		}
		if len(late) > 0 {
			return web.Notice(strings.Join(late, "; "))
		}
		return nil
	}}
}
