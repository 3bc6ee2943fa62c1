package whip

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fragment is an SDP fragment of trickle ICE (RFC 8840, 9): candidates, and the ICE session they belong to. Which
// section they were said of does not matter: all are one bundle.
type fragment struct {
	ufrag, pwd string   // empty when the fragment does not say
	candidates []string // without "a=candidate:"
}

// parseFragment reads an application/trickle-ice-sdpfrag body. Attributes it does not know are ignored, as SDP
// asks for; lines that are no SDP are errors.
func parseFragment(body []byte) (*fragment, error) {
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 { // RFC 8866, 5: no zero bytes
		return nil, errors.New("the fragment is not UTF-8, or has zero bytes")
	}
	f := &fragment{}
	for line := range strings.SplitSeq(string(body), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return nil, errors.New("a line is not of the form <type>=<value>")
		}
		if line[0] != 'a' {
			continue
		}
		if err := f.attribute(line[2:]); err != nil {
			return nil, err
		}
	}
	if f.pwd != "" && f.ufrag == "" {
		return nil, errors.New("there is an ice-pwd without an ice-ufrag")
	}
	return f, nil
}

// attribute takes one in.
func (f *fragment) attribute(line string) error {
	key, value, _ := strings.Cut(line, ":")
	switch key {
	case "ice-ufrag":
		return once(&f.ufrag, value, key)
	case "ice-pwd":
		return once(&f.pwd, value, key)
	case "candidate":
		if err := checkCandidate(value); err != nil {
			return err
		}
		f.candidates = append(f.candidates, value)
	}
	return nil
}

// once sets a value that may be said again, per section, but not otherwise.
func once(place *string, value, key string) error {
	if *place != "" && *place != value {
		return errors.New("there are several values of " + key + ", but one bundle has one")
	}
	*place = value
	return nil
}

// checkCandidate checks the form of a candidate-attribute (RFC 8839, 5.1). Whether its transport is one of ours
// is not asked: others are ignored (RFC 9725, 4.3.2).
func checkCandidate(value string) error {
	f := strings.Fields(value)
	if len(f) < 8 || f[6] != "typ" {
		return errors.New("a candidate is not of the form foundation component transport priority address port typ type")
	}
	if n, err := strconv.ParseUint(f[1], 10, 16); err != nil || n == 0 || n > 256 {
		return errors.New("a candidate's component is not a number from 1 to 256")
	}
	if _, err := strconv.ParseUint(f[3], 10, 32); err != nil {
		return errors.New("a candidate's priority is not a number")
	}
	if _, err := strconv.ParseUint(f[5], 10, 16); err != nil {
		return errors.New("a candidate's port is not a port")
	}
	return nil
}

// validCandidate says whether pion is to hear of a candidate of an offer. Names are left out: a browser's
// .local names need multicast DNS, and its checks arrive without them.
func validCandidate(value string) bool {
	if checkCandidate(value) != nil {
		return false
	}
	_, err := netip.ParseAddr(strings.Fields(value)[4])
	return err == nil
}
