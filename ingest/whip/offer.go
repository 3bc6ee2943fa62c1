package whip

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"vigil/frames"
)

// offer is what was understood of a publisher's SDP offer. What is not understood never reaches pion: sdp is built
// anew from these parts.
type offer struct {
	sdp        string
	sections   []section // in the offer's order
	video      *codec
	audio      *codec // nil without audio
	params     frames.Parameters
	stream     string // of which all tracks are; empty when the offer does not say
	ufrag, pwd string
	candidates int
}

// section is one acceptable media section.
type section struct {
	kind   string // "video" or "audio"
	mid    string
	proto  []string
	codec  *codec
	source *sdp.MediaDescription
	setup  string
	ufrag  string
	pwd    string
	prints []string // fingerprints
}

// codec is the payload type that the answer takes, and its retransmissions.
type codec struct {
	params webrtc.RTPCodecParameters
	rtx    *webrtc.RTPCodecParameters
}

// parseOffer reads and checks an offer. Its errors are *problem.
func parseOffer(body []byte) (*offer, error) {
	if bytes.IndexByte(body, 0) >= 0 || bytes.Count(body, []byte("\nm=")) > maxSections {
		return nil, malformed("the offer has zero bytes, or more than " + strconv.Itoa(maxSections) + " media sections")
	}
	var sd sdp.SessionDescription
	if err := sd.Unmarshal(body); err != nil {
		return nil, malformed("the offer is not SDP: " + firstLine(err.Error()))
	}
	// pion takes the lines that RFC 8866, 5, asks for as optional; without them it is some other text.
	if !bytes.HasPrefix(body, []byte("v=")) || sd.Origin.NetworkType == "" || len(sd.TimeDescriptions) == 0 {
		return nil, malformed("the offer is not SDP: its v=, o=, s= or t= line is missing")
	}
	if len(sd.MediaDescriptions) == 0 {
		return nil, unacceptable("the offer has no media sections; send one video track, and at most one audio track")
	}
	o := &offer{}
	for i, m := range sd.MediaDescriptions {
		s, err := parseSection(&sd, m, i)
		if err != nil {
			return nil, err
		}
		if err := o.add(s); err != nil {
			return nil, err
		}
	}
	if o.video == nil {
		p := unacceptable("the offer has no video track")
		p.Supported = []string{"video/H264"}
		return nil, p
	}
	if err := o.checkTransport(&sd); err != nil {
		return nil, err
	}
	text, err := o.rebuild(&sd)
	if err != nil {
		return nil, malformed("the offer cannot be written again: " + firstLine(err.Error()))
	}
	o.sdp = text
	return o, nil
}

// add takes s in, unless there is one of its kind already, or of another MediaStream (RFC 9725, 4.4.2).
func (o *offer) add(s *section) error {
	place := &o.video
	if s.kind == "audio" {
		place = &o.audio
	}
	if *place != nil {
		return unacceptable("the offer has more than one " + s.kind + " track")
	}
	for _, msid := range values(s.source.Attributes, "msid") {
		stream, _, _ := strings.Cut(msid, " ")
		if o.stream != "" && stream != o.stream {
			return unacceptable("the offer's tracks belong to several MediaStreams; put them into one")
		}
		o.stream = stream
	}
	*place = s.codec
	if s.kind == "video" {
		o.params = parameters(s.codec.params.SDPFmtpLine)
		s.codec.params.SDPFmtpLine = answerFormat(s.codec.params.SDPFmtpLine)
	}
	o.sections = append(o.sections, *s)
	return nil
}

// parseSection checks one media section.
func parseSection(sd *sdp.SessionDescription, m *sdp.MediaDescription, i int) (*section, error) {
	s := &section{kind: strings.ToLower(m.MediaName.Media), proto: m.MediaName.Protos, source: m}
	if s.kind != "video" && s.kind != "audio" {
		return nil, unacceptable("media section " + strconv.Itoa(i) + " is " + strconv.Quote(s.kind) +
			"; only video and audio can be published")
	}
	if proto := strings.ToUpper(strings.Join(s.proto, "/")); !strings.Contains(proto, "TLS/RTP/SAVP") {
		return nil, unacceptable("the " + s.kind + " section's transport is " + proto + "; UDP/TLS/RTP/SAVPF is wanted")
	}
	_, bundleOnly := m.Attribute("bundle-only")
	if m.MediaName.Port.Value == 0 && !bundleOnly {
		return nil, unacceptable("the " + s.kind + " section is disabled (port 0)")
	}
	if d := direction(sd, m); d != "sendonly" && d != "sendrecv" {
		return nil, unacceptable("the " + s.kind + " section is " + d + "; a publisher offers sendonly")
	}
	var err error
	if s.kind == "video" {
		s.codec, err = chooseVideo(m)
	} else {
		s.codec, err = chooseAudio(m)
	}
	if err != nil {
		return nil, err
	}
	s.mid, _ = m.Attribute("mid")
	s.ufrag = attribute(sd, m, "ice-ufrag")
	s.pwd = attribute(sd, m, "ice-pwd")
	s.setup = strings.ToLower(attribute(sd, m, "setup"))
	if s.prints = values(m.Attributes, "fingerprint"); len(s.prints) == 0 {
		s.prints = values(sd.Attributes, "fingerprint")
	}
	return s, nil
}

