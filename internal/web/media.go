package web

import (
	"context"
	"errors"
	"net/http"
	"path"
	"strings"
	"time"

	"vigil/clips"
)

// The only objects that links open: never a photo of an enrolled person.
var mediaPrefixes = []string{"clips/", "shots/"}

// media answers an object with Range, to a signed link or to a session.
func (s *Server) media(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	signed := s.cfg.Links.validMedia(key, r.URL.Query())
	if !signed {
		if status, _ := s.check(r); status != 0 {
			problem(w, http.StatusForbidden, "the link has expired or was changed")
			return
		}
	}
	s.answer(func(w http.ResponseWriter, r *http.Request) error { return s.serveMedia(r.Context(), w, r, key) }).ServeHTTP(w, r)
}

func (s *Server) serveMedia(ctx context.Context, w http.ResponseWriter, r *http.Request, key string) error {
	if !servable(key) {
		return ErrNotFound
	}
	body, object, err := s.cfg.Media.Get(ctx, key)
	if errors.Is(err, clips.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	w.Header().Set("Content-Type", object.ContentType)
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.Header().Set("Content-Disposition", `inline; filename="`+path.Base(key)+`"`)
	// A receiver's browser may play the clip on a page of its own.
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	http.ServeContent(w, r, "", object.Modified.Truncate(time.Second), body)
	return nil
}

// clipKey tells what signatures of clips' records are checked with.
func (s *Server) clipKey(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, map[string]string{"key": s.cfg.ClipKey})
}

func servable(key string) bool {
	for _, prefix := range mediaPrefixes {
		if strings.HasPrefix(key, prefix) && path.Clean(key) == key {
			return true
		}
	}
	return false
}
