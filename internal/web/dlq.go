package web

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// DeadView is a message that was given up, as the API shows it.
type DeadView struct {
	ID         string    `json:"id"` // its place in the dead-letter queue
	Stream     string    `json:"stream"`
	Consumer   string    `json:"consumer"`
	Message    string    `json:"message"` // its id in the stream
	Reason     string    `json:"reason"`
	Deliveries int       `json:"deliveries"`
	Since      time.Time `json:"since"` // when it was given up

	Endpoint string `json:"endpoint,omitempty"`   // of a webhook
	Webhook  string `json:"webhook_id,omitempty"` // of a webhook
	Body     string `json:"body,omitempty"`       // not in a list
}

// DeadLetters reads the dead-letter queue and puts messages back.
type DeadLetters interface {
	// Dead lists what was given up, oldest first.
	Dead(ctx context.Context) ([]DeadView, error)
	// DeadLetter returns one message with its body, or ErrNotFound.
	DeadLetter(ctx context.Context, id string) (DeadView, error)
	// Replay puts the message back where it was, the same to the byte, or returns ErrNotFound.
	Replay(ctx context.Context, id string) error
}

func (s *Server) dead(w http.ResponseWriter, r *asked) error {
	found, err := s.cfg.Dead.Dead(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"dead": list(found)})
}

func (s *Server) deadLetter(w http.ResponseWriter, r *asked) error {
	found, err := s.cfg.Dead.DeadLetter(r.Context(), r.PathValue("id"))
	if err != nil {
		return fmt.Errorf("dead letter %s: %w", r.PathValue("id"), err)
	}
	return writeJSON(w, found)
}

func (s *Server) replay(w http.ResponseWriter, r *asked) error {
	if err := s.cfg.Dead.Replay(r.Context(), r.PathValue("id")); err != nil {
		return fmt.Errorf("dead letter %s: %w", r.PathValue("id"), err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