// checkTransport checks what all sections share: they are to be one bundle (RFC 9725, 4.4.1).
func (o *offer) checkTransport(sd *sdp.SessionDescription) error {
	// FFmpeg names mids that it has no section for; one section needs no group, nor a mid of its own.
	if len(o.sections) == 1 && o.sections[0].mid == "" {
		o.sections[0].mid = "0"
	}
	group := bundle(sd)
	first := o.sections[0]
	for i, s := range o.sections {
		if s.mid == "" {
			return unacceptable("the " + s.kind + " section has no mid")
		}
		if len(o.sections) > 1 && !slices.Contains(group, s.mid) {
			return unacceptable("the " + s.kind + " section is not part of the BUNDLE group; max-bundle is wanted")
		}
		if i > 0 && s.mid == first.mid {
			return unacceptable("two sections have the same mid")
		}
	}
	o.ufrag, o.pwd = first.ufrag, first.pwd
	switch {
	case !credential(o.ufrag, 4) || !credential(o.pwd, 22):
		return malformed("the offer has no usable ice-ufrag and ice-pwd")
	case len(first.prints) == 0 || slices.ContainsFunc(first.prints, func(p string) bool { return !fingerprint(p) }):
		return malformed("the offer has no usable DTLS fingerprint")
	}
	switch first.setup {
	case "", "actpass", "active", "passive":
		// RFC 9725, 4.4.4, wants the first two; older FFmpeg says passive.
		return nil
	}
	return unacceptable("the offer's DTLS setup is " + strconv.Quote(first.setup) + "; actpass or active is wanted")
}

// credential checks a part of ICE's credentials (RFC 8839, 5.4). The characters are not held to the letter, only
// to what STUN's user names and SDP can carry.
func credential(s string, shortest int) bool {
	return len(s) >= shortest && len(s) <= 256 &&
		!strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
}

// fingerprint checks the form of a certificate's fingerprint (RFC 8122, 5).
func fingerprint(s string) bool {
	algorithm, value, _ := strings.Cut(s, " ")
	switch strings.ToLower(algorithm) {
	case "sha-1", "sha-224", "sha-256", "sha-384", "sha-512":
	default:
		return false
	}
	b, err := hex.DecodeString(strings.ReplaceAll(value, ":", ""))
	return err == nil && len(b) >= 20 && len(b) <= 64
}

// codecLines are a section's rtpmap and fmtp lines by payload type.
type codecLines struct {
	name  map[uint8]string // "H264/90000"
	fmtp  map[uint8]string
	order []uint8
	names []string // for the refusal
}

func readCodecs(m *sdp.MediaDescription) codecLines {
	c := codecLines{name: map[uint8]string{}, fmtp: map[uint8]string{}}
	for _, a := range m.Attributes {
		pt, rest, ok := splitPayloadType(a.Value)
		switch {
		case !ok:
		case a.Key == "rtpmap":
			c.name[pt] = strings.TrimSpace(rest)
		case a.Key == "fmtp":
			c.fmtp[pt] = strings.TrimSpace(rest)
		}
	}
	for _, f := range m.MediaName.Formats {
		n, err := strconv.ParseUint(f, 10, 7)
		name, known := c.name[uint8(n)]
		if err != nil || !known || slices.Contains(c.order, uint8(n)) {
			continue
		}
		c.order = append(c.order, uint8(n))
		short, _, _ := strings.Cut(name, "/")
		if strings.EqualFold(short, "H264") && c.fmtp[uint8(n)] != "" {
			short += " " + c.fmtp[uint8(n)] // that it is H.264 does not say why it was refused
		}
		if len(short) <= 120 && len(c.names) < 16 && !slices.Contains(c.names, short) {
			c.names = append(c.names, short)
		}
	}
	return c
}

func splitPayloadType(value string) (pt uint8, rest string, ok bool) {
	head, rest, ok := strings.Cut(value, " ")
	n, err := strconv.ParseUint(head, 10, 7)
	return uint8(n), rest, ok && err == nil
}

