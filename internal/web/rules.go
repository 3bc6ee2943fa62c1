package web

import (
	"context"
	"net/http"
	"time"
)

// WindowView is a time of the week, as the configuration has it: empty days are all, empty times midnight.
type WindowView struct {
	Days []string `json:"days"`
	From string   `json:"from"`
	To   string   `json:"to"`
}

// RuleView is a rule as the API shows it. An empty list is everybody, everywhere, always, or everyone who can be told.
type RuleView struct {
	Name      string       `json:"name"`
	Who       []string     `json:"who"` // "unknown", "undecided", "known"
	People    []string     `json:"people"`
	Groups    []string     `json:"groups"`
	Cameras   []string     `json:"cameras"`
	Zones     []string     `json:"zones"`
	Schedule  []WindowView `json:"schedule"`
	TimeZone  string       `json:"time_zone"` // empty: of the machine of the role alerts
	Active    bool         `json:"active"`    // the schedule covers this moment
	Cooldown  float64      `json:"cooldown_seconds"`
	Endpoints []string     `json:"endpoints"`
	Raised    int64        `json:"raised"` // alerts since the alerts role began
	Held      int64        `json:"held"`   // tracks since then that raised none because of the cooldown
	Last      time.Time    `json:"last"`   // when the latest alert that is kept was opened; zero: none
	Missing   []string     `json:"missing"`
}

// Rules tells what raises alerts, the most important first.
type Rules interface {
	Rules(ctx context.Context) ([]RuleView, error)
}

func (s *Server) rules(w http.ResponseWriter, r *asked) error {
	views, err := s.cfg.Rules.Rules(r.Context())
	if err != nil {
		return err
	}
	for i := range views {
		v := &views[i]
		for _, names := range []*[]string{&v.Who, &v.People, &v.Groups, &v.Cameras, &v.Zones, &v.Endpoints, &v.Missing} {
			*names = list(*names)
		}
		v.Schedule = list(v.Schedule)
		for j := range v.Schedule {
			v.Schedule[j].Days = list(v.Schedule[j].Days)
		}
	}
	return writeJSON(w, map[string]any{"rules": list(views)})
}
