//go:build !nocv

package app

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/clips"
	"vigil/clips/clipstest"
	"vigil/clips/retention"
	"vigil/internal/bus"
	"vigil/internal/web"
)

const week = 7 * 24 * time.Hour

func TestNeeded(t *testing.T) {
	now := time.Now()
	closed := alerts.Visit{Alert: alerts.Alert{ID: "A", ClosedAt: &alerts.Time{Time: now}}, ClipState: alerts.ClipMade}
	with := func(f func(*alerts.Visit)) alerts.Visit {
		v := closed
		f(&v)
		return v
	}
	for _, c := range []struct {
		name  string
		visit alerts.Visit
		saved time.Duration // ago
		want  bool
	}{
		{"open", with(func(v *alerts.Visit) { v.Alert.ClosedAt = nil }), 2 * week, true},
		{"an event is not told yet", with(func(v *alerts.Visit) { v.Pending = []alerts.Pending{{}} }), 2 * week, true},
		{"its clip is not asked for yet", with(func(v *alerts.Visit) { v.ClipState = alerts.ClipDue }), 2 * week, true},
		{"its clip is being made", with(func(v *alerts.Visit) { v.ClipState = alerts.ClipScheduled }), 2 * week, true},
		{"a further clip is being made", with(func(v *alerts.Visit) { v.More = []alerts.Piece{{State: alerts.ClipScheduled}} }), 2 * week, true},
		{"its links open", closed, week - time.Second, true},
		{"its links have expired", closed, week, false},
		{"without a clip", with(func(v *alerts.Visit) { v.ClipState = alerts.ClipFailed }), week, false},
	} {
		if got := needed(c.visit, now.Add(-c.saved), now); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}

// On the program's own bus and store, a month later: what an alert needs stays, all else goes, and the metrics tell.
func TestRetention(t *testing.T) {
	a, err := open(t, onFreePorts(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	start := time.Now()
	visits, err := alertsjs.OpenStore(t.Context(), a.bus)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []alerts.Visit{
		{Alert: alerts.Alert{ID: "OPEN"}, Tracks: map[string]alerts.VisitTrack{"door/e1/90-0": {}}, ShotKey: "shots/2026/01/01/door/better.jpg"},
		{
			Alert: alerts.Alert{ID: "TOLD", ClosedAt: &alerts.Time{Time: start}}, ClipState: alerts.ClipMade,
			Job:  &alerts.ClipJob{ShotKey: "shots/2026/01/01/yard/asked.jpg"},
			More: []alerts.Piece{{State: alerts.ClipMade, Job: &alerts.ClipJob{Alert: "TOLD", Piece: 2}}},
		},
	} {
		if _, err := visits.Create(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	stay := []string{
		clips.KeyFor("door", "OPEN", start, ".mp4"), clips.KeyFor("yard", "TOLD", start, ".mp4"), clips.KeyFor("yard", "TOLD", start, ".json"),
		clips.KeyFor("yard", "TOLD-2", start, ".mp4"),
		"shots/2026/01/01/door/better.jpg", "shots/2026/01/01/door/door_e1_90-0.jpg", "shots/2026/01/01/yard/asked.jpg",
		"people/2026/01/01/ann.jpg",
	}
	goes := []string{clips.KeyFor("door", "OLD", start, ".mp4"), clips.KeyFor("door", "OLD", start, ".jpg"), "shots/2026/01/01/door/door_e1_90-1.jpg"}
	for _, key := range slices.Concat(stay, goes) {
		if err := a.store.Put(t.Context(), key, strings.NewReader("x"), clips.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	settings, err := bus.OpenKV[[]retention.State](t.Context(), a.bus, bus.Settings)
	if err != nil {
		t.Fatal(err)
	}
	sweeper, err := a.openSweeper(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sweeper.Now = func() time.Time { return start.Add(31 * 24 * time.Hour) }
	view, err := keeps{settings, sweeper}.Retention(t.Context())
	if err != nil || len(view.Last) != 0 || view.Preview[0].Deleted != 2 || view.Preview[1].Deleted != 1 {
		t.Errorf("preview: got %+v, %v", view, err)
	}
	states := sweeper.Sweep(t.Context())
	if states[0].Deleted != 2 || states[1].Deleted != 1 || states[0].Error+states[1].Error != "" {
		t.Errorf("got %+v", states)
	}
	var left []string
	for o, err := range a.store.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, o.Key)
	}
	slices.Sort(stay)
	if slices.Sort(left); !slices.Equal(left, stay) {
		t.Errorf("got %v, want %v", left, stay)
	}

	check := retentionCheck(settings)
	if err := check.Probe(t.Context()); err != nil {
		t.Errorf("before the first run: got %v, want nothing said", err)
	}
	if err := sweeper.Tell(t.Context(), states); err != nil {
		t.Fatal(err)
	}
	if err := check.Probe(t.Context()); err != nil {
		t.Errorf("got %v, want nothing said", err)
	}
	states[0].Due, states[0].Over = time.Now().Add(-26*time.Hour), 7e6
	if err := sweeper.Tell(t.Context(), states); err != nil {
		t.Fatal(err)
	}
	notice := check.Probe(t.Context())
	if _, ok := errors.AsType[web.Notice](notice); !ok || !strings.Contains(notice.Error(), "clips should have been deleted 26h0m0s ago") ||
		!strings.Contains(notice.Error(), "take 7 MB more") {
		t.Errorf("got %v, want a notice", notice)
	}
}

// An alert whose clip or shot is gone says so; one whose links still open is believed, and so is a store that is away.
func TestAlertsSayWhatWasDeleted(t *testing.T) {
	list := openAlertList(t)
	visits, store := list.visits, &clipstest.Memory{}
	list.media = store
	now := time.Now()
	for id, start := range map[string]time.Time{"A-kept": now.Add(-2 * week), "B-gone": now.Add(-2 * week), "C-young": now} {
		if _, err := visits.Create(t.Context(), alerts.Visit{
			Alert: alerts.Alert{ID: id}, Start: start, ShotKey: "clips/" + id + ".jpg", Clip: &alerts.Clip{Key: "clips/" + id + ".mp4", SHA256: "5a"},
			More: []alerts.Piece{{State: alerts.ClipMade, Clip: &alerts.Clip{Key: "clips/" + id + "-2.mp4", SHA256: "5b", Piece: 2}}, {State: alerts.ClipFailed}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ext := range []string{".mp4", ".jpg", "-2.mp4"} {
		if err := store.Put(t.Context(), "clips/A-kept"+ext, bytes.NewReader(nil), clips.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	said := func() (deleted []string) {
		page, err := list.List(t.Context(), web.AlertQuery{Limit: 10})
		views := page.Alerts
		if err != nil || len(views) != 3 {
			t.Fatalf("got %+v, %v", views, err)
		}
		for _, v := range views {
			if v.ClipDeleted != (v.Clip.URL == "") || v.ClipDeleted != (v.Alert.BestShotURL == "") || v.Clip.SHA256 != "5a" {
				t.Errorf("got %+v of %+v", v, v.Clip)
			}
			if len(v.Clips) != 2 || v.Clips[0].Piece != 1 || v.Clips[1].Piece != 2 || v.ClipDeleted != (v.Clips[1].URL == "") {
				t.Errorf("got clips %+v", v.Clips)
			}
			if v.ClipDeleted {
				deleted = append(deleted, v.Alert.ID)
			}
		}
		return deleted
	}
	if got := said(); !slices.Equal(got, []string{"B-gone"}) {
		t.Errorf("got %v", got)
	}
	if one, err := list.Get(t.Context(), "B-gone"); err != nil || !one.ClipDeleted || path.Base(one.Clip.Key) != "B-gone.mp4" {
		t.Errorf("got %+v, %v", one, err)
	}
	if page, err := list.List(t.Context(), web.AlertQuery{Before: "B-gone", Limit: 10}); err != nil || len(page.Alerts) != 1 || page.Alerts[0].Alert.ID != "A-kept" {
		t.Errorf("before B: got %+v, %v", page, err)
	}
	store.Before = func(string, string) error { return errors.New("away") }
	if got := said(); got != nil {
		t.Errorf("the store is away: got %v, want nothing called deleted", got)
	}
}
