package web

import (
	"context"
	"net/http"
)

// Drill is what came of a drill.
type Drill struct {
	Passed  bool        `json:"passed"`
	Steps   []DrillStep `json:"steps"`
	Problem string      `json:"problem"` // what failed
}

// DrillStep is something that worked.
type DrillStep struct {
	Step  string  `json:"step"`
	After float64 `json:"after_seconds"` // since the drill began
}

// Driller proves that a stranger raises an alert on this machine.
type Driller interface {
	// Drill is a Refused where it cannot be done, and a Conflict while another one goes on. That it fails is in what it
	// returns.
	Drill(ctx context.Context) (Drill, error)
}

func (s *Server) drill(w http.ResponseWriter, r *asked) error {
	done, err := s.cfg.Drill.Drill(r.Context())
	if err != nil {
		return err
	}
	done.Steps = list(done.Steps)
	return writeJSON(w, done)
}
