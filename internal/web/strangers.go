package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"vigil/frames"
)

// StrangerView is somebody unknown who raised alerts.
type StrangerView struct {
	ID      string            `json:"id"`
	Alerts  []string          `json:"alerts"` // newest first
	Cameras []frames.CameraID `json:"cameras"`
	First   time.Time         `json:"first"` // when the first of these alerts opened
	Last    time.Time         `json:"last"`
	ShotURL string            `json:"shot_url"` // of the latest alert that has one
}

// Identity is who somebody says that a stranger is.
type Identity struct {
	Person  string   // a name; empty with Ignored, and one is made
	Ignored bool     // nobody's name: the stranger is only to raise no alert
	Also    []string // further alerts that show the same person
	Only    bool     // the stranger's other alerts show somebody else
	Force   bool     // enrol the pictures also when they resemble somebody else
	By      string   // who says it
}

// Named is what became of it.
type Named struct {
	Person  string      `json:"person"`
	Ignored bool        `json:"ignored"`
	Photos  []PhotoView `json:"photos"` // those that were looked at
	Alerts  []string    `json:"alerts"` // that are told to have been this person
}

// Strangers lists strangers, and makes people of them.
type Strangers interface {
	// Strangers lists them by the latest alert, the latest first.
	Strangers(ctx context.Context) ([]StrangerView, error)
	// Name enrols the pictures of the alert's stranger, and corrects all alerts of that stranger and the further ones.
	Name(ctx context.Context, alert string, who Identity) (Named, error)
	// Undo takes back what Name did to the alert and to those that were named with it. Receivers are not told.
	Undo(ctx context.Context, alert, by string) (AlertView, error)
}

func (s *Server) strangers(w http.ResponseWriter, r *asked) error {
	found, err := s.cfg.Strangers.Strangers(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"strangers": list(found)})
}

func (s *Server) name(w http.ResponseWriter, r *asked) error {
	var in struct {
		Person string   `json:"person"`
		Also   []string `json:"also"`
		Only   bool     `json:"only"`
		Force  bool     `json:"force"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if err := checkName(in.Person); err != nil {
		return err
	}
	return s.identify(w, r, Identity{Person: in.Person, Also: in.Also, Only: in.Only, Force: in.Force, By: r.caller.Name})
}

func (s *Server) ignore(w http.ResponseWriter, r *asked) error {
	var in struct {
		Also []string `json:"also"`
		Only bool     `json:"only"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	return s.identify(w, r, Identity{Ignored: true, Also: in.Also, Only: in.Only, By: r.caller.Name})
}

func (s *Server) identify(w http.ResponseWriter, r *asked, who Identity) error {
	named, err := s.cfg.Strangers.Name(r.Context(), r.PathValue("id"), who)
	if err != nil {
		return ofAlert(r, err)
	}
	s.cfg.Log.Info("stranger named", "alert", r.PathValue("id"), "ignored", who.Ignored, "alerts", len(named.Alerts), "by", who.By)
	named.Photos, named.Alerts = list(named.Photos), list(named.Alerts)
	return writeJSON(w, named)
}

func (s *Server) undo(w http.ResponseWriter, r *asked) error {
	view, err := s.cfg.Strangers.Undo(r.Context(), r.PathValue("id"), r.caller.Name)
	if err != nil {
		return ofAlert(r, err)
	}
	s.cfg.Log.Info("naming undone", "alert", r.PathValue("id"), "by", r.caller.Name)
	return writeJSON(w, view)
}

// ofAlert says of which alert there is none.
func ofAlert(r *asked, err error) error {
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("alert %s: %w", r.PathValue("id"), err)
	}
	return err
}
