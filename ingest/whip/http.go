package whip

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"

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
			p.write(w, camera)
		}
	})
}

func (e *Endpoint) route(w http.ResponseWriter, r *http.Request, camera, secret string, inSession bool) error {
	if !inSession {
		return e.serveEndpoint(w, r, camera)
	}
	s := e.find(camera, secret)
	switch {
	case r.Method == http.MethodOptions:
		preflight(w, "Accept-Patch", typeSDPFrag, "PATCH, DELETE")
		return nil
	case s == nil:
		return notFound("no such session")
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNoContent)
		return nil
	case !s.authorized(bearer(r)):
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

// publish begins a session (RFC 9725, 4.2). The offer is judged before the publisher is let in, for letting in
// takes the camera from whoever has it.
func (e *Endpoint) publish(w http.ResponseWriter, r *http.Request, camera string) error {
	body, err := readBody(w, r, typeSDP, "Accept-Post")
	if err != nil {
		return err
	}
	o, err := parseOffer(body)
	if err != nil {
		return err
	}
	if err := e.reserve(camera); err != nil {
		return err
	}
	token := bearer(r)
	// The session outlives the request, and so must what Admit makes of its context.
	in, err := e.cfg.Admission.Admit(e.ctx, camera, token, "whip") //nolint:contextcheck // see above
	if err != nil {
		e.release()
		return err
	}
	e.charge(camera)
	s, err := e.newSession(camera, token, o, in)
	if err != nil {
		in.End(err)
		e.release()
		return err
	}
	answer, err := s.answer(r.Context())
	if err == nil && !e.start(s) {
		err = stopping()
	}
	if err != nil {
		s.close(&sync.WaitGroup{})
		in.End(err)
		e.release()
		return err
	}
	h := w.Header()
	h.Set("Content-Type", typeSDP)
	h.Set("Location", prefix+camera+"/"+s.secret)
	h.Set("ETag", s.etag)
	h.Set("Accept-Patch", typeSDPFrag)
	w.WriteHeader(http.StatusCreated)
	// A publisher that is gone by now will not connect, which ends the session.
	_, _ = io.WriteString(w, answer)
	return nil
}

// patch takes trickled candidates (RFC 9725, 4.3.1). ICE restarts are not done: a publisher whose network changed
// begins anew, which takes its own session over.
func (s *session) patch(w http.ResponseWriter, r *http.Request) error {
	body, err := readBody(w, r, typeSDPFrag, "Accept-Patch")
	if err != nil {
		return err
	}
	match := r.Header.Values("If-Match")
	if len(match) == 0 {
		return &problem{
			Status: http.StatusPreconditionRequired, Title: "If-Match required",
			Detail: "send the session's ETag as If-Match",
		}
	}
	tags := entityTags(match)
	if slices.Contains(tags, "*") || slices.Contains(tags, `"*"`) {
		return noRestart()
	}
	if !slices.Contains(tags, s.etag) {
		return &problem{
			Status: http.StatusPreconditionFailed, Title: "stale ETag",
			Detail: "If-Match names another ICE session than the current one",
		}
	}
	f, err := parseFragment(body)
	if err != nil {
		return malformed(err.Error())
	}
	if f.ufrag != "" && f.ufrag != s.offer.ufrag || f.pwd != "" && f.pwd != s.offer.pwd {
		return noRestart()
	}
	s.trickle(f)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func noRestart() *problem {
	return &problem{
		Status: http.StatusUnprocessableEntity, Title: "ICE restart not supported",
		Detail: "publish again with POST; the new session takes the camera over",
	}
}

// entityTags splits If-Match (RFC 9110, 13.1.1). Tags of ours hold no comma.
func entityTags(fields []string) []string {
	var tags []string
	for _, f := range fields {
		for tag := range strings.SplitSeq(f, ",") {
			tags = append(tags, strings.TrimSpace(tag))
		}
	}
	return tags
}

// readBody reads a body of the wanted type.
func readBody(w http.ResponseWriter, r *http.Request, want, accept string) ([]byte, error) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != want {
		w.Header().Set(accept, want)
		return nil, unsupportedType(want)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, malformed("the body ended early")
	}
	return body, nil
}

// bearer is the request's token (RFC 6750, 2.1), also without the word Bearer, as some publishers send it.
func bearer(r *http.Request) string {
	f := strings.Fields(r.Header.Get("Authorization"))
	switch {
	case len(f) == 1 && !strings.EqualFold(f[0], "Bearer"):
		return f[0]
	case len(f) == 2 && strings.EqualFold(f[0], "Bearer"):
		return f[1]
	}
	return ""
}

func port(a net.Addr) int {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.Port
	}
	return 0
}
