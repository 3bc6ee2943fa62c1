// Package web is the console: the API under /api/v1, the page that uses nothing else, media behind signed links, and
// health. It keeps nothing itself: what it shows comes through the small interfaces below. It imports the words of
// frames, vision, alerts and clips, and the page's files from web.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/clips/retention"
	"vigil/frames"
	"vigil/vision"
)

// ErrNotFound says that the asked thing does not exist.
var ErrNotFound = errors.New("not found")

// Refused is an error whose text is meant for the one who asked: the request is at fault.
type Refused struct{ Reason string }

func (r Refused) Error() string { return r.Reason }

// Cameras lists the state of every camera.
type Cameras interface {
	Cameras(ctx context.Context) ([]frames.CameraState, error)
}

// AlertView is an alert as the API shows it.
type AlertView struct {
	Alert alerts.Alert `json:"alert"`
	Clip  *alerts.Clip `json:"clip"` // null until it is ready
	// Clips are all clips of a long visit, Clip first, in the order of what they show; empty until one is ready.
	Clips []alerts.Clip `json:"clips"`
	// ClipDeleted says that the clip was kept for as long as the owner wanted it: what it was is known, and its URL empty.
	// Of the further clips an empty URL says it.
	ClipDeleted bool `json:"clip_deleted"`
}

// Alerts reads alerts, newest first, and follows events.
type Alerts interface {
	// List returns at most limit alerts older than the one with the id before; "" begins with the newest.
	List(ctx context.Context, before string, limit int) ([]AlertView, error)
	// Get returns one alert, or ErrNotFound.
	Get(ctx context.Context, id string) (AlertView, error)
	// Events yields each event from the time from on (zero: from now on) until ctx ends.
	Events(ctx context.Context, from time.Time) iter.Seq2[alerts.Event, error]
}

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
	File    string `json:"file"`
	Used    bool   `json:"used"`
	Verdict string `json:"verdict"`
}

// PersonView is a person as the API shows them.
type PersonView struct {
	Name   string      `json:"name"`
	Source string      `json:"source"` // "configuration" or "enrolled"
	Photos []PhotoView `json:"photos"`
}

// People lists, enrols and removes people.
type People interface {
	People(ctx context.Context) ([]PersonView, error)
	// Enrol adds photos to the person of that name. Refused when none of them can be used; nothing is kept then.
	Enrol(ctx context.Context, name string, photos []Photo, c Choices) (PersonView, error)
	// Remove forgets the person and the photos: ErrNotFound, or Refused for people of the configuration.
	Remove(ctx context.Context, name string) error
	// Calibration tells how well the gallery keeps people apart.
	Calibration(ctx context.Context) (vision.Report, error)
}

// RetentionView is what is deleted when it is old.
type RetentionView struct {
	Last    []retention.State `json:"last"`    // after the clips role's last run; empty before its first
	Preview []retention.State `json:"preview"` // after a run now, in which all that is over would be deleted
}

// Retention tells what is deleted.
type Retention interface {
	Retention(ctx context.Context) (RetentionView, error)
}

// Check is one part of the program that can fail.
type Check struct {
	Name string
	// Probe returns nil when the part works. A Notice it returns is shown, but does not make the program unready.
	Probe func(ctx context.Context) error
}

// Notice is a state that an owner should know of, though everything works.
type Notice string

func (n Notice) Error() string { return string(n) }

// Config is what a Server needs.
type Config struct {
	Cameras  Cameras
	Alerts   Alerts
	Explain  Explainer
	People   People
	Dead     DeadLetters
	Webhooks Webhooks
	Keeps    Retention
	Rules    Rules
	Media    clips.Store
	ClipKey  string // public key that records of clips are signed with
	Links    *Links
	Tokens   []TokenHash // any of them opens everything
	Checks   []Check
	Metrics  http.Handler // of /metrics, which wants a token too
	Version  string
	Secure   bool // the listener speaks TLS: cookies say so
	Log      *slog.Logger
}

// Server answers the console's requests.
type Server struct {
	cfg     Config
	limiter *limiter
}

// New returns a server; it does not listen.
func New(cfg Config) *Server {
	return &Server{cfg: cfg, limiter: newLimiter()}
}

// Handler returns the routes. Everything but the page's files, the login and health wants a token or a session;
// media also open with a signed link.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page("index.html"))
	mux.Handle("GET /assets/{file}", assets())
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("POST /api/v1/login", s.login)
	mux.HandleFunc("POST /api/v1/logout", s.logout)
	mux.HandleFunc("GET /media/{key...}", s.media)
	for pattern, handler := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET /api/v1/system":             s.system,
		"GET /api/v1/cameras":            s.cameras,
		"GET /api/v1/alerts":             s.alertList,
		"GET /api/v1/alerts/{id}":        s.alert,
		"GET /api/v1/events":             s.events,
		"GET /api/v1/explain":            s.explain,
		"GET /api/v1/clips/key":          s.clipKey,
		"GET /api/v1/people":             s.people,
		"GET /api/v1/retention":          s.retention,
		"GET /api/v1/rules":              s.rules,
		"GET /api/v1/people/calibration": s.calibration,
		"POST /api/v1/people/{name}":     s.enrol,
		"DELETE /api/v1/people/{name}":   s.removePerson,
		"GET /api/v1/dlq":                s.dead,
		"GET /api/v1/dlq/{id}":           s.deadLetter,
		"POST /api/v1/dlq/{id}/replay":   s.replay,

		"GET /api/v1/endpoints":                 s.endpoints,
		"GET /api/v1/endpoints/{id}/deliveries": s.deliveries,
		"POST /api/v1/endpoints/{id}/test":      s.testEndpoint,
		"POST /api/v1/endpoints/{id}/enable":    s.enableEndpoint,
		"POST /api/v1/endpoints/{id}/replay":    s.replayEndpoint,
	} {
		mux.Handle(pattern, s.authorized(s.answer(handler)))
	}
	mux.Handle("GET /metrics", s.authorized(s.cfg.Metrics))
	mux.Handle("/api/", s.answer(func(_ http.ResponseWriter, r *http.Request) error {
		return fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, ErrNotFound)
	}))
	return secured(mux)
}

// secured sets the headers that keep the page to itself.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "ok\n")
}
