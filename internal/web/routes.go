package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// route is one line of the table of who may ask what: the pattern of net/http, the least role, and what answers.
type route struct {
	pattern string
	least   Role
	handle  func(http.ResponseWriter, *asked) error
	// signed says whether the request carries a signature that opens the route without a token; nil: none does.
	signed func(*http.Request) bool
}

// routes are all that is answered but the page's files. What is not here is answered to nobody.
func (s *Server) routes() []route {
	return slices.Concat(s.systemRoutes(), s.alertRoutes(), s.peopleRoutes(), s.endpointRoutes())
}

func (s *Server) systemRoutes() []route {
	return []route{
		{pattern: "GET /healthz", least: Open, handle: s.health},
		{pattern: "GET /readyz", least: Open, handle: s.ready},
		{pattern: "GET /metrics", least: Viewer, handle: s.metrics},
		{pattern: "GET /api/v1/openapi.json", least: Open, handle: s.description},

		{pattern: "POST /api/v1/session", least: Open, handle: s.login},
		{pattern: "GET /api/v1/session", least: CameraViewer, handle: s.session},
		{pattern: "DELETE /api/v1/session", least: Open, handle: s.logout},
		{pattern: "GET /api/v1/tokens", least: Admin, handle: s.tokens},
		{pattern: "POST /api/v1/tokens", least: Admin, handle: s.createToken},
		{pattern: "DELETE /api/v1/tokens/{id}", least: Admin, handle: s.revokeToken},

		{pattern: "GET /api/v1/system", least: Viewer, handle: s.system},
		{pattern: "GET /api/v1/config", least: Admin, handle: s.config},
		{pattern: "GET /api/v1/audit", least: Admin, handle: s.audit},
		{pattern: "GET /api/v1/audit/check", least: Admin, handle: s.checkAudit},
		{pattern: "POST /api/v1/drill", least: Admin, handle: s.drill},
		{pattern: "GET /api/v1/retention", least: Viewer, handle: s.retention},
		{pattern: "GET /api/v1/rules", least: Viewer, handle: s.rules},

		{pattern: "GET /api/v1/cameras", least: CameraViewer, handle: s.cameras},
		{pattern: "GET /api/v1/cameras/{id}/snapshot", least: CameraViewer, handle: s.snapshot},
		{pattern: "GET /api/v1/cameras/{id}/faces", least: CameraViewer, handle: s.faces},
		{pattern: "POST /api/v1/cameras", least: Admin, handle: s.addCamera},
		{pattern: "DELETE /api/v1/cameras/{id}", least: Admin, handle: s.removeCamera},
		{pattern: "POST /api/v1/cameras/test", least: Admin, handle: s.testCamera},
		{pattern: "POST /api/v1/cameras/{id}/whep", least: CameraViewer, handle: s.play},
		{pattern: "DELETE /api/v1/cameras/{id}/whep/{session}", least: CameraViewer, handle: s.stopPlaying},
	}
}

func (s *Server) alertRoutes() []route {
	return []route{
		{pattern: "GET /media/{key...}", least: CameraViewer, handle: s.media, signed: s.signedMedia},
		{pattern: "GET /api/v1/clips/key", least: CameraViewer, handle: s.clipKey},
		{pattern: "GET /api/v1/alerts", least: CameraViewer, handle: s.alertList},
		{pattern: "GET /api/v1/alerts/{id}", least: CameraViewer, handle: s.alert},
		{pattern: "GET /api/v1/alerts/{id}/explanation", least: CameraViewer, handle: s.explainAlert},
		{pattern: "PUT /api/v1/alerts/{id}/review", least: Operator, handle: s.review},
		{pattern: "POST /api/v1/alerts/{id}/notes", least: Operator, handle: s.addNote},
		{pattern: "GET /api/v1/alerts/{id}/boxes", least: CameraViewer, handle: s.boxes},
		{pattern: "GET /api/v1/alerts/{id}/similar", least: Operator, handle: s.similar},
		{pattern: "GET /api/v1/alerts/{id}/export", least: CameraViewer, handle: s.export},
		{pattern: "POST /api/v1/alerts/{id}/share", least: Operator, handle: s.share},
		{pattern: "GET /api/v1/shared/{id}", least: Open, handle: s.shared},
		{pattern: "POST /api/v1/alerts/{id}/name", least: Operator, handle: s.name},
		{pattern: "POST /api/v1/alerts/{id}/ignore", least: Operator, handle: s.ignore},
		{pattern: "POST /api/v1/alerts/{id}/undo", least: Operator, handle: s.undo},
		{pattern: "GET /api/v1/explain", least: CameraViewer, handle: s.explain},
		{pattern: "GET /api/v1/events", least: CameraViewer, handle: s.events},
	}
}

