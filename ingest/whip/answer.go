package whip

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// advertised is what publishers are told besides, or instead of, the interfaces' addresses.
type advertised struct {
	hosts []netip.Addr
	only  bool // not the interfaces'
	port  int
}

// finishAnswer makes pion's answer one of RFC 9725: rtcp-mux-only in every section (4.4.1), candidates of the one
// component there is, the extra hosts among them, in the order in which simple clients should try them. FFmpeg
// tries the first only.
func finishAnswer(raw string, to advertised) (string, error) {
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(raw); err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	for _, m := range sd.MediaDescriptions {
		_, receives := m.Attribute("recvonly")
		if _, sends := m.Attribute("sendonly"); !receives && !sends || m.MediaName.Port.Value == 0 {
			return "", errors.New("answer neither receives nor sends the " + m.MediaName.Media)
		}
		var kept []sdp.Attribute
		var candidates []string
		for _, a := range m.Attributes {
			switch a.Key {
			case "candidate":
				if f := strings.Fields(a.Value); len(f) > 7 && f[1] == "1" {
					candidates = append(candidates, a.Value)
				}
			case "rtcp-mux":
				kept = append(kept, a, sdp.Attribute{Key: "rtcp-mux-only"})
			case "end-of-candidates":
			default:
				kept = append(kept, a)
			}
		}
		if len(candidates) > 0 {
			for _, c := range order(candidates, to) {
				kept = append(kept, sdp.Attribute{Key: "candidate", Value: c})
			}
			kept = append(kept, sdp.Attribute{Key: "end-of-candidates"})
		}
		m.Attributes = kept
	}
	out, err := sd.Marshal()
	if err != nil {
		return "", fmt.Errorf("write answer: %w", err)
	}
	return string(out), nil
}

// maxAnswered candidates keep the answer under the 8 KiB that FFmpeg reads, on a machine of many interfaces too.
const maxAnswered = 48

// order adds the extra hosts, then sorts: they first, for somebody thought of them; UDP before TCP, IPv4 before
// IPv6, loopback last of its kind. Link-local IPv6 addresses are left out, for SDP cannot say of which link.
func order(candidates []string, to advertised) []string {
	type ranked struct {
		rank  int
		value string
	}
	var all []ranked
	for i, h := range to.hosts {
		for j, transport := range []string{
			"udp 2130706431 %s %d typ host", "tcp 1671430143 %s %d typ host tcptype passive",
		} {
			rank := -1
			if j == 1 {
				rank = rankTCP - 1
			}
			all = append(all, ranked{rank, "h" + strconv.Itoa(2*i+j) + " 1 " + fmt.Sprintf(transport, h, to.port)})
		}
	}
	if to.only {
		candidates = nil
	}
	for _, c := range candidates {
		if ip, err := netip.ParseAddr(strings.Fields(c)[4]); err == nil && ip.Is6() && ip.IsLinkLocalUnicast() {
			continue
		}
		all = append(all, ranked{rankOf(c), c})
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	all = all[:min(len(all), maxAnswered)]
	out := make([]string, len(all))
	for i, r := range all {
		out[i] = r.value
	}
	return out
}

const rankTCP = 10

func rankOf(value string) int {
	f := strings.Fields(value)
	rank := 0
	if strings.EqualFold(f[2], "tcp") {
		rank = rankTCP
	}
	ip, err := netip.ParseAddr(f[4])
	if err != nil || !ip.Unmap().Is4() {
		rank += 2
	}
	if err == nil && ip.IsLoopback() {
		rank++
	}
	return rank
}
