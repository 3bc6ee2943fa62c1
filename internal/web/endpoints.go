package web

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	defaultDeliveries = 50
	maxDeliveries     = 1000
)

// Words for how an endpoint, and one of its deliveries, is doing.
const (
	EndpointEnabled   = "enabled"
	EndpointDisabled  = "disabled" // it has answered 410
	EndpointWaiting   = "waiting"  // it is away and only probed, or has asked to wait
	DeliveryDelivered = "delivered"
	DeliveryWaiting   = "waiting"
	DeliveryGivenUp   = "given up"
)

// EndpointView is a receiver of webhooks as the API shows it. Its URL is not shown: the path may be secret.
type EndpointView struct {
	ID        string `json:"id"`
	Host      string `json:"host,omitempty"`       // of its URL; empty when this process's configuration lacks the endpoint
	PublicKey string `json:"public_key,omitempty"` // of an Ed25519 secret
	State     string `json:"state"`

	Failures int       `json:"failures"`       // attempts in a row that failed
	Since    time.Time `json:"since,omitzero"` // the first of them
	Next     time.Time `json:"next,omitzero"`  // no attempt before
	Status   int       `json:"status"`         // of the last attempt; 0 when there was no answer, or no attempt
	Reason   string    `json:"reason"`         // why the last attempt failed
	Last     time.Time `json:"last,omitzero"`  // the last attempt
	Taken    time.Time `json:"taken,omitzero"` // the last one that was taken

	Outstanding int `json:"outstanding"` // deliveries that are neither taken nor given up
}

// AttemptView is one attempt of a delivery.
type AttemptView struct {
	At      time.Time `json:"at"`
	Seconds float64   `json:"seconds"` // how long it took
	Status  int       `json:"status"`  // 0 when there was no answer
	Reason  string    `json:"reason,omitempty"`
}

// DeliveryView is a webhook on its way to one endpoint.
type DeliveryView struct {
	Webhook  string        `json:"webhook_id"`
	Type     string        `json:"type"`
	State    string        `json:"state"`
	Updated  time.Time     `json:"updated"`
	Next     time.Time     `json:"next,omitzero"` // the next attempt, when one is planned
	Attempts []AttemptView `json:"attempts"`      // the latest, oldest first
}

// Webhooks tells of endpoints and acts on them. An endpoint that is not there is ErrNotFound.
type Webhooks interface {
	// Endpoints lists them by id.
	Endpoints(ctx context.Context) ([]EndpointView, error)
	// Deliveries returns at most limit deliveries that were attempted, the latest first; with a webhook-id that one
	// alone, if it was.
	Deliveries(ctx context.Context, endpoint, webhook string, limit int) ([]DeliveryView, error)
	// Test sends a test event as any other is sent, and returns its webhook-id.
	Test(ctx context.Context, endpoint string) (string, error)
	// Enable uses the endpoint again after a 410, and lets what waits try again within minutes.
	Enable(ctx context.Context, endpoint string) error
	// ReplayAll puts back what was given up since then (zero: all of it), and returns how many.
	ReplayAll(ctx context.Context, endpoint string, since time.Time) (int, error)
}

func (s *Server) endpoints(w http.ResponseWriter, r *asked) error {
	found, err := s.cfg.Webhooks.Endpoints(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"endpoints": list(found)})
}

func (s *Server) deliveries(w http.ResponseWriter, r *asked) error {
	limit, err := number(r.URL.Query(), "limit", defaultDeliveries, maxDeliveries)
	if err != nil {
		return err
	}
	found, err := s.cfg.Webhooks.Deliveries(r.Context(), r.PathValue("id"), r.URL.Query().Get("webhook"), limit)
	if err != nil {
		return ofEndpoint(r, err)
	}
	return writeJSON(w, map[string]any{"deliveries": list(found)})
}

func (s *Server) testEndpoint(w http.ResponseWriter, r *asked) error {
	id, err := s.cfg.Webhooks.Test(r.Context(), r.PathValue("id"))
	if err != nil {
		return ofEndpoint(r, err)
	}
	return writeJSON(w, map[string]any{"webhook_id": id})
}

func (s *Server) enableEndpoint(w http.ResponseWriter, r *asked) error {
	if err := s.cfg.Webhooks.Enable(r.Context(), r.PathValue("id")); err != nil {
		return ofEndpoint(r, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) replayEndpoint(w http.ResponseWriter, r *asked) error {
	since, err := instant(r.URL.Query(), "since")
	if err != nil {
		return err
	}
	n, err := s.cfg.Webhooks.ReplayAll(r.Context(), r.PathValue("id"), since)
	if err != nil {
		return ofEndpoint(r, err)
	}
	return writeJSON(w, map[string]any{"replayed": n})
}

func ofEndpoint(r *asked, err error) error {
	return fmt.Errorf("endpoint %s: %w", r.PathValue("id"), err)
}
