// Package onvif finds network cameras and asks them where their video is: WS-Discovery by multicast or to addresses, and
// as much of ONVIF's device and media services (ONVIF Core and Media Service Specifications) as that takes. It is no
// client for the rest of ONVIF, and it never speaks to a host other than the one that it was asked to or that answered:
// what a device says of other addresses is told, not followed. It imports nothing of ours.
package onvif

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// ErrCredentials says that the device wants a user and a password, or others than it was given.
var ErrCredentials = errors.New("user or password refused")

// Secret is a password that cannot be printed.
type Secret string

// String implements fmt.Stringer.
func (Secret) String() string { return "[secret]" }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return "[secret]" }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// Credentials are a user of the devices. Without a user the devices are asked as anybody could.
type Credentials struct {
	User     string
	Password Secret
}

// Device is a camera, or a recorder with several, that answered.
type Device struct {
	Addr     netip.Addr // where it answers
	Service  string     // address of its device service, always at Addr
	Name     string     // as it calls itself; empty when it was not found by discovery, or does not say
	Hardware string     // likewise
	Warnings []string   // what it announced and was not believed
}

// Camera is what a device tells of itself.
type Camera struct {
	Device       Device
	Manufacturer string
	Model        string
	Skew         time.Duration // by how much its clock is ahead of ours
	Streams      []Stream
}

// Stream is one of a device's media profiles.
type Stream struct {
	Profile string  // its name
	Source  string  // token of the video source: a recorder has several
	Codec   string  // as the device says it: H264, JPEG, …; empty when the profile has no video encoder
	Width   int     // pixels
	Height  int     // pixels
	Rate    float64 // pictures a second at most
	URL     string  // rtsp:// address without user and password; empty when there is none
	Warning string  // why the address should not be used as it is: it points to another host
}

// Bounds of what is kept of an answer's words.
const (
	maxText    = 100 // runes of a name
	maxStreams = 64  // of one device
	maxURL     = 2048
)

// clean makes words of a device fit to be printed: no control characters, not endless.
func clean(s string) string {
	n := 0
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if n++; n > maxText || !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.TrimSpace(s)))
}

// service reads a device's address of one of its services. It is believed where it names the device's own host;
// otherwise its path is used at base, which is where the device answered.
func service(text string, addr netip.Addr, base string) (address string, believed bool) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || len(text) > maxURL || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return base, false
	}
	u.User, u.Fragment = nil, ""
	if sameHost(u.Hostname(), addr) {
		return u.String(), true
	}
	b, err := url.Parse(base)
	if err != nil {
		return base, false
	}
	b.Path, b.RawPath, b.RawQuery = u.Path, u.RawPath, u.RawQuery
	return b.String(), false
}

func sameHost(host string, addr netip.Addr) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().WithZone("") == addr.Unmap().WithZone("")
}

// deviceService is where ONVIF puts a device's first service (Core Specification, 5.3).
func deviceService(at netip.AddrPort) string {
	host := at.String()
	if at.Port() == 80 {
		host = at.Addr().String()
		if at.Addr().Is6() {
			host = "[" + host + "]"
		}
	}
	return (&url.URL{Scheme: "http", Host: host, Path: "/onvif/device_service"}).String()
}

// streamURL reads the answer to GetStreamUri: the address without credentials, and why it should not be used.
func streamURL(text string, addr netip.Addr) (address, warning string) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || len(text) > maxURL || u.Host == "" || u.Scheme != "rtsp" && u.Scheme != "rtsps" {
		return "", "the device gives no rtsp:// address"
	}
	u.User, u.Fragment = nil, ""
	if !sameHost(u.Hostname(), addr) {
		return u.String(), "points to " + clean(u.Hostname()) + ", not to the camera at " + addr.String()
	}
	if port := u.Port(); port == "554" && u.Scheme == "rtsp" {
		u.Host = strings.TrimSuffix(u.Host, net.JoinHostPort("", port)) // as most addresses are written
	}
	return u.String(), ""
}
