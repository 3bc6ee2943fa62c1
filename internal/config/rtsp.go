package config

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var fingerprint = regexp.MustCompile(`^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$`)

// validate checks the server that cameras publish to; anybody says that no camera is configured.
func (r *RTSP) validate(anybody bool, bad report) {
	secure := r.TLSCert != "" && r.TLSKey != ""
	if (r.TLSCert == "") != (r.TLSKey == "") {
		bad("rtsp.tls_cert", "needs rtsp.tls_key too, and the other way round")
	}
	const reached = "%s can be reached by others: name the cameras that may publish, each with a publish_token"
	if anybody && !IsLoopback(r.Listen) {
		bad("rtsp.listen", reached, r.Listen)
	}
	if anybody && secure && !IsLoopback(r.TLSListen) {
		bad("rtsp.tls_listen", reached, r.TLSListen)
	}
	_, port, err := net.SplitHostPort(r.UDP)
	if err != nil {
		return // empty, or no address at all
	}
	if n, err := strconv.Atoi(port); err == nil && n%2 != 0 {
		bad("rtsp.udp", "port %d is odd: want an even one, the next is RTCP's", n)
	}
	if IsLoopback(r.UDP) && !IsLoopback(r.Listen) {
		bad("rtsp.udp", "%s cannot be reached by publishers who reach rtsp.listen, %s", r.UDP, r.Listen)
	}
}

// validatePull checks how the camera is pulled from.
func (c *Camera) validatePull(scheme, key string, bad report) {
	switch {
	case !slices.Contains([]string{"", "auto", "tcp", "udp"}, c.Transport):
		bad(key+".transport", "is %q, want auto, tcp or udp", c.Transport)
	case c.Transport != "" && c.URL == "":
		bad(key+".transport", "camera %s publishes: how is its own choice", c.ID)
	case c.Transport == "udp" && scheme == "rtsps":
		bad(key+".transport", "camera %s: rtsps:// runs over TCP only", c.ID)
	}
	c.validateDetect(key, bad)
	if c.Fingerprint == "" {
		return
	}
	if scheme != "rtsps" {
		bad(key+".tls_fingerprint", "camera %s: only cameras at an rtsps:// url show a certificate", c.ID)
	} else if !fingerprint.MatchString(c.Fingerprint) {
		bad(key+".tls_fingerprint", "camera %s: want the 64 hexadecimal digits of a SHA-256, with or without colons", c.ID)
	}
}

// validateDetect checks the address of the stream for analysis. Its certificate is url's, when it shows one.
func (c *Camera) validateDetect(key string, bad report) {
	if c.DetectURL == "" {
		return
	}
	scheme, _, _ := strings.Cut(c.DetectURL.Reveal(), "://")
	switch {
	case c.URL == "":
		bad(key+".detect_url", "camera %s has no url beside it, which is what is recorded", c.ID)
	case scheme != "rtsp" && scheme != "rtsps":
		bad(key+".detect_url", "camera %s: not an rtsp:// or rtsps:// address", c.ID)
	case c.DetectURL == c.URL:
		bad(key+".detect_url", "camera %s: is its url", c.ID)
	case c.Transport == "udp" && scheme == "rtsps":
		bad(key+".transport", "camera %s: rtsps:// runs over TCP only", c.ID)
	}
}
