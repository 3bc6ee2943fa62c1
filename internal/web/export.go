package web

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"

	"vigil/clips"
)

// export answers a zip of all that is kept of an alert: alert.json, explanation.json, and of each clip the video, its
// record with its SHA-256, and the best shot. What is deleted is missing. A zip that could not be finished does not open.
func (s *Server) export(w http.ResponseWriter, r *asked) error {
	view, err := s.visible(r, r.PathValue("id"))
	if err != nil {
		return err
	}
	why, err := s.cfg.Explain.Explain(r.Context(), view.Alert.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "vigil-"+view.Alert.ID+".zip"))
	w.Header().Set("Cache-Control", "no-store")
	out := zip.NewWriter(w)
	if err := s.pack(r.Context(), out, view, why); err != nil {
		if r.Context().Err() == nil {
			s.cfg.Log.Error("export ended", "alert", view.Alert.ID, "error", err)
		}
		panic(http.ErrAbortHandler) // the answer has begun: only a connection that breaks tells
	}
	return nil
}

func (s *Server) pack(ctx context.Context, out *zip.Writer, view AlertView, why Explanation) error {
	if err := packJSON(out, "alert.json", view, view.Alert.OpenedAt.Time); err != nil {
		return err
	}
	if len(why.Tracks) > 0 {
		if err := packJSON(out, "explanation.json", why, view.Alert.OpenedAt.Time); err != nil {
			return err
		}
	}
	for _, clip := range view.Clips {
		name := strings.TrimSuffix(clip.Key, path.Ext(clip.Key))
		for _, ext := range []string{".mp4", ".json", ".jpg"} {
			if err := s.packObject(ctx, out, name+ext); err != nil && !errors.Is(err, clips.ErrNotFound) {
				return fmt.Errorf("%s: %w", name+ext, err)
			}
		}
	}
	return out.Close()
}

// packObject adds an object of the store. Videos and pictures are compressed already.
func (s *Server) packObject(ctx context.Context, out *zip.Writer, key string) error {
	body, object, err := s.cfg.Media.Get(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	file, err := out.CreateHeader(&zip.FileHeader{Name: path.Base(key), Method: zip.Store, Modified: object.Modified})
	if err != nil {
		return err
	}
	_, err = io.Copy(file, body)
	return err
}

func packJSON(out *zip.Writer, name string, v any, at time.Time) error {
	file, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: at})
	if err != nil {
		return err
	}
	e := json.NewEncoder(file)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
