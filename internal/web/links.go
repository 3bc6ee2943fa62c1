package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// LinkLife is how long a link in a webhook opens: longer than the last retry.
const LinkLife = 7 * 24 * time.Hour

// Links makes and checks signed links and sessions. Roles in other processes make the same ones with the same key.
type Links struct {
	base string
	key  []byte
	now  func() time.Time
}

// NewLinks returns links under the public address base, signed with key.
func NewLinks(base string, key []byte) *Links {
	return &Links{base: strings.TrimSuffix(base, "/"), key: key, now: time.Now}
}

// Clip is the link that opens the clip under an object key.
func (l *Links) Clip(key string) string { return l.media(key) }

// Shot is the link that opens the picture under an object key; empty for an empty key.
func (l *Links) Shot(key string) string {
	if key == "" {
		return ""
	}
	return l.media(key)
}

// Console is the page that shows the alert.
func (l *Links) Console(alert string) string { return l.base + "/#/alerts/" + url.PathEscape(alert) }

// Local turns a media link into one that the console's own page opens, on whatever address it was reached.
func (l *Links) Local(link string) string { return strings.TrimPrefix(link, l.base) }

func (l *Links) media(key string) string { return l.mediaUntil(key, l.now().Add(LinkLife)) }

func (l *Links) mediaUntil(key string, until time.Time) string {
	expires := unix(until)
	u := url.URL{Path: "/media/" + key, RawQuery: "expires=" + expires + "&signature=" + l.sign("media", key, expires)}
	return l.base + u.String()
}

// validMedia says whether the query carries a signature for key that has not expired.
func (l *Links) validMedia(key string, query url.Values) bool {
	expires := query.Get("expires")
	return l.valid(expires, query.Get("signature"), l.sign("media", key, expires), l.now())
}

// session proves that the token's holder has logged in, until then. It is worth nothing for another token, nor for one
// that was made anew.
func (l *Links) session(t KeptToken, expires time.Time) string {
	at := unix(expires)
	return at + "." + l.sign("session", whose(t), at)
}

func (l *Links) validSession(t KeptToken, value string, now time.Time) bool {
	at, signature, _ := strings.Cut(value, ".")
	return l.valid(at, signature, l.sign("session", whose(t), at), now)
}

func whose(t KeptToken) string { return t.ID + " " + encode(t.Hash[:]) }

func (l *Links) valid(expires, signature, want string, now time.Time) bool {
	at, err := parseUnix(expires)
	return err == nil && hmac.Equal([]byte(signature), []byte(want)) && now.Unix() < at
}

func (l *Links) sign(purpose, what, expires string) string {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(purpose + "\x00" + what + "\x00" + expires))
	return encode(mac.Sum(nil))
}

func unix(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func parseUnix(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }
