package web

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"vigil/frames"
)

// SessionView says who asks.
type SessionView struct {
	Token   string            `json:"token"`
	Name    string            `json:"name"`
	Role    Role              `json:"role"`
	Cameras []frames.CameraID `json:"cameras"`
}

func sessionView(t Token) SessionView {
	return SessionView{Token: t.ID, Name: t.Name, Role: t.Role, Cameras: list(t.Cameras)}
}

func (s *Server) session(w http.ResponseWriter, r *asked) error {
	return writeJSON(w, sessionView(r.caller))
}

// login turns a token into a cookie. A locked address or account is not looked at: a person may wait.
func (s *Server) login(w http.ResponseWriter, r *asked) error {
	if err := s.origins.Check(r.Request); err != nil {
		return failure{http.StatusForbidden, "pages of other hosts may not log in here"}
	}
	var in struct {
		Token string `json:"token"`
	}
	if err := readJSON(w, r, &in); err != nil {
		return err
	}
	now, address := time.Now(), addressOf(r.Request)
	if s.lockout.locked(now, address) {
		return errLocked
	}
	secret := strings.TrimSpace(in.Token)
	who, account, err := s.prove(r.Context(), secret)
	if account == "" {
		account = "account " + who.ID
	}
	switch {
	case s.lockout.locked(now, account):
		return errLocked
	case errors.Is(err, ErrNotFound):
		s.lockout.wrong(now, address, account)
		return failure{http.StatusUnauthorized, "wrong token"}
	case err != nil:
		return err
	}
	known, err := s.find(r.Context(), who.ID)
	if err != nil {
		return err
	}
	r.caller = who
	http.SetCookie(w, s.cookie(known.ID+"."+s.cfg.Links.session(known, now.Add(sessionLife)), int(sessionLife.Seconds())))
	return writeJSON(w, sessionView(who))
}

func (s *Server) logout(w http.ResponseWriter, r *asked) error {
	if err := s.origins.Check(r.Request); err != nil {
		return failure{http.StatusForbidden, "pages of other hosts may not log out here"}
	}
	http.SetCookie(w, s.cookie("", -1))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: sessionCookie, Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: s.cfg.Secure, SameSite: http.SameSiteStrictMode,
	}
}
