package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	defaultAlerts = 50
	maxAlerts     = 500
	maxUpload     = 64 << 20 // bytes of all photos of one request
	maxPhoto      = 16 << 20
	maxPhotos     = 50
	keepAlive     = 15 * time.Second
)

func (s *Server) cameras(w http.ResponseWriter, r *http.Request) error {
	states, err := s.cfg.Cameras.Cameras(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"cameras": list(states)})
}

func (s *Server) alertList(w http.ResponseWriter, r *http.Request) error {
	limit := defaultAlerts
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxAlerts {
			return Refused{fmt.Sprintf("limit is %q, want 1 to %d", text, maxAlerts)}
		}
		limit = n
	}
	found, err := s.cfg.Alerts.List(r.Context(), r.URL.Query().Get("before"), limit)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"alerts": list(found)})
}

func (s *Server) alert(w http.ResponseWriter, r *http.Request) error {
	found, err := s.cfg.Alerts.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return fmt.Errorf("alert %s: %w", r.PathValue("id"), err)
	}
	return writeJSON(w, found)
}

// events streams server-sent events (WHATWG HTML, 9.2): one per event, its JSON the webhook's body.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	var from time.Time
	if text := r.URL.Query().Get("from"); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return Refused{fmt.Sprintf("from is %q, want a time such as 2026-11-22T20:15:31Z", text)}
		}
		from = at
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(w)
	_ = out.SetWriteDeadline(time.Time{})
	_, _ = io.WriteString(w, ": hello\n\n")
	_ = out.Flush()
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		for event, err := range s.cfg.Alerts.Events(r.Context(), from) {
			if err != nil {
				failed <- err
				return
			}
			var line bytes.Buffer
			fmt.Fprintf(&line, "id: %s\nevent: %s\ndata: ", event.ID(), event.Type)
			_ = encoder(&line).Encode(event) // ends the line
			line.WriteByte('\n')
			select {
			case lines <- line.Bytes():
			case <-r.Context().Done():
				return
			}
		}
	}()
	return s.stream(w, lines, failed)
}

// stream writes lines as they come, and a comment now and then so that proxies keep the connection.
func (s *Server) stream(w http.ResponseWriter, lines <-chan []byte, failed <-chan error) error {
	out := http.NewResponseController(w)
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		line := []byte(": still here\n\n")
		select {
		case more, ok := <-lines:
			if !ok {
				select {
				case err := <-failed:
					s.cfg.Log.Warn("event stream ended", "error", err)
				default:
				}
				return nil
			}
			line = more
		case <-tick.C:
		}
		_, err := w.Write(line)
		if err = errors.Join(err, out.Flush()); err != nil {
			for range lines { // the request's context ends with its connection, and the lines with it
			}
			return nil
		}
	}
}

func (s *Server) people(w http.ResponseWriter, r *http.Request) error {
	people, err := s.cfg.People.People(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"people": list(people)})
}

func (s *Server) calibration(w http.ResponseWriter, r *http.Request) error {
	report, err := s.cfg.People.Calibration(r.Context())
	if err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	return writeJSON(w, report)
}

func (s *Server) retention(w http.ResponseWriter, r *http.Request) error {
	view, err := s.cfg.Keeps.Retention(r.Context())
	if err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	view.Last, view.Preview = list(view.Last), list(view.Preview)
	return writeJSON(w, view)
}

// choices reads ?face=2&force=true.
func choices(r *http.Request) (c Choices, err error) {
	if text := r.URL.Query().Get("face"); text != "" {
		if c.Face, err = strconv.Atoi(text); err != nil || c.Face < 1 {
			return c, Refused{fmt.Sprintf("face is %q, want a number from 1, counted from left to right", text)}
		}
	}
	if text := r.URL.Query().Get("force"); text != "" {
		if c.Force, err = strconv.ParseBool(text); err != nil {
			return c, Refused{fmt.Sprintf("force is %q, want true or false", text)}
		}
	}
	return c, nil
}

// enrol takes photos as multipart/form-data, each part named "photo".
func (s *Server) enrol(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	if name == "" || len(name) > 200 {
		return Refused{"the name must have 1 to 200 bytes"}
	}
	chosen, err := choices(r)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUpload)
	photos, err := readPhotos(r)
	if err != nil {
		return err
	}
	person, err := s.cfg.People.Enrol(r.Context(), name, photos, chosen)
	if err != nil {
		return fmt.Errorf("enrol %s: %w", name, err)
	}
	return writeJSON(w, person)
}

func readPhotos(r *http.Request) (photos []Photo, err error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, Refused{"want photos as multipart/form-data: " + err.Error()}
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read photos: %w", err)
		}
		data, err := io.ReadAll(io.LimitReader(part, maxPhoto+1))
		if err != nil {
			return nil, fmt.Errorf("read photo %s: %w", part.FileName(), err)
		}
		if len(data) > maxPhoto || len(photos) == maxPhotos {
			return nil, Refused{fmt.Sprintf("%s: want at most %d photos of %d MiB each", part.FileName(), maxPhotos, maxPhoto>>20)}
		}
		photos = append(photos, Photo{Name: part.FileName(), Data: data})
	}
	if len(photos) == 0 {
		return nil, Refused{"no photo was sent"}
	}
	return photos, nil
}

func (s *Server) removePerson(w http.ResponseWriter, r *http.Request) error {
	if err := s.cfg.People.Remove(r.Context(), r.PathValue("name")); err != nil {
		return fmt.Errorf("person %s: %w", r.PathValue("name"), err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// list makes sure that nothing is [] in JSON, not null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
