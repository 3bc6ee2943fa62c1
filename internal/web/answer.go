package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// answer runs a handler and turns its error into problem+json (RFC 9457): the one place that maps errors to HTTP.
func (s *Server) answer(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := handle(w, r)
		if err == nil || r.Context().Err() != nil {
			return
		}
		refused, isRefused := errors.AsType[Refused](err)
		_, tooLarge := errors.AsType[*http.MaxBytesError](err)
		switch {
		case isRefused:
			problem(w, http.StatusUnprocessableEntity, refused.Reason)
		case errors.Is(err, ErrNotFound):
			problem(w, http.StatusNotFound, err.Error())
		case tooLarge:
			problem(w, http.StatusRequestEntityTooLarge, err.Error())
		case errors.Is(err, context.DeadlineExceeded):
			s.cfg.Log.Warn("request took too long", "path", r.URL.Path, "error", err)
			problem(w, http.StatusGatewayTimeout, "a part of the program did not answer in time")
		default:
			s.cfg.Log.Error("request failed", "path", r.URL.Path, "error", err)
			problem(w, http.StatusInternalServerError, "something failed inside; the log says what")
		}
	})
}

// problem writes a problem document.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = encoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = encoder(w).Encode(v) // an error here is the client's connection
	return nil
}

// encoder writes JSON in which the & of a link stays one: nothing here is put into HTML, and nosniff keeps browsers
// from taking it for that.
func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}