func (s *Server) peopleRoutes() []route {
	return []route{
		{pattern: "GET /api/v1/strangers", least: Viewer, handle: s.strangers},
		{pattern: "POST /api/v1/search", least: Operator, handle: s.search},
		{pattern: "GET /api/v1/people", least: Viewer, handle: s.people},
		{pattern: "GET /api/v1/people/calibration", least: Viewer, handle: s.calibration},
		{pattern: "POST /api/v1/people/{name}", least: Operator, handle: s.enrol},
		{pattern: "GET /api/v1/people/health", least: Viewer, handle: s.galleryHealth},
		{pattern: "DELETE /api/v1/people/{name}", least: Admin, handle: s.erase},
		{pattern: "GET /api/v1/people/{name}/photos/{photo}", least: Viewer, handle: s.photo},
		{pattern: "DELETE /api/v1/people/{name}/photos/{photo}", least: Operator, handle: s.removePhoto},
	}
}

func (s *Server) endpointRoutes() []route {
	return []route{
		{pattern: "GET /api/v1/endpoints", least: Viewer, handle: s.endpoints},
		{pattern: "GET /api/v1/endpoints/{id}/deliveries", least: Viewer, handle: s.deliveries},
		{pattern: "POST /api/v1/endpoints/{id}/test", least: Admin, handle: s.testEndpoint},
		{pattern: "POST /api/v1/endpoints/{id}/enable", least: Admin, handle: s.enableEndpoint},
		{pattern: "POST /api/v1/endpoints/{id}/replay", least: Admin, handle: s.replayEndpoint},
		{pattern: "GET /api/v1/dlq", least: Viewer, handle: s.dead},
		{pattern: "GET /api/v1/dlq/{id}", least: Admin, handle: s.deadLetter},
		{pattern: "POST /api/v1/dlq/{id}/replay", least: Admin, handle: s.replay},
	}
}

// Handler returns the routes, and the page's files.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", page)
	mux.HandleFunc("GET /assets/{file}", asset)
	for _, r := range s.routes() {
		mux.Handle(r.pattern, s.guarded(r))
	}
	for _, prefix := range []string{"/api/", "/media/"} {
		mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) { unanswered(mux, w, r) })
	}
	return secured(mux)
}

// guarded lets requests through to the route that carry what it wants.
func (s *Server) guarded(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, n := &asked{Request: r}, &noted{w, http.StatusOK}
		defer func() { s.note(a, n.status) }() //nolint:contextcheck // the request carries it
		s.answer(n, a, func(w http.ResponseWriter, r *asked) error {
			if to.least > Open && (to.signed == nil || !to.signed(r.Request)) {
				who, err := s.caller(r.Request)
				if to.signed != nil && errors.Is(err, errLogin) {
					return failure{http.StatusForbidden, "the link has expired or was changed"}
				}
				if err != nil {
					return err
				}
				r.caller = who
				if who.rank() < to.least {
					return failure{http.StatusForbidden, fmt.Sprintf("this wants the role %s, and the token's is %s", to.least, who.rank())}
				}
			}
			return to.handle(w, r)
		})
	})
}

// unanswered tells of a path that is not there, or not with that method.
func unanswered(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); strings.HasPrefix(pattern, method+" ") {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		problem(w, http.StatusNotFound, r.Method+" "+r.URL.Path+": not found")
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	problem(w, http.StatusMethodNotAllowed, r.URL.Path+" takes "+strings.Join(allowed, ", "))
}

// secured sets the headers that keep the page to itself.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
