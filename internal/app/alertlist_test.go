package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"vigil/alerts"
	alertsjs "vigil/alerts/jetstream"
	"vigil/clips/clipstest"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

// openAlertList is a list on a bus of its own.
func openAlertList(t *testing.T) alertList {
	t.Helper()
	c := startBus(t)
	visits, err := alertsjs.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	reviews, err := bus.OpenKV[review](t.Context(), c, bus.Reviews)
	if err != nil {
		t.Fatal(err)
	}
	return alertList{
		visits: visits, reviews: reviews, events: alertsjs.Events(c), links: web.NewLinks("http://vigil", []byte("key")),
		media: &clipstest.Memory{},
	}
}

// raise puts an alert on the list.
func (l alertList) raise(t *testing.T, id string, camera frames.CameraID, at time.Time, person string) {
	t.Helper()
	a := alerts.Alert{ID: id, Camera: camera, OpenedAt: alerts.Time{Time: at}, Stranger: "s-" + id, Decision: vision.Unknown, Nearest: &alerts.Nearest{Person: "Ann"}}
	if person != "" {
		a.Decision, a.Nearest, a.CorrectedAt = vision.Known, &alerts.Nearest{Person: person}, &alerts.Time{Time: at}
	}
	if _, err := l.visits.Create(t.Context(), alerts.Visit{Alert: a, Stranger: a.Stranger, Start: at}); err != nil {
		t.Fatal(err)
	}
}

func TestAlertsAreFiltered(t *testing.T) {
	l := openAlertList(t)
	now := time.Now().Truncate(time.Second)
	l.raise(t, "A", "door", now.Add(-2*time.Hour), "")
	l.raise(t, "B", "yard", now.Add(-time.Hour), "Ann")
	l.raise(t, "C", "door", now, "")
	seen := func(r web.Review) web.Review { r.State, r.By = web.ReviewSeen, "me"; return r }
	if view, err := l.Review(t.Context(), "C", seen); err != nil || view.Review.State != web.ReviewSeen {
		t.Fatalf("review: got %+v, %v", view.Review, err)
	}
	if _, err := l.Review(t.Context(), "none", seen); err == nil {
		t.Error("an alert that does not exist was reviewed")
	}
	for _, test := range []struct {
		q    web.AlertQuery
		want string
		next string
	}{
		{web.AlertQuery{Limit: 9}, "C B A", ""},
		{web.AlertQuery{Limit: 2}, "C B", "B"},
		{web.AlertQuery{Limit: 2, Before: "B"}, "A", ""},
		{web.AlertQuery{Limit: 3}, "C B A", ""},
		{web.AlertQuery{Limit: 9, From: now.Add(-time.Hour)}, "C B", ""},
		{web.AlertQuery{Limit: 9, To: now.Add(-time.Hour)}, "A", ""},
		{web.AlertQuery{Limit: 9, Cameras: []frames.CameraID{"door", "gate"}}, "C A", ""},
		{web.AlertQuery{Limit: 9, Person: "Ann"}, "B", ""}, // of the others Ann is only the nearest
		{web.AlertQuery{Limit: 9, Stranger: "s-A"}, "A", ""},
		{web.AlertQuery{Limit: 9, State: web.ReviewSeen}, "C", ""},
		{web.AlertQuery{Limit: 1, State: web.ReviewNew}, "B", "B"},
		{web.AlertQuery{Limit: 9, State: web.ReviewDismissed}, "", ""},
	} {
		page, err := l.List(t.Context(), test.q)
		var got []string
		for _, v := range page.Alerts {
			got = append(got, v.Alert.ID)
		}
		if err != nil || strings.Join(got, " ") != test.want || page.Next != test.next {
			t.Errorf("%+v: got %v and %q, %v, want %s and %q", test.q, got, page.Next, err, test.want, test.next)
		}
	}
}

func TestEventsGoOnBehindTheLastOne(t *testing.T) {
	l := openAlertList(t)
	id := func(i int) string {
		return ulid.MustNew(ulid.Timestamp(time.Now().Add(-time.Hour)), strings.NewReader(fmt.Sprintf("%010d", i))).String()
	}
	var events []alerts.Event
	for i := range 3 {
		e := alerts.Event{Type: alerts.Opened, Data: alerts.Data{Alert: alerts.Alert{ID: id(i), Camera: "door"}}}
		if err := l.events.Publish(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	follow := func(after string, n int) (got []string) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for e, err := range l.Events(ctx, web.Since{After: after}) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, e.ID()); len(got) == n {
				break
			}
		}
		return got
	}
	if got := follow(events[0].ID(), 2); !slices.Equal(got, []string{events[1].ID(), events[2].ID()}) {
		t.Errorf("behind the first: got %v", got)
	}
	if got := follow(id(9)+"-alert-opened", 3); len(got) != 3 {
		t.Errorf("behind one that is not kept any more: got %v, want all of its time", got)
	}
	for text, want := range map[string]bool{
		events[0].ID(): true, "yard-1700000000000-camera-offline": true, "": false, "x": false, "yard-x-camera-offline": false,
		strings.Repeat("Z", 26) + "-alert-opened": false, "yard-99999999999999999999-camera-online": false,
	} {
		if _, ok := eventTime(text); ok != want {
			t.Errorf("%s: got %t, want %t", text, ok, want)
		}
	}
}

func TestTokensAreKept(t *testing.T) {
	c := startBus(t)
	kv, err := bus.OpenKV[web.KeptToken](t.Context(), c, bus.Tokens)
	if err != nil {
		t.Fatal(err)
	}
	l := tokenList{kv}
	made := web.KeptToken{
		Token: web.Token{ID: "abc", Name: "tablet", Role: web.Viewer, Cameras: []frames.CameraID{"door"}, Created: time.Unix(1, 0).UTC()},
		Hash:  web.HashToken("secret"),
	}
	if err := l.AddToken(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	got, err := l.Token(t.Context(), "abc")
	if err != nil || got.Hash != made.Hash || got.Role != web.Viewer || got.Cameras[0] != "door" || got.Name != "tablet" {
		t.Errorf("got %+v, %v", got, err)
	}
	if all, err := l.Tokens(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("got %+v, %v", all, err)
	}
	if err := l.RevokeToken(t.Context(), "abc"); err != nil {
		t.Error(err)
	}
	for name, try := range map[string]func() error{
		"revoke again": func() error { return l.RevokeToken(t.Context(), "abc") },
		"get":          func() error { _, err := l.Token(t.Context(), "abc"); return err },
	} {
		if err := try(); err != web.ErrNotFound { //nolint:errorlint // it is the thing itself
			t.Errorf("%s: got %v", name, err)
		}
	}
}
