package whip

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"vigil/frames"
)

// Media types of the protocol.
const (
	typeSDP     = "application/sdp"
	typeSDPFrag = "application/trickle-ice-sdpfrag"
)

// prefix is where the handler is mounted.
const prefix = "/whip/"

// Handler serves /whip/{camera}, where publishers begin, and /whip/{camera}/{secret}, their sessions.
func (e *Endpoint) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Publish pages are served from anywhere; what protects is the token, not the origin.
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After, WWW-Authenticate")
		h.Set("Cache-Control", "no-store")
		rest, ok := strings.CutPrefix(r.URL.Path, prefix)
		camera, secret, inSession := strings.Cut(rest, "/")
		if _, err := frames.ParseCameraID(camera); !ok || err != nil || strings.Contains(secret, "/") {
			notFound("no publishing address is here; it is "+prefix+"{camera}").write(w, "")
			return
		}
		if err := e.route(w, r, camera, secret, inSession); err != nil {
			p, ours := asProblem(err, camera)
			if !ours {
				e.cfg.Log.Error("whip request", "camera", camera, "method", r.Method, "error", err)
			}
			p.wrongToken = p.Status == http.StatusUnauthorized && credentials(r).token != ""
			p.write(w, camera)
		}
	})
}

// Alias lets publishers begin at /{camera}/whip too, where other servers have it; everything else goes to next.
func Alias(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		camera, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/whip")
		if _, err := frames.ParseCameraID(camera); ok && err == nil && camera != "whip" {
			u := *r.URL
			u.Path, u.RawPath = prefix+camera, ""
			aliased := *r
			aliased.URL = &u
			r = &aliased
		}
		next.ServeHTTP(w, r)
	})
}

func (e *Endpoint) route(w http.ResponseWriter, r *http.Request, camera, secret string, inSession bool) error {
	s := e.find(camera, secret)
	var err error
	from := strangerOf(r, camera)
	switch {
	case s == nil && changes(r.Method) && !e.refused.ready(from, time.Now()):
		// Not even the right token is heard then: it could be a guess.
		return tooMany("too many requests from this address were refused", 5)
	case inSession:
		err = s.serve(w, r)
	default:
		err = e.serveEndpoint(w, r, camera)
	}
	if p, _ := asProblem(err, camera); err != nil && changes(r.Method) &&
		(p.Status == http.StatusUnauthorized || p.Status == http.StatusNotFound) {
		e.refused.take(from, time.Now())
	}
	return err
}

func changes(method string) bool {
	return method == http.MethodPost || method == http.MethodPatch || method == http.MethodDelete
}

// serve answers a request to the session's URL; s is nil when there is none.
func (s *session) serve(w http.ResponseWriter, r *http.Request) error {
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, "Accept-Patch", typeSDPFrag, "PATCH, DELETE")
		return nil
	case s == nil:
		return notFound("no such session")
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNoContent) // RFC 9725, 4.1
		return nil
	case !s.authorized(credentials(r)):
		return unauthorized()
	case r.Method == http.MethodDelete:
		s.end(errDeleted)
		<-s.done
		w.WriteHeader(http.StatusOK)
		return nil
	case r.Method == http.MethodPatch:
		return s.patch(w, r)
	}
	return notAllowed(w, "GET, HEAD, OPTIONS, PATCH, DELETE")
}

func (e *Endpoint) serveEndpoint(w http.ResponseWriter, r *http.Request, camera string) error {
	switch r.Method {
	case http.MethodOptions:
		preflight(w, "Accept-Post", typeSDP, "POST")
		return nil
	case http.MethodGet, http.MethodHead:
		w.WriteHeader(http.StatusNoContent) // RFC 9725, 4.1
		return nil
	case http.MethodPost:
		return e.publish(w, r, camera)
	}
	return notAllowed(w, "GET, HEAD, OPTIONS, POST")
}

func preflight(w http.ResponseWriter, accept, mediaType, methods string) {
	h := w.Header()
	h.Set(accept, mediaType)
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, "+methods)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusOK)
}

func notAllowed(w http.ResponseWriter, allow string) error {
	w.Header().Set("Allow", allow)
	return &problem{
		Status: http.StatusMethodNotAllowed, Title: "method not allowed", Detail: "use one of " + allow,
	}
}

// publish begins a session (RFC 9725, 4.2). Strangers learn nothing of what is taken, and cost no parsing.
func (e *Endpoint) publish(w http.ResponseWriter, r *http.Request, camera string) error {
	show := credentials(r)
	if err := e.authorize(camera, show.token); err != nil {
		return err
	}
	if !e.published.take(camera, time.Now()) {
		return tooMany("camera "+camera+" is being published to too often", 1)
	}
	body, err := e.readBody(w, r, typeSDP, "Accept-Post")
	if err != nil {
		return err
	}
	o, err := parseOffer(body)
	if err != nil {
		return err
	}
	s, answer, err := e.open(r.Context(), camera, show, o)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	// Absolute in its path and without a query: OBS replaces the path only, and blanks the query.
	h.Set("Location", prefix+camera+"/"+s.secret)
	h.Set("ETag", s.etag)
	h.Set("Accept-Patch", typeSDPFrag)
	for _, link := range e.links {
		h.Add("Link", link)
	}
	w.WriteHeader(http.StatusCreated)
	// A publisher that is gone by now will not connect, which ends the session.
	_, _ = io.WriteString(w, answer)
	return nil
}

// open makes a session that waits to be connected to, and the answer that says where. It outlives the request.
func (e *Endpoint) open(ctx context.Context, camera string, show shown, o *offer) (*session, string, error) {
	if err := e.reserve(); err != nil {
		return nil, "", err
	}
	s, err := e.newSession(camera, show, o) //nolint:contextcheck // the session outlives the request
	if err != nil {
		e.release()
		return nil, "", err
	}
	answer, err := s.negotiate(ctx, o.sdp)
	if err == nil && !e.start(s) {
		err = stopping()
	}
	if err != nil {
		s.close(&sync.WaitGroup{})
		e.release()
		return nil, "", err
	}
	return s, answer, nil
}

// readBody reads a body of the wanted type, which must come in time.
func (e *Endpoint) readBody(w http.ResponseWriter, r *http.Request, want, accept string) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != want {
		w.Header().Set(accept, want)
		return nil, unsupportedType(want)
	}
	// A connection that is gone, or a recorder, needs no deadline.
	connection := http.NewResponseController(w)
	_ = connection.SetReadDeadline(time.Now().Add(e.timeouts.body))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_, large := errors.AsType[*http.MaxBytesError](err)
	switch {
	case large:
		return nil, tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, tooSlow()
	case err != nil:
		return nil, malformed("the body ended early")
	}
	_ = connection.SetReadDeadline(time.Time{})
	return body, nil
}

// shown is the token that a request shows.
type shown struct {
	token string
	inURL bool // and there is no Authorization
}

// credentials is the request's token: Authorization's (RFC 6750, 2.1), also without the word Bearer, as some
// publishers send it; else the URL's (RFC 9725, 4.7.1), for encoders that have a field for an address only.
func credentials(r *http.Request) shown {
	header := r.Header.Get("Authorization")
	f := strings.Fields(header)
	switch {
	case header == "":
		return shown{token: r.URL.Query().Get("token"), inURL: true}
	case len(f) == 1 && !strings.EqualFold(f[0], "Bearer"):
		return shown{token: f[0]}
	case len(f) == 2 && strings.EqualFold(f[0], "Bearer"):
		return shown{token: f[1]}
	}
	return shown{}
}

func port(a net.Addr) int {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.Port
	}
	return 0
}
