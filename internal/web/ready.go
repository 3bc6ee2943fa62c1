package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

const probeTime = 3 * time.Second

// part is one line of the answer to /readyz.
type part struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

func (s *Server) probe(ctx context.Context) (ready bool, parts []part) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	parts = make([]part, len(s.cfg.Checks))
	var asked sync.WaitGroup
	for i, check := range s.cfg.Checks { // at once: a part that does not answer takes no time from the others
		asked.Go(func() {
			err := check.Probe(ctx)
			_, notice := errors.AsType[Notice](err)
			parts[i] = part{Name: check.Name, OK: err == nil || notice}
			if err != nil {
				parts[i].Detail = err.Error()
			}
		})
	}
	asked.Wait()
	return !slices.ContainsFunc(parts, func(p part) bool { return !p.OK }), parts
}

// ready names the part that fails. It is open to everybody who reaches the listener, so it shows no names of cameras or people.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ready, parts := s.probe(r.Context())
	w.Header().Set("Content-Type", "application/json")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = writeJSON(w, map[string]any{"ready": ready, "parts": list(parts)})
}

func (s *Server) system(w http.ResponseWriter, r *http.Request) error {
	ready, parts := s.probe(r.Context())
	return writeJSON(w, map[string]any{"version": s.cfg.Version, "ready": ready, "parts": list(parts)})
}
