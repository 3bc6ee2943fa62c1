package whip

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"vigil/ingest"
)

// problem is a refusal: an RFC 9457 body and its status. Clients are not to match on codes (RFC 9725, 4.1), so the
// detail says what to change.
type problem struct {
	Status    int      `json:"status"`
	Title     string   `json:"title"`
	Detail    string   `json:"detail"`
	Camera    string   `json:"camera,omitempty"`
	Supported []string `json:"supported,omitempty"` // what would have been accepted
	Offered   []string `json:"offered,omitempty"`   // what came instead

	retryAfter int  // seconds; 0: no such header
	wrongToken bool // one was shown (RFC 6750, 3.1)
}

// Error implements error.
func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func malformed(detail string) *problem {
	return &problem{Status: http.StatusBadRequest, Title: "malformed SDP", Detail: detail}
}

func unacceptable(detail string) *problem {
	return &problem{Status: http.StatusUnprocessableEntity, Title: "offer not acceptable", Detail: detail}
}

func unsupportedType(want string) *problem {
	return &problem{
		Status: http.StatusUnsupportedMediaType, Title: "wrong content type",
		Detail: "the body must be " + want, Supported: []string{want},
	}
}

func tooLarge() *problem {
	return &problem{
		Status: http.StatusRequestEntityTooLarge, Title: "body too large",
		Detail: "the body must be at most " + strconv.Itoa(maxBody) + " bytes",
	}
}

func tooSlow() *problem {
	return &problem{Status: http.StatusRequestTimeout, Title: "body too slow", Detail: "the body did not come in time"}
}

func tooMany(detail string, retryAfter int) *problem {
	return &problem{
		Status: http.StatusTooManyRequests, Title: "too many requests", Detail: detail + "; try again later", retryAfter: retryAfter,
	}
}

func stopping() *problem {
	return &problem{
		Status: http.StatusServiceUnavailable, Title: "stopping", Detail: "the server is stopping", retryAfter: 5,
	}
}

func unreachable() *problem {
	return &problem{
		Status: http.StatusServiceUnavailable, Title: "no address for media",
		Detail: "none of the names that media is to be sent to can be looked up", retryAfter: 10,
	}
}

func notFound(detail string) *problem {
	return &problem{Status: http.StatusNotFound, Title: "not found", Detail: detail}
}

func unauthorized() *problem {
	return &problem{
		Status: http.StatusUnauthorized, Title: "not authorized",
		Detail: "send the camera's publish token as Authorization: Bearer <token>",
	}
}

// asProblem maps any error to what the outside is told; ok is false when it is the server's own trouble, which is
// to be logged and not told.
func asProblem(err error, camera string) (p *problem, ok bool) {
	switch p, is := errors.AsType[*problem](err); {
	case is:
		return p, true
	case errors.Is(err, ingest.ErrUnknownCamera):
		return notFound("no camera " + strconv.Quote(camera) + " takes publishers"), true
	case errors.Is(err, ingest.ErrWrongToken):
		return unauthorized(), true
	case errors.Is(err, ingest.ErrStopped):
		return stopping(), true
	}
	return &problem{
		Status: http.StatusInternalServerError, Title: "internal error", Detail: "the session could not be set up",
	}, false
}

// write answers with p.
func (p *problem) write(w http.ResponseWriter, camera string) {
	h := w.Header()
	if p.Status == http.StatusUnauthorized {
		challenge := `Bearer realm="whip"`
		if p.wrongToken {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	told := *p
	told.Camera = camera
	body, err := json.Marshal(told)
	if err != nil {
		// Strings and numbers cannot fail.
		body = []byte("{}")
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}
