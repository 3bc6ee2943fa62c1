package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"vigil/vision"
)

const (
	maxName = 200 // bytes
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
	// Photo returns the bytes of a photo of the person, or ErrNotFound.
	Photo(ctx context.Context, name, photo string) ([]byte, error)
	// RemovePhoto forgets a photo: ErrNotFound, or Refused for the last one and for people of the configuration.
	RemovePhoto(ctx context.Context, name, photo string) error
	// Calibration tells how well the gallery keeps people apart.
	Calibration(ctx context.Context) (vision.Report, error)
	// Health tells what would make the gallery better.
	Health(ctx context.Context) (HealthView, error)
}

// Problems of a person's photos.
const (
	TooFew    = "too_few"
	TooOld    = "too_old"
	AnOutlier = "outlier"    // a photo that is not like the person's other ones
	LookAlike = "look_alike" // the person may be taken for somebody else
)

// Advice is what would make a person's photos better.
type Advice struct {
	Person  string `json:"person"`
	Problem string `json:"problem"`
	Photo   string `json:"photo"` // the id of the photo in question, if it is one
	Text    string `json:"text"`
}

// HealthView is how the gallery is doing.
type HealthView struct {
	People int      `json:"people"`
	Photos int      `json:"photos"` // that are used
	Advice []Advice `json:"advice"`
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
	if err := checkName(name); err != nil {
		return err
	}
	chosen, err := choices(r)
	if err != nil {
		return err
	}
	photos, others, err := readPhotos(w, r)
	if err != nil {
		return err
	}
	person, err := s.cfg.People.Enrol(r.Context(), name, photos, chosen)
	if refused, ok := errors.AsType[Refused](err); ok && len(others) > 0 {
		return Refused{refused.Reason + lines(others)}
	}
	if err != nil {
		return fmt.Errorf("enrol %s: %w", name, err)
	}
	person.Photos = append(list(person.Photos), others...)
	return writeJSON(w, person)
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

// checkName refuses what is no name of a person: it is shown, sent and logged.
func checkName(name string) error {
	switch {
	case strings.TrimSpace(name) == "" || len(name) > maxName:
		return Refused{fmt.Sprintf("the name has %d bytes, want 1 to %d", len(name), maxName)}
	case !utf8.ValidString(name) || strings.ContainsFunc(name, hidden):
		return Refused{"the name has characters that cannot be seen"}
	}
	return nil
}

// hidden are control characters, and those that turn the direction of writing or have no width.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r != '\u200d' && r != '\u200c' && unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)
}

func (s *Server) photo(w http.ResponseWriter, r *asked) error {
	data, err := s.cfg.People.Photo(r.Context(), r.PathValue("name"), r.PathValue("photo"))
	if err != nil {
		return fmt.Errorf("photo of %s: %w", r.PathValue("name"), err)
	}
	w.Header().Set("Content-Type", http.DetectContentType(data))
	w.Header().Set("Cache-Control", "no-store") // erased is erased
	_, _ = w.Write(data)                        // an error here is the client's connection
	return nil
}

func (s *Server) removePhoto(w http.ResponseWriter, r *asked) error {
	if err := s.cfg.People.RemovePhoto(r.Context(), r.PathValue("name"), r.PathValue("photo")); err != nil {
		return fmt.Errorf("photo of %s: %w", r.PathValue("name"), err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) galleryHealth(w http.ResponseWriter, r *asked) error {
	health, err := s.cfg.People.Health(r.Context())
	if err != nil {
		return fmt.Errorf("health of the gallery: %w", err)
	}
	health.Advice = list(health.Advice)
	return writeJSON(w, health)
}
