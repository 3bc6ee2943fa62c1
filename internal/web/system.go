package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
func (s *Server) ready(w http.ResponseWriter, r *asked) error {
	ready, parts := s.probe(r.Context())
	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}
	return writeStatus(w, status, map[string]any{"ready": ready, "parts": list(parts)})
}

func (s *Server) system(w http.ResponseWriter, r *asked) error {
	ready, parts := s.probe(r.Context())
	return writeJSON(w, map[string]any{"version": s.cfg.Version, "ready": ready, "parts": list(parts)})
}

func (s *Server) health(w http.ResponseWriter, _ *asked) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
	return nil
}

func (s *Server) metrics(w http.ResponseWriter, r *asked) error {
	s.cfg.Metrics.ServeHTTP(w, r.Request)
	return nil
}

// config shows the configuration of this process.
func (s *Server) config(w http.ResponseWriter, _ *asked) error {
	return writeJSON(w, json.RawMessage(s.cfg.Settings))
}

func (s *Server) retention(w http.ResponseWriter, r *asked) error {
	view, err := s.cfg.Keeps.Retention(r.Context())
	if err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	view.Last, view.Preview = list(view.Last), list(view.Preview)
	return writeJSON(w, view)
}
