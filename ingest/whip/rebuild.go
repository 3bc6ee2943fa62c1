package whip

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
)

// rebuild writes the offer that pion gets: the chosen codecs only, transport attributes in every section, one
// layer of a simulcast, and nothing unknown. An answer that does not name simulcast has the publisher send one
// layer (RFC 8853, 5.3.2).
func (o *offer) rebuild(from *sdp.SessionDescription) (string, error) {
	mids := make([]string, len(o.sections))
	for i, s := range o.sections {
		mids[i] = s.mid
	}
	sd := &sdp.SessionDescription{
		Origin: sdp.Origin{
			Username: "-", SessionID: from.Origin.SessionID, SessionVersion: from.Origin.SessionVersion,
			NetworkType: "IN", AddressType: "IP4", UnicastAddress: "127.0.0.1",
		},
		SessionName:      "-",
		TimeDescriptions: []sdp.TimeDescription{{}},
		Attributes:       []sdp.Attribute{{Key: "group", Value: "BUNDLE " + strings.Join(mids, " ")}},
	}
	if _, lite := from.Attribute("ice-lite"); lite {
		sd.Attributes = append(sd.Attributes, sdp.Attribute{Key: "ice-lite"})
	}
	for _, s := range o.sections {
		sd.MediaDescriptions = append(sd.MediaDescriptions, o.rebuildSection(&s))
	}
	text, err := sd.Marshal()
	return string(text), err
}

func (o *offer) rebuildSection(s *section) *sdp.MediaDescription {
	first := o.sections[0]
	m := &sdp.MediaDescription{MediaName: sdp.MediaName{
		Media: s.kind, Port: sdp.RangedPort{Value: 9}, Protos: []string{"UDP", "TLS", "RTP", "SAVPF"},
	}}
	m.WithValueAttribute("mid", s.mid)
	m.WithPropertyAttribute("sendonly")
	m.WithPropertyAttribute("rtcp-mux")
	m.WithICECredentials(first.ufrag, first.pwd)
	for _, p := range first.prints {
		m.WithValueAttribute("fingerprint", p)
	}
	if first.setup != "" {
		m.WithValueAttribute("setup", first.setup)
	}
	c := s.codec.params
	m.WithCodec(uint8(c.PayloadType), strings.SplitN(c.MimeType, "/", 2)[1], c.ClockRate, c.Channels, c.SDPFmtpLine)
	if r := s.codec.rtx; r != nil {
		m.WithCodec(uint8(r.PayloadType), "rtx", r.ClockRate, 0, r.SDPFmtpLine)
	}
	o.copyAttributes(m, s)
	copySources(m, s)
	return m
}

// feedback is what is sent back to publishers.
var feedback = []string{"nack", "nack pli", "transport-cc"}

// copyAttributes takes over what the codec's feedback, the congestion control and ICE need.
func (o *offer) copyAttributes(m *sdp.MediaDescription, s *section) {
	pt := strconv.Itoa(int(s.codec.params.PayloadType))
	for _, a := range s.source.Attributes {
		switch a.Key {
		case "rtcp-fb":
			of, rest, _ := strings.Cut(a.Value, " ")
			if line := pt + " " + rest; (of == pt || of == "*") && slices.Contains(feedback, rest) &&
				!slices.Contains(values(m.Attributes, "rtcp-fb"), line) {
				m.WithValueAttribute("rtcp-fb", line)
			}
		case "extmap":
			id, uri, _ := strings.Cut(a.Value, " ")
			if n, err := strconv.ParseUint(id, 10, 4); err == nil && n > 0 && n < 15 && uri == sdp.TransportCCURI {
				m.WithValueAttribute("extmap", id+" "+uri)
			}
		case "msid":
			if len(strings.Fields(a.Value)) <= 2 {
				m.WithValueAttribute("msid", a.Value)
			}
		case "candidate":
			if o.candidates < maxCandidates && validCandidate(a.Value) {
				o.candidates++
				m.WithValueAttribute("candidate", a.Value)
			}
		case "end-of-candidates":
			m.WithPropertyAttribute("end-of-candidates")
		}
	}
}

// copySources declares the first layer's synchronisation source, and that of its retransmissions.
func copySources(m *sdp.MediaDescription, s *section) {
	var sources []uint32
	var groups [][]uint32
	for _, a := range s.source.Attributes {
		switch f := strings.Fields(a.Value); {
		case a.Key == "ssrc" && len(f) > 1:
			if n, err := strconv.ParseUint(f[0], 10, 32); err == nil && n > 0 && !slices.Contains(sources, uint32(n)) {
				sources = append(sources, uint32(n))
			}
		case a.Key == "ssrc-group" && len(f) == 3 && f[0] == "FID":
			media, err := strconv.ParseUint(f[1], 10, 32)
			rtx, err2 := strconv.ParseUint(f[2], 10, 32)
			if err == nil && err2 == nil && media > 0 && rtx > 0 && media != rtx {
				groups = append(groups, []uint32{uint32(media), uint32(rtx)})
			}
		}
	}
	if len(sources) == 0 {
		return
	}
	first := sources[0]
	for _, g := range groups {
		// The order of the lines says nothing: the media may be the second line.
		if g[1] == first {
			first = g[0]
		}
	}
	write := func(n uint32) {
		m.WithValueAttribute("ssrc", strconv.FormatUint(uint64(n), 10)+" cname:whip")
	}
	for _, g := range groups {
		if g[0] == first && s.codec.rtx != nil {
			m.WithValueAttribute("ssrc-group", "FID "+strconv.FormatUint(uint64(first), 10)+" "+
				strconv.FormatUint(uint64(g[1]), 10))
			write(first)
			write(g[1])
			return
		}
	}
	write(first)
}
