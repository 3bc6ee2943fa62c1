package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	maxJSON  = 64 << 10
	jsonTime = 10 * time.Second // for all of a JSON body
)

// asked is a request and who asks: a Token without a role where nobody has to say.
type asked struct {
	*http.Request
	caller Token
}

// failure is an error that says its own status, and whose text is meant for the one who asked.
type failure struct {
	status int
	detail string
}

func (f failure) Error() string { return f.detail }

// answer runs a handler and turns its error into problem+json (RFC 9457): the one place that maps errors to HTTP.
func (s *Server) answer(w http.ResponseWriter, r *asked, handle func(http.ResponseWriter, *asked) error) {
	err := handle(w, r)
	if err == nil || r.Context().Err() != nil {
		return
	}
	refused, isRefused := errors.AsType[Refused](err)
	failed, isFailure := errors.AsType[failure](err)
	conflict, isConflict := errors.AsType[Conflict](err)
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isConflict:
		problem(w, http.StatusConflict, conflict.Reason)
	case isFailure:
		if failed.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="vigil"`)
		}
		problem(w, failed.status, failed.detail)
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
}

// problem writes a problem document.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = encoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail,
	})
}

func writeJSON(w http.ResponseWriter, v any) error { return writeStatus(w, http.StatusOK, v) }

func writeMade(w http.ResponseWriter, v any) error { return writeStatus(w, http.StatusCreated, v) }

func writeStatus(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
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

// readJSON reads a small body, soon, that has no keys but those of v.
func readJSON(w http.ResponseWriter, r *asked, v any) error {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(jsonTime)) // a connection that is gone needs none
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJSON))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		_, err = decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows the value")
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return err
	}
	return failure{http.StatusBadRequest, fmt.Sprintf("body: want JSON as the description says: %v", err)}
}
