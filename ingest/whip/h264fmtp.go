package whip

import (
	"encoding/base64"
	"strings"

	"vigil/frames"
)

// formatParameters reads an fmtp line's "key=value;key=value".
func formatParameters(fmtp string) map[string]string {
	p := map[string]string{}
	for kv := range strings.SplitSeq(fmtp, ";") {
		if k, v, ok := strings.Cut(strings.TrimSpace(kv), "="); ok {
			p[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(v)
		}
	}
	return p
}

// answerFormat is the fmtp line that takes an offered H.264 format. Profile and mode stay as they were offered, or
// become their defaults (RFC 6184, 8.1); a publisher that allows the levels to differ hears that any level is
// taken.
func answerFormat(fmtp string) string {
	p := formatParameters(fmtp)
	mode, id := p["packetization-mode"], p["profile-level-id"]
	if mode == "" {
		mode = "0"
	}
	if id == "" {
		id = "42000a"
	}
	id = strings.ToLower(id)
	line := ""
	if p["level-asymmetry-allowed"] == "1" {
		line = "level-asymmetry-allowed=1;"
		id = id[:4] + "34" // level 5.2
	}
	return line + "packetization-mode=" + mode + ";profile-level-id=" + id
}

// parameters are the parameter sets that the fmtp line brings; what cannot be read is left to come in band.
func parameters(fmtp string) frames.Parameters {
	out := frames.Parameters{Codec: frames.H264}
	for set := range strings.SplitSeq(formatParameters(fmtp)["sprop-parameter-sets"], ",") {
		b, err := base64.StdEncoding.DecodeString(set)
		if err != nil || len(b) < 2 {
			continue
		}
		switch {
		case b[0]&0x1f == naluSPS && out.SPS == nil:
			out.SPS = b
		case b[0]&0x1f == naluPPS && out.PPS == nil:
			out.PPS = b
		}
	}
	return out
}
