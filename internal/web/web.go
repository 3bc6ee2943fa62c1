// Package web is the console: the API under /api/v1, the page that uses nothing else, media behind signed links, and
// health. It keeps nothing itself: what it shows comes through the small interfaces below. It imports the words of
// frames, vision, alerts and clips, and the page's files from web.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"vigil/clips"
	"vigil/clips/retention"
)

// ErrNotFound says that the asked thing does not exist.
var ErrNotFound = errors.New("not found")

// Refused is an error whose text is meant for the one who asked: the request is at fault.
type Refused struct{ Reason string }

func (r Refused) Error() string { return r.Reason }

// Conflict is an error whose text is meant for the one who asked: what is there already does not go with the request.
type Conflict struct{ Reason string }

func (c Conflict) Error() string { return c.Reason }

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
	Cameras   Cameras
	Alerts    Alerts
	Explain   Explainer
	People    People
	Strangers Strangers
	Search    Search
	Dead      DeadLetters
	Drill     Driller
	Webhooks  Webhooks
	Keeps     Retention
	Rules     Rules
	Media     clips.Store
	ClipKey   string // public key that records of clips are signed with
	Links     *Links
	Fixed     []KeptToken // tokens that this process knows beside those that were made
	Tokens    Tokens
	Audit     Audit
	Checks    []Check
	Metrics   http.Handler // of /metrics
	Settings  []byte       // the configuration as JSON, without secrets
	Version   string
	Secure    bool // the listener speaks TLS: cookies say so
	Log       *slog.Logger
}

// Server answers the console's requests.
type Server struct {
	cfg     Config
	lockout *lockout
	origins *http.CrossOriginProtection
}

// New returns a server; it does not listen.
func New(cfg Config) *Server {
	return &Server{cfg: cfg, lockout: newLockout(), origins: http.NewCrossOriginProtection()}
}
