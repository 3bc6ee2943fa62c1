package rtsp

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/sdpunmarshaler"
)

const (
	// maxMedia is how many media of a description that has to be repaired are looked at.
	maxMedia = 128
	// plainHead stands in front of media when the description's own head cannot be read.
	plainHead = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
)

// repair returns a description that gortsplib reads. It takes all of one or nothing, so that an audio track with a
// mistake, or with a codec that says less than it wants, would cost the video. What cannot be read is left out: first the
// media's formats' parameters, then the media, of which the first lines are returned. A description that is fine
// stays as it is, and one without any readable media, too.
func repair(sdp []byte) (repaired []byte, dropped []string) {
	if readable(sdp) {
		return sdp, nil
	}
	head, media := sections(sdp)
	var kept strings.Builder
	for i, m := range media {
		full := plainHead + strings.Join(m, "")
		bare := plainHead + strings.Join(without(m, "a=fmtp:"), "")
		switch {
		case i < maxMedia && readable([]byte(full)):
			kept.WriteString(full[len(plainHead):])
		case i < maxMedia && readable([]byte(bare)):
			kept.WriteString(bare[len(plainHead):])
		default:
			dropped = append(dropped, fmt.Sprintf("%.64q", strings.TrimRight(m[0], "\r\n")))
		}
	}
	if kept.Len() == 0 {
		return sdp, nil
	}
	repaired = []byte(strings.Join(head, "") + kept.String())
	if !readable(repaired) {
		repaired = []byte(plainHead + strings.Join(only(head, "a=control:"), "") + kept.String())
	}
	return repaired, dropped
}

// readable says whether gortsplib reads the description.
func readable(sdp []byte) bool {
	parsed, err := sdpunmarshaler.Unmarshal(sdp)
	if err != nil {
		return false
	}
	var d description.Session
	return d.Unmarshal2(parsed) == nil
}

// sections cuts a description into its head and its media, each as lines. Lines that are none of SDP are left out,
// and those that relate media to each other, which RTSP does not need and which are wrong when one is missing.
func sections(sdp []byte) (head []string, media [][]string) {
	for line := range bytes.Lines(sdp) {
		l := strings.NewReplacer("\r", "", "\n", "").Replace(string(line)) + "\r\n"
		switch {
		case len(l) < len("x=\r\n") || l[1] != '=' || strings.HasPrefix(l, "a=mid:") || strings.HasPrefix(l, "a=group:"):
		case l[0] == 'm':
			media = append(media, []string{l})
		case len(media) == 0:
			head = append(head, l)
		default:
			media[len(media)-1] = append(media[len(media)-1], l)
		}
	}
	return head, media
}

func without(lines []string, prefix string) (kept []string) {
	for _, l := range lines {
		if !strings.HasPrefix(l, prefix) {
			kept = append(kept, l)
		}
	}
	return kept
}

func only(lines []string, prefix string) (kept []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, prefix) {
			kept = append(kept, l)
		}
	}
	return kept
}
