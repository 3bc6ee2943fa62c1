package onvif

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"unicode"
)

var fuzzAddr = netip.MustParseAddr("192.0.2.7")

// FuzzMatches reads whatever comes to the port of a probe.
func FuzzMatches(f *testing.F) {
	f.Fuzz(func(t *testing.T, datagram []byte) {
		devices, err := parseMatches(datagram, "uuid:1", fuzzAddr)
		if err != nil && devices != nil {
			t.Errorf("got %+v and %v", devices, err)
		}
		for _, d := range devices {
			u, err := url.Parse(d.Service)
			if err != nil || !sameHost(u.Hostname(), fuzzAddr) || u.User != nil {
				t.Errorf("service %q is elsewhere: %v", d.Service, err)
			}
			printable(t, append(d.Warnings, d.Name, d.Hardware)...)
		}
	})
}

// FuzzAnswer reads whatever a service answers.
func FuzzAnswer(f *testing.F) {
	f.Fuzz(func(t *testing.T, answer []byte) {
		if p, _, err := parse[profiles](answer); err == nil {
			for _, p := range p.Profiles {
				s := p.stream()
				printable(t, s.Profile, s.Source, s.Codec)
				if s.Width < 0 || s.Height < 0 || !(s.Rate >= 0 && s.Rate < 1000) {
					t.Errorf("got %+v", s)
				}
			}
		} else if said, ok := err.(*fault); ok { //nolint:errorlint // parse returns it as it is
			printable(t, said.Error())
		}
		if c, _, err := parse[capabilities](answer); err == nil {
			address, _ := service(c.Media, fuzzAddr, "http://192.0.2.7/onvif/device_service")
			if u, err := url.Parse(address); err != nil || !sameHost(u.Hostname(), fuzzAddr) {
				t.Errorf("media service %q is elsewhere: %v", address, err)
			}
		}
		if m, _, err := parse[mediaURI](answer); err == nil {
			address, warning := streamURL(m.URI, fuzzAddr)
			u, err := url.Parse(address)
			if err != nil || u.User != nil || warning == "" && !sameHost(u.Hostname(), fuzzAddr) {
				t.Errorf("stream %q: %v", address, err)
			}
			printable(t, address, warning)
		}
		_, _, _ = parse[systemTime](answer)
		_, _, _ = parse[information](answer)
	})
}

func printable(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) || len(text) > maxURL+8*maxText {
			t.Errorf("%q cannot be printed", text)
		}
	}
}
