package web

import (
	"encoding/json"
	"fmt"
	"time"
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
