package rtsp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"

	"vigil/ingest"
)

// methods are what publishers may prove the token with, the best first (RFC 7616, 3.7). FFmpeg 5.1
// knows no SHA-256 and takes the last digest. Who takes the first and answers with MD5 is right, too: the nonce is the same.
var methods = []auth.VerifyMethod{auth.VerifyMethodDigestSHA256, auth.VerifyMethodDigestMD5, auth.VerifyMethodBasic}

const (
	realm     = "vigil"
	maxWrong  = 3  // answers on one connection
	maxQuoted = 63 // characters of a name from outside, as long as a camera's id
)

// challenge is what a connection was asked. It is the connection's user data.
type challenge struct {
	nonce string
	wrong int
}

// authorize checks the request's credentials against the camera's token. With a response it was refused; the
// connection stays open for another attempt unless there is an error, too.
func (s *Server) authorize(
	log *slog.Logger, conn *gortsplib.ServerConn, req *base.Request, camera string,
) (string, *base.Response, error) {
	token, open, err := s.cfg.Admission.Publishing(camera)
	if err != nil {
		log.Warn("rtsp publisher refused", "reason", err)
		return "", refuse(statusOf(err), err), err
	}
	if open {
		return "", nil, nil
	}
	ch, ok := conn.UserData().(*challenge)
	if !ok {
		nonce, err := auth.GenerateNonce()
		if err != nil {
			return "", refuse(base.StatusInternalServerError, errors.New("no nonce")), fmt.Errorf("generate nonce: %w", err)
		}
		ch = &challenge{nonce: nonce}
		conn.SetUserData(ch)
	}
	given := req.Header["Authorization"]
	if len(given) == 0 {
		return "", ch.ask(nil), nil
	}
	if token != "" && ch.proves(req, given[0], token) {
		return token, nil, nil
	}
	err = fmt.Errorf("camera %.*q: %w", maxQuoted, camera, ingest.ErrWrongToken)
	log.Warn("rtsp publisher refused", "reason", err)
	if ch.wrong++; ch.wrong < maxWrong { // a first one may answer another connection's nonce
		return "", ch.ask(err), nil
	}
	return "", ch.ask(err), err
}

// proves says whether the credentials show the token; the user name may be any.
func (c *challenge) proves(req *base.Request, given, token string) bool {
	if scheme, encoded, _ := strings.Cut(given, " "); strings.EqualFold(scheme, "basic") {
		plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
		if err != nil {
			return false
		}
		_, pass, _ := strings.Cut(string(plain), ":") // RFC 7617, 2: the password may hold a colon, the user name not
		a, b := sha256.Sum256([]byte(pass)), sha256.Sum256([]byte(token))
		return subtle.ConstantTimeCompare(a[:], b[:]) == 1
	}
	var digest headers.Authorization
	if digest.Unmarshal(base.HeaderValue{given}) != nil {
		return false
	}
	// Digests depend on our nonce: how long comparing them takes tells nothing.
	return auth.Verify(req, digest.Username, token, methods, realm, c.nonce) == nil
}

// ask returns the 401 that asks for credentials.
func (c *challenge) ask(err error) *base.Response {
	res := &base.Response{StatusCode: base.StatusUnauthorized}
	if err != nil {
		res = refuse(base.StatusUnauthorized, err)
	}
	res.Header = base.Header{"WWW-Authenticate": auth.GenerateWWWAuthenticate(methods, realm, c.nonce)}
	return res
}

// statusOf maps what Admission refuses to what the publisher is told.
func statusOf(err error) base.StatusCode {
	switch {
	case errors.Is(err, ingest.ErrUnknownCamera):
		return base.StatusNotFound
	case errors.Is(err, ingest.ErrWrongToken):
		return base.StatusUnauthorized
	default:
		return base.StatusServiceUnavailable
	}
}

// refuse returns a response that says why. What of it came from outside is quoted, so that it cannot end the line.
func refuse(code base.StatusCode, reason error) *base.Response {
	return &base.Response{StatusCode: code, StatusMessage: reason.Error()}
}
