package web

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"vigil/alerts"
	"vigil/frames"
)

const (
	defaultAlerts = 50
	maxAlerts     = 500
)

// AlertView is an alert as the API shows it.
type AlertView struct {
	Alert alerts.Alert `json:"alert"`
	Clip  *alerts.Clip `json:"clip"` // null until it is ready
	// Clips are all clips of a long visit, Clip first, in the order of what they show; empty until one is ready.
	Clips []alerts.Clip `json:"clips"`
	// ClipDeleted says that the clip was kept for as long as the owner wanted it: what it was is known, and its URL empty.
	// Of the further clips an empty URL says it.
	ClipDeleted bool   `json:"clip_deleted"`
	Review      Review `json:"review"`
}

// AlertQuery says which alerts to list. What is zero does not matter.
type AlertQuery struct {
	Before   string // only those older than the one of that id
	Limit    int
	From     time.Time // opened then or later
	To       time.Time // opened earlier
	Cameras  []frames.CameraID
	Person   string // whom it turned out to be
	Stranger string
	State    ReviewState
}

// AlertPage is a part of the list.
type AlertPage struct {
	Alerts []AlertView `json:"alerts"`
	Next   string      `json:"next"` // Before of the next page; empty when nothing follows
}

// Since says which events to follow.
type Since struct {
	From  time.Time // from then on; zero: from now on
	After string    // from behind the event of that id on, if it is still kept, whatever From
}

// Alerts reads alerts, newest first, follows events, and keeps what people say of alerts.
type Alerts interface {
	List(ctx context.Context, q AlertQuery) (AlertPage, error)
	// Get returns one alert, or ErrNotFound.
	Get(ctx context.Context, id string) (AlertView, error)
	// Events yields events until ctx ends.
	Events(ctx context.Context, since Since) iter.Seq2[alerts.Event, error]
	// Review changes what people say of the alert, or returns ErrNotFound. change may be called again when somebody else
	// was quicker.
	Review(ctx context.Context, id string, change func(Review) Review) (AlertView, error)
}

func (s *Server) alertList(w http.ResponseWriter, r *asked) error {
	q, err := alertQuery(r, defaultAlerts, maxAlerts)
	if err != nil {
		return err
	}
	if len(q.Cameras) == 0 && len(r.caller.Cameras) > 0 { // none that it asked for is one that it sees
		return writeJSON(w, AlertPage{Alerts: []AlertView{}})
	}
	page, err := s.cfg.Alerts.List(r.Context(), q)
	if err != nil {
		return err
	}
	page.Alerts = list(page.Alerts)
	return writeJSON(w, page)
}

// alertQuery reads the filters. Of a caller who sees some cameras only, the query is of those.
func alertQuery(r *asked, limit, most int) (q AlertQuery, err error) {
	values := r.URL.Query()
	q = AlertQuery{Before: values.Get("cursor"), Person: values.Get("person"), Stranger: values.Get("stranger")}
	if q.Limit, err = number(values, "limit", limit, most); err != nil {
		return q, err
	}
	if q.From, err = instant(values, "from"); err != nil {
		return q, err
	}
	if q.To, err = instant(values, "to"); err != nil {
		return q, err
	}
	if q.State, err = parseState(values.Get("state")); err != nil {
		return q, err
	}
	q.Cameras = r.caller.Cameras
	if asked := values["camera"]; len(asked) > 0 {
		q.Cameras = nil
		for _, name := range asked {
			if _, err := frames.ParseCameraID(name); err != nil {
				return q, Refused{err.Error()}
			}
			if camera := frames.CameraID(name); r.caller.sees(camera) {
				q.Cameras = append(q.Cameras, camera)
			}
		}
	}
	return q, nil
}

// number reads a parameter that is 1 to most.
func number(values url.Values, name string, otherwise, most int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, Refused{fmt.Sprintf("%s is %q, want 1 to %d", name, text, most)}
	}
	return n, nil
}

// instant reads a parameter that is a time; zero when it is absent.
func instant(values url.Values, name string) (time.Time, error) {
	text := values.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, Refused{fmt.Sprintf("%s is %q, want a time such as 2026-11-22T20:15:31Z", name, text)}
	}
	return at, nil
}

func (s *Server) alert(w http.ResponseWriter, r *asked) error {
	found, err := s.visible(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, found)
}

// visible returns the alert if there is one for the caller: of another camera's nobody learns that it exists.
func (s *Server) visible(r *asked, id string) (AlertView, error) {
	found, err := s.cfg.Alerts.Get(r.Context(), id)
	if err == nil && !r.caller.sees(found.Alert.Camera) {
		err = ErrNotFound
	}
	if err != nil {
		return AlertView{}, fmt.Errorf("alert %s: %w", id, err)
	}
	return found, nil
}

// list makes sure that nothing is [] in JSON, not null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return slices.Clip(items)
}
