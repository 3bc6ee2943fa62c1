package config

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

var (
	hostName  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)
	iceServer = regexp.MustCompile(`^(stuns?|turns?):[A-Za-z0-9.:\[\]-]+(\?transport=(udp|tcp))?$`)
)

// validate checks what publishers are told of. What stands in a Link header must not end it.
func (w *WebRTC) validate(bad report) {
	for i, h := range w.Hosts {
		if _, err := netip.ParseAddr(h); err != nil && !hostName.MatchString(h) {
			bad(fmt.Sprintf("webrtc.hosts[%d]", i), "%q is neither an IP address nor a host name", h)
		}
	}
	if w.OnlyHosts && len(w.Hosts) == 0 {
		bad("webrtc.only_hosts", "needs webrtc.hosts: publishers would be told no address")
	}
	for i, s := range w.ICEServers {
		key := fmt.Sprintf("webrtc.ice_servers[%d]", i)
		if !iceServer.MatchString(s.URL) {
			bad(key+".url", "%q is not stun:host:port, turn:host:port or turn:host:port?transport=udp", s.URL)
		}
		for name, value := range map[string]string{"username": s.Username, "credential": s.Credential.Reveal()} {
			if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`\",`, r) }) {
				bad(key+"."+name, `must be printable ASCII without comma, " and \`)
			}
		}
	}
}
