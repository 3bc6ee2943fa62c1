package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	sessionCookie = "vigil_session"
	sessionLife   = 30 * 24 * time.Hour
	tokenPrefix   = "vgl_"
	maxTokenName  = 100
	idLength      = 10
)

// TokenHash is the SHA-256 of a token. Tokens have 130 random bits, so a fast hash is enough.
type TokenHash [sha256.Size]byte

// NewToken makes a token without an id, for the first start and for commands, and its hash. Only the hash is kept.
func NewToken() (string, TokenHash) {
	token := tokenPrefix + strings.ToLower(rand.Text())
	return token, HashToken(token)
}

// newTokenID makes an id and a token that names it.
func newTokenID() (id, token string) {
	id = strings.ToLower(rand.Text()[:idLength])
	return id, tokenPrefix + id + "_" + strings.ToLower(rand.Text())
}

// HashToken returns the token's hash.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// MarshalText implements encoding.TextMarshaler.
func (h TokenHash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *TokenHash) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(h) {
		return fmt.Errorf("hash of a token: got %d digits, want %d", len(text), hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// Tokens keeps the tokens that were made.
type Tokens interface {
	// Token returns the token of that id, or ErrNotFound.
	Token(ctx context.Context, id string) (KeptToken, error)
	// Tokens lists them by the time when they were made.
	Tokens(ctx context.Context) ([]KeptToken, error)
	AddToken(ctx context.Context, t KeptToken) error
	// RevokeToken forgets a token, or returns ErrNotFound.
	RevokeToken(ctx context.Context, id string) error
}

// find returns the token of that id, among those of the process or those that were made.
func (s *Server) find(ctx context.Context, id string) (KeptToken, error) {
	for _, fixed := range s.cfg.Fixed {
		if fixed.ID == id {
			return fixed, nil
		}
	}
	found, err := s.cfg.Tokens.Token(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		err = fmt.Errorf("look up token: %w", err)
	}
	return found, err
}

// caller returns who asks: by their token, or by their session. Nobody is ErrNotFound's refusal.
func (s *Server) caller(r *http.Request) (Token, error) {
	if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return s.byToken(r, secret)
	}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return Token{}, errLogin
	}
	who, err := s.bySession(r.Context(), cookie.Value)
	if err != nil {
		return Token{}, err
	}
	return who, s.ownPage(r)
}

var errLogin = failure{http.StatusUnauthorized, "log in, or send a token: Authorization: Bearer …"}

// ownPage refuses what another site's page has a browser send, which adds the cookie by itself. SameSite=Strict says the
// same to browsers that know it. Programs send neither header, and show no cookie.
func (s *Server) ownPage(r *http.Request) error {
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	told := r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != ""
	if !safe && (!told || s.origins.Check(r) != nil) {
		return failure{http.StatusForbidden, "a session may change something only from the console's own page"}
	}
	return nil
}

// byToken finds the token and compares in constant time. A right one passes whatever others behind the same proxy have
// sent: nobody guesses 130 bits. A wrong one is counted.
func (s *Server) byToken(r *http.Request, secret string) (Token, error) {
	found, account, err := s.prove(r.Context(), secret)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return found, err
	}
	now := time.Now()
	if s.lockout.locked(now, addressOf(r), account) {
		return Token{}, errLocked
	}
	s.lockout.wrong(now, addressOf(r), account)
	return Token{}, failure{http.StatusUnauthorized, "wrong token"}
}

var errLocked = failure{http.StatusTooManyRequests, "too many wrong tokens: wait a minute, after twenty an hour"}

// prove returns whose token it is, or ErrNotFound; account is the one that a token with an id names.
func (s *Server) prove(ctx context.Context, secret string) (who Token, account string, err error) {
	hash := HashToken(secret)
	for _, fixed := range s.cfg.Fixed {
		if subtle.ConstantTimeCompare(hash[:], fixed.Hash[:]) == 1 {
			return fixed.Token, "", nil
		}
	}
	id, _, named := strings.Cut(strings.TrimPrefix(secret, tokenPrefix), "_")
	if !named || len(id) != idLength {
		return Token{}, "", ErrNotFound
	}
	known, err := s.find(ctx, id)
	if err != nil {
		return Token{}, "", err
	}
	if subtle.ConstantTimeCompare(hash[:], known.Hash[:]) != 1 {
		return Token{}, "account " + id, ErrNotFound
	}
	return known.Token, "", nil
}

// bySession returns whose session it is. It ends with the token that began it.
func (s *Server) bySession(ctx context.Context, value string) (Token, error) {
	id, rest, _ := strings.Cut(value, ".")
	known, err := s.find(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Token{}, errLogin
	}
	if err != nil {
		return Token{}, err
	}
	if !s.cfg.Links.validSession(known, rest, time.Now()) {
		return Token{}, errLogin
	}
	return known.Token, nil
}

func encode(mac []byte) string { return base64.RawURLEncoding.EncodeToString(mac) }
