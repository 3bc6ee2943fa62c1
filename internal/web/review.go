package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"
)

const (
	maxNote  = 2000 // bytes
	maxNotes = 100  // of an alert
)

// ReviewState is how far people have come with an alert.
type ReviewState string

// The states. An alert of which nobody has said anything is new.
const (
	ReviewNew       ReviewState = "new"
	ReviewSeen      ReviewState = "seen"
	ReviewDismissed ReviewState = "dismissed"
)

// Review is what people say of an alert. Its zero value is that of an alert nobody has looked at.
type Review struct {
	State  ReviewState `json:"state"`
	By     string      `json:"by"` // who set the state last
	At     *time.Time  `json:"at"`
	Notes  []Note      `json:"notes"`
	Naming *Naming     `json:"naming"`
}

// Note is a remark.
type Note struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Text string    `json:"text"`
}

// Naming is what somebody said of who the stranger is.
type Naming struct {
	Person  string    `json:"person"`
	Ignored bool      `json:"ignored"` // the person is nobody's name: it only keeps the stranger from raising alerts
	At      time.Time `json:"at"`
	By      string    `json:"by"`
}

// MarshalJSON shows what was never said as it is.
func (v Review) MarshalJSON() ([]byte, error) {
	type plain Review // without this method
	if v.State == "" {
		v.State = ReviewNew
	}
	v.Notes = list(v.Notes)
	return json.Marshal(plain(v))
}

// parseState reads a state; empty stays empty.
func parseState(text string) (ReviewState, error) {
	switch state := ReviewState(text); state {
	case "", ReviewNew, ReviewSeen, ReviewDismissed:
		return state, nil
	}
	return "", Refused{fmt.Sprintf("state is %q, want new, seen or dismissed", text)}
}

func (s *Server) review(w http.ResponseWriter, r *asked) error {
	var in struct {
		State string `json:"state"`
		Was   string `json:"was"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	state, err := parseState(in.State)
	if err != nil || state == "" {
		return errors.Join(err, Refused{"state is missing: want new, seen or dismissed"})
	}
	was, err := parseState(in.Was)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	view, err := s.cfg.Alerts.Review(r.Context(), r.PathValue("id"), func(v Review) Review {
		if was == "" || was == cmp.Or(v.State, ReviewNew) {
			v.State, v.By, v.At = state, r.caller.Name, &now
		}
		return v
	})
	if err != nil {
		return fmt.Errorf("alert %s: %w", r.PathValue("id"), err)
	}
	return writeJSON(w, view)
}

func (s *Server) addNote(w http.ResponseWriter, r *asked) error {
	var in struct {
		Text string `json:"text"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	if in.Text == "" || len(in.Text) > maxNote || !utf8.ValidString(in.Text) {
		return Refused{fmt.Sprintf("text has %d bytes, want 1 to %d of UTF-8", len(in.Text), maxNote)}
	}
	note := Note{At: time.Now().UTC(), By: r.caller.Name, Text: in.Text}
	full := false
	_, err := s.cfg.Alerts.Review(r.Context(), r.PathValue("id"), func(v Review) Review {
		if full = len(v.Notes) >= maxNotes; !full {
			v.Notes = append(list(v.Notes), note)
		}
		return v
	})
	if err != nil {
		return fmt.Errorf("alert %s: %w", r.PathValue("id"), err)
	}
	if full {
		return Refused{fmt.Sprintf("the alert has %d notes, which is all that it may have", maxNotes)}
	}
	return writeMade(w, note)
}
