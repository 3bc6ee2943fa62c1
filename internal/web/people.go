package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"vigil/vision"
)

const (
	maxUpload = 64 << 20 // bytes of all photos of one request
	maxPhoto  = 10 << 20
	maxPhotos = 50
)

// Photo is one uploaded picture.
type Photo struct {
	Name string
	Data []byte
}

// Choices are what the one who enrols decides.
type Choices struct {
	Face  int  // which face of each photo, counted from left to right, from 1; 0: the only one
	Force bool // use photos also when they resemble somebody else, or not the person's other ones
}

// PhotoView is a photo of a person and what was thought of it.
type PhotoView struct {
	ID      string          `json:"id"` // empty for a photo of the configuration, and for one that is not kept
	File    string          `json:"file"`
	Used    bool            `json:"used"`
	Verdict string          `json:"verdict"`
	Quality *vision.Quality `json:"quality"` // of the face, where that is known
	Added   *time.Time      `json:"added"`   // where that is known
}

// PersonView is a person as the API shows them.
type PersonView struct {
	Name    string      `json:"name"`
	Source  string      `json:"source"`  // "configuration" or "enrolled"
	Ignored bool        `json:"ignored"` // nobody's name: a stranger who is to raise no alert
	Updated time.Time   `json:"updated"`
	Photos  []PhotoView `json:"photos"`
}

// Receipt is what was erased of a person, and what goes by its age.
type Receipt struct {
	Person   string    `json:"person"`
	ErasedAt time.Time `json:"erased_at"`
	Photos   int       `json:"photos"` // that were deleted
	Kept     []Kept    `json:"kept"`
}

// Kept is history that names the person.
type Kept struct {
	What  string    `json:"what"`
	Until time.Time `json:"until"`
}

// People lists, enrols and erases people.
type People interface {
	People(ctx context.Context) ([]PersonView, error)
	// Enrol adds photos to the person of that name. Refused when none of them can be used; nothing is kept then.
	Enrol(ctx context.Context, name string, photos []Photo, c Choices) (PersonView, error)
	// Erase forgets the person and the photos: ErrNotFound, or Refused for people of the configuration.
	Erase(ctx context.Context, name string) (Receipt, error)
	// Calibration tells how well the gallery keeps people apart.
	Calibration(ctx context.Context) (vision.Report, error)
}

func (s *Server) people(w http.ResponseWriter, r *asked) error {
	people, err := s.cfg.People.People(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"people": list(people)})
}

func (s *Server) calibration(w http.ResponseWriter, r *asked) error {
	report, err := s.cfg.People.Calibration(r.Context())
	if err != nil {
		return fmt.Errorf("calibration: %w", err)
	}
	return writeJSON(w, report)
}

// choices reads ?face=2&force=true.
func choices(r *asked) (c Choices, err error) {
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
func (s *Server) enrol(w http.ResponseWriter, r *asked) error {
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

func readPhotos(r *asked) (photos []Photo, err error) {
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

func (s *Server) erase(w http.ResponseWriter, r *asked) error {
	receipt, err := s.cfg.People.Erase(r.Context(), r.PathValue("name"))
	if err != nil {
		return fmt.Errorf("person %s: %w", r.PathValue("name"), err)
	}
	s.cfg.Log.Info("person erased", "photos", receipt.Photos, "by", r.caller.Name)
	receipt.Kept = list(receipt.Kept)
	return writeJSON(w, receipt)
}
