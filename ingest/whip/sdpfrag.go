package whip

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// fragment is an SDP fragment of trickle ICE (RFC 8840, 9): candidates, and the generation they belong to.
type fragment struct {
	ufrag, pwd string // empty when the fragment does not say
	candidates []candidate
}

// candidate is one line of a fragment, with the section it was said of.
type candidate struct {
	mid   string // empty when the fragment does not say
	value string // "candidate:..." without "a="
}

// parseFragment reads an application/trickle-ice-sdpfrag body. Attributes it does not know are ignored, as SDP
// asks for; lines that are no SDP are errors.
func parseFragment(body []byte) (*fragment, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the fragment is not UTF-8")
	}
	f := &fragment{}
	mid := ""
	for line := range strings.SplitSeq(string(body), "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return nil, errors.New("a line is not of the form <type>=<value>")
		}
		switch line[0] {
		case 'm':
			mid = ""
		case 'a':
			key, value, _ := strings.Cut(line[2:], ":")
			switch key {
			case "ice-ufrag":
				f.ufrag = value
			case "ice-pwd":
				f.pwd = value
			case "mid":
				mid = value
			case "candidate":
				if err := checkCandidate(value); err != nil {
					return nil, err
				}
				f.candidates = append(f.candidates, candidate{mid: mid, value: "candidate:" + value})
			}
		}
	}
	return f, nil
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
