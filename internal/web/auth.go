package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	sessionCookie = "vigil_session"
	sessionLife   = 30 * 24 * time.Hour
	// wrongTokens is how many wrong tokens an address may send in a minute before it has to wait.
	wrongTokens = 5
)

// TokenHash is the SHA-256 of a token. Tokens have 160 random bits, so a fast hash is enough.
type TokenHash [sha256.Size]byte

// NewToken makes a token and its hash. Only the hash is kept.
func NewToken() (string, TokenHash) {
	token := "vgl_" + strings.ToLower(rand.Text())
	return token, HashToken(token)
}

// HashToken returns the token's hash.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// MarshalText implements encoding.TextMarshaler.
func (h TokenHash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *TokenHash) UnmarshalText(text []byte) error {
	_, err := hex.Decode(h[:], text)
	return err
}

// authorized lets requests through that carry a token or a session.
func (s *Server) authorized(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, reason := s.check(r); status != 0 {
			if status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="vigil"`)
			}
			problem(w, status, reason)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// check returns 0 when the request may pass, or the status and reason of the refusal.
func (s *Server) check(r *http.Request) (status int, reason string) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.checkToken(r, token)
	}
	if !s.hasSession(r) {
		return http.StatusUnauthorized, "log in, or send a token: Authorization: Bearer …"
	}
	// A browser sends the cookie by itself, so what changes something must come from our own page.
	site := r.Header.Get("Sec-Fetch-Site")
	if r.Method != http.MethodGet && r.Method != http.MethodHead && site != "same-origin" {
		return http.StatusForbidden, "a session may change something only from the console's own page"
	}
	return 0, ""
}

func (s *Server) checkToken(r *http.Request, token string) (status int, reason string) {
	hash := HashToken(token)
	found := 0
	for _, known := range s.cfg.Tokens {
		found |= subtle.ConstantTimeCompare(hash[:], known[:])
	}
	if found != 0 {
		return 0, ""
	}
	// Only wrong tokens are slowed down: behind a proxy everybody has one address, and guessing 128 bits is hopeless.
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	if !s.limiter.allowed(address, time.Now()) {
		return http.StatusTooManyRequests, "too many wrong tokens; wait a minute"
	}
	s.limiter.wrong(address, time.Now())
	return http.StatusUnauthorized, "wrong token"
}

func (s *Server) hasSession(r *http.Request) bool {
	cookie, err := r.Cookie(sessionCookie)
	return err == nil && s.cfg.Links.validSession(cookie.Value, time.Now())
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096)).Decode(&in); err != nil {
		problem(w, http.StatusBadRequest, `want {"token": "…"}`)
		return
	}
	if status, reason := s.checkToken(r, strings.TrimSpace(in.Token)); status != 0 {
		problem(w, status, reason)
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: s.cfg.Links.session(time.Now().Add(sessionLife)), Path: "/",
		MaxAge: int(sessionLife.Seconds()), HttpOnly: true, Secure: s.cfg.Secure, SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) logout(w http.ResponseWriter, _ *http.Request) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.cfg.Secure, SameSite: http.SameSiteStrictMode,
	})
	w.WriteHeader(http.StatusNoContent)
}

// limiter counts wrong tokens per address and minute. It forgets everything each minute, so it stays small.
type limiter struct {
	mu     sync.Mutex
	minute time.Time
	counts map[string]int
}

func newLimiter() *limiter { return &limiter{counts: map[string]int{}} }

func (l *limiter) allowed(address string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.minute) >= time.Minute {
		l.minute = now
		clear(l.counts)
	}
	return l.counts[address] < wrongTokens
}

func (l *limiter) wrong(address string, now time.Time) {
	l.allowed(address, now)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[address]++
}

func encode(mac []byte) string { return base64.RawURLEncoding.EncodeToString(mac) }