// chooseVideo takes the first H.264 payload type with packetization-mode 1, else with 0. One only: the track then
// keeps its parameters for as long as it lives.
func chooseVideo(m *sdp.MediaDescription) (*codec, error) {
	lines := readCodecs(m)
	for _, mode := range []string{"1", "0"} {
		for _, pt := range lines.order {
			if strings.EqualFold(lines.name[pt], "H264/90000") && acceptableH264(lines.fmtp[pt], mode) {
				c := &codec{params: webrtc.RTPCodecParameters{
					PayloadType: webrtc.PayloadType(pt),
					RTPCodecCapability: webrtc.RTPCodecCapability{
						MimeType: webrtc.MimeTypeH264, ClockRate: frames.ClockRate, SDPFmtpLine: lines.fmtp[pt],
					},
				}}
				c.rtx = findRTX(lines, pt)
				return c, nil
			}
		}
	}
	p := unacceptable("the offer's video is " + listed(lines.names) + ", of which none is taken; send H.264 of the " +
		"baseline, main, extended or high profile, with packetization-mode 1 or 0")
	p.Supported = []string{"H264; packetization-mode=1", "H264; packetization-mode=0"}
	p.Offered = lines.names
	return nil, p
}

// acceptableH264 wants the packetization mode, and a profile of 8-bit 4:2:0 (RFC 6184, 8.1).
func acceptableH264(fmtp, mode string) bool {
	p := formatParameters(fmtp)
	have := p["packetization-mode"]
	if have == "" {
		have = "0"
	}
	if have != mode {
		return false
	}
	id, ok := p["profile-level-id"]
	if !ok {
		return true
	}
	if _, err := strconv.ParseUint(id, 16, 32); err != nil || len(id) != 6 {
		return false
	}
	switch strings.ToLower(id[:2]) {
	case "42", "4d", "58", "64": // baseline, main, extended, high
		return true
	}
	return false
}

func findRTX(lines codecLines, pt uint8) *webrtc.RTPCodecParameters {
	for _, r := range lines.order {
		if strings.EqualFold(lines.name[r], "rtx/90000") &&
			formatParameters(lines.fmtp[r])["apt"] == strconv.Itoa(int(pt)) {
			return &webrtc.RTPCodecParameters{
				PayloadType: webrtc.PayloadType(r),
				RTPCodecCapability: webrtc.RTPCodecCapability{
					MimeType: webrtc.MimeTypeRTX, ClockRate: frames.ClockRate, SDPFmtpLine: "apt=" + strconv.Itoa(int(pt)),
				},
			}
		}
	}
	return nil
}

// chooseAudio takes Opus. An offer is taken whole or not at all (RFC 9725, 4.4.3).
func chooseAudio(m *sdp.MediaDescription) (*codec, error) {
	lines := readCodecs(m)
	for _, pt := range lines.order {
		if strings.EqualFold(lines.name[pt], "opus/48000/2") {
			return &codec{params: webrtc.RTPCodecParameters{
				PayloadType: webrtc.PayloadType(pt),
				RTPCodecCapability: webrtc.RTPCodecCapability{
					MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
				},
			}}, nil
		}
	}
	p := unacceptable("the offer's audio is " + listed(lines.names) + ", not Opus; leave the audio out or send Opus")
	p.Supported, p.Offered = []string{"opus"}, lines.names
	return nil, p
}

// listed names what was offered.
func listed(names []string) string {
	if len(names) == 0 {
		return "of no codec"
	}
	return strings.Join(names, ", ")
}

// direction is the section's direction, else the session's, else sendrecv (RFC 8866, 6.7).
func direction(sd *sdp.SessionDescription, m *sdp.MediaDescription) string {
	for _, attrs := range [][]sdp.Attribute{m.Attributes, sd.Attributes} {
		for _, a := range attrs {
			switch a.Key {
			case "sendonly", "recvonly", "sendrecv", "inactive":
				return a.Key
			}
		}
	}
	return "sendrecv"
}

// attribute is the section's attribute, else the session's.
func attribute(sd *sdp.SessionDescription, m *sdp.MediaDescription, key string) string {
	if v, ok := m.Attribute(key); ok {
		return v
	}
	v, _ := sd.Attribute(key)
	return v
}

func values(attrs []sdp.Attribute, key string) []string {
	var vs []string
	for _, a := range attrs {
		if a.Key == key {
			vs = append(vs, a.Value)
		}
	}
	return vs
}

// bundle lists the mids of the BUNDLE group.
func bundle(sd *sdp.SessionDescription) []string {
	for _, v := range values(sd.Attributes, "group") {
		if f := strings.Fields(v); len(f) > 0 && f[0] == "BUNDLE" {
			return f[1:]
		}
	}
	return nil
}

// firstLine keeps a parser's message short; it may quote the whole input.
func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 120 {
		s = strings.ToValidUTF8(s[:120], "") + "..."
	}
	return s
}
