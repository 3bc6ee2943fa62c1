package whip

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// lookupTime bounds the look-up of the advertised names.
const lookupTime = 2 * time.Second

var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

// ICEServer is a STUN or TURN server that publishers may use.
type ICEServer struct {
	URL                  string // stun:host, turn:host?transport=udp, …
	Username, Credential string // for TURN
}

// link is the server's Link header (RFC 9725, 4.6). It holds no comma, at which OBS would split it.
func (s ICEServer) link() (string, error) {
	scheme, host, _ := strings.Cut(s.URL, ":")
	if !slices.Contains([]string{"stun", "stuns", "turn", "turns"}, scheme) || host == "" ||
		strings.ContainsFunc(s.URL, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`<>",`, r) }) {
		return "", fmt.Errorf("ice server %q: want stun:host or turn:host", s.URL)
	}
	link := []string{"<" + s.URL + ">", `rel="ice-server"`}
	for _, p := range []struct{ name, value string }{{"username", s.Username}, {"credential", s.Credential}} {
		if strings.ContainsFunc(p.value, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`\",`, r) }) {
			return "", fmt.Errorf(`ice server %q: its %s must be printable ASCII without comma, " and \`, s.URL, p.name)
		}
		if p.value != "" {
			link = append(link, p.name+`="`+p.value+`"`)
		}
	}
	return strings.Join(link, "; "), nil
}

// hosts are the configured addresses and names that publishers are told of.
type hosts struct {
	names []string
	// lookup finds a name's addresses.
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)

	mu   sync.Mutex
	last map[string][]netip.Addr // what each name was found to be
}

func newHosts(names []string) (*hosts, error) {
	for _, n := range names {
		if _, err := netip.ParseAddr(n); err != nil && !hostName.MatchString(n) {
			return nil, fmt.Errorf("host %q: want an IP address or a host name", n)
		}
	}
	return &hosts{names: names, last: map[string][]netip.Addr{}, lookup: func(ctx context.Context, name string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	}}, nil
}

// resolve returns the addresses. Names are looked up every time, since dynamic DNS changes them; one that is not
// found keeps the addresses it had.
func (h *hosts) resolve(ctx context.Context) (found []netip.Addr, missing error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	for _, name := range h.names {
		if ip, err := netip.ParseAddr(name); err == nil {
			found = append(found, ip.Unmap())
			continue
		}
		ips, err := h.lookup(ctx, name)
		if err != nil {
			missing = fmt.Errorf("look up %s: %w", name, err)
		}
		found = append(found, h.remember(name, ips)...)
	}
	return found, missing
}

// remember keeps what was found, or returns what was kept. Of one name a few addresses are enough.
func (h *hosts) remember(name string, ips []netip.Addr) []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(ips) == 0 {
		return h.last[name]
	}
	kept := make([]netip.Addr, 0, 4)
	for _, ip := range ips[:min(len(ips), 4)] {
		kept = append(kept, ip.Unmap().WithZone(""))
	}
	h.last[name] = kept
	return kept
}
