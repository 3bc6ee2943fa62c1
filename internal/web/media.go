package web

import (
	"errors"
	"net/http"
	"path"
	"strings"
	"time"

	"vigil/clips"
	"vigil/frames"
)

// The only objects that links open: never a photo of an enrolled person. Behind the prefix and the day, which is
// yyyy/mm/dd, comes the camera.
var mediaPrefixes = []string{"clips/", "shots/"}

// signedMedia says whether the link opens by itself.
func (s *Server) signedMedia(r *http.Request) bool {
	return s.cfg.Links.validMedia(r.PathValue("key"), r.URL.Query())
}

// media answers an object with Range.
func (s *Server) media(w http.ResponseWriter, r *asked) error {
	key := r.PathValue("key")
	if !servable(key) || !r.caller.sees(cameraOf(key)) {
		return ErrNotFound
	}
	body, object, err := s.cfg.Media.Get(r.Context(), key)
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
	http.ServeContent(&rangeProblem{ResponseWriter: w}, r.Request, "", object.Modified.Truncate(time.Second), body)
	return nil
}

// clipKey tells what signatures of clips' records are checked with.
func (s *Server) clipKey(w http.ResponseWriter, _ *asked) error {
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

// cameraOf is the camera in the key of a clip or a shot; empty when there is none.
func cameraOf(key string) frames.CameraID {
	if parts := strings.Split(key, "/"); len(parts) == 6 {
		return frames.CameraID(parts[4])
	}
	return ""
}

// rangeProblem writes net/http's own refusal of a range as a problem document.
type rangeProblem struct {
	http.ResponseWriter
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (w *rangeProblem) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.refused = true
	for _, name := range []string{"Content-Disposition", "Content-Length", "Last-Modified", "Etag"} {
		w.Header().Del(name)
	}
	problem(w.ResponseWriter, status, "the object has no such range of bytes")
}

// Write implements http.ResponseWriter.
func (w *rangeProblem) Write(data []byte) (int, error) {
	if w.refused {
		return len(data), nil
	}
	return w.ResponseWriter.Write(data)
}

// Unwrap is for http.ResponseController.
func (w *rangeProblem) Unwrap() http.ResponseWriter { return w.ResponseWriter }
