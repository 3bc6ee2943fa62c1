package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"vigil/frames"
)

// TokenInput says what a new token is for and what it may do.
type TokenInput struct {
	Name    string            `json:"name"`
	Role    Role              `json:"role"`
	Cameras []frames.CameraID `json:"cameras,omitempty"` // only of a viewer: those that it may see; empty: all
}

// NewTokenView is a token that was just made, with what proves it.
type NewTokenView struct {
	Token  Token  `json:"token"`
	Secret string `json:"secret"`
}

func (s *Server) tokens(w http.ResponseWriter, r *asked) error {
	kept, err := s.cfg.Tokens.Tokens(r.Context())
	if err != nil {
		return err
	}
	shown := make([]Token, len(kept))
	for i, t := range kept {
		shown[i] = t.Token
	}
	return writeJSON(w, map[string]any{"tokens": shown})
}

func (s *Server) createToken(w http.ResponseWriter, r *asked) error {
	var in TokenInput
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	made := Token{Name: in.Name, Role: in.Role, Cameras: list(in.Cameras), Created: time.Now().UTC(), CreatedBy: r.caller.Name}
	if err := made.check(); err != nil {
		return err
	}
	id, secret := newTokenID()
	made.ID = id
	if err := s.cfg.Tokens.AddToken(r.Context(), KeptToken{Token: made, Hash: HashToken(secret)}); err != nil {
		return fmt.Errorf("make token: %w", err)
	}
	s.cfg.Log.Info("token made", "token", id, "name", made.Name, "role", made.Role, "cameras", made.Cameras, "by", r.caller.Name)
	return writeMade(w, NewTokenView{Token: made, Secret: secret})
}

func (s *Server) revokeToken(w http.ResponseWriter, r *asked) error {
	id := r.PathValue("id")
	err := s.cfg.Tokens.RevokeToken(r.Context(), id)
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("token %s: %w", id, err)
	}
	if err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	s.cfg.Log.Info("token revoked", "token", id, "by", r.caller.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
