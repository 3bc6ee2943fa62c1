package rtsp

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
)

// address is a camera's URL. Its text forms never show credentials.
type address struct {
	url     *base.URL
	secrets []string // what must not be printed, longest first
}

// parseAddress reads an RTSP URL. User names and passwords may hold any character, percent-encoded or as it is:
// people paste what the camera's manual says.
func parseAddress(s string) (*address, error) {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || scheme != "rtsp" && scheme != "rtsps" {
		return nil, errors.New("camera address: want rtsp:// or rtsps://")
	}
	user, rest := splitUser(rest)
	u, err := base.ParseURL(scheme + "://" + rest)
	if err != nil || u.Hostname() == "" {
		// The parser's own words may quote a password it took for something else.
		return nil, errors.New("camera address: want rtsp://[user:password@]host[:port]/path")
	}
	a := &address{url: u}
	if u.RawQuery != "" {
		a.secrets = append(a.secrets, u.RawQuery)
	}
	if user != "" {
		name, pass, _ := strings.Cut(user, ":")
		name, pass = unescape(name), unescape(pass)
		u.User = url.UserPassword(name, pass)
		a.secrets = append(a.secrets, user, u.User.String(), url.QueryEscape(pass), url.PathEscape(pass), pass)
	}
	slices.SortFunc(a.secrets, func(x, y string) int { return len(y) - len(x) })
	return a, nil
}

// splitUser cuts the part in front of the host off: up to the last @ in front of the query that a host follows, else up
// to the last one of all that does, so that none of a password with an @, a slash or a question mark is taken for a host
// or a path and printed. Beside credentials, an @ in the path has to be percent-encoded.
func splitUser(rest string) (user, host string) {
	authority, head := rest, rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		authority = rest[:end]
	}
	if !strings.Contains(authority, "@") && isHost(authority) {
		return "", rest
	}
	if query := strings.IndexByte(rest, '?'); query >= 0 && strings.Contains(rest[:query], "@") {
		head = rest[:query]
	}
	for _, part := range []string{head, rest} {
		for at := strings.LastIndexByte(part, '@'); at >= 0; at = strings.LastIndexByte(part[:at], '@') {
			follows := rest[at+1:]
			if end := strings.IndexAny(follows, "/?"); end >= 0 {
				follows = follows[:end]
			}
			if follows != "" && isHost(follows) {
				return rest[:at], rest[at+1:]
			}
		}
	}
	at := strings.LastIndexByte(head, '@')
	if at < 0 {
		return "", rest
	}
	return rest[:at], rest[at+1:]
}

// isHost says whether s is a host with or without a port.
func isHost(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return !strings.Contains(s, ":") || strings.HasPrefix(s, "[")
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// unescape undoes percent-encoding where there is one.
func unescape(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}

// String returns scheme, host and path; paths that carry credentials, as some cameras want, are left out.
func (a *address) String() string {
	path := a.url.Path
	if strings.ContainsAny(path, "=&") {
		path = "/..."
	}
	return a.url.Scheme + "://" + a.url.Host + path
}

// redact returns err without the address's secrets. Its chain ends there: what is wrapped could still be printed.
func (a *address) redact(operation string, err error) error {
	msg := err.Error()
	for _, s := range append([]string{a.url.String()}, a.secrets...) {
		if s != "" {
			msg = strings.ReplaceAll(msg, s, "xxxxx")
		}
	}
	return fmt.Errorf("%s: %s", operation, msg)
}
