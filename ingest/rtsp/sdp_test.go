package rtsp

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestRepair(t *testing.T) {
	const head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\na=control:*\r\n"
	const wrong = "m=audio 0 RTP/AVP 97\r\na=control:audio\r\n"
	for _, tt := range []struct {
		name, sdp, want string
		dropped         []string
	}{
		{"fine", head + videoSDP, head + videoSDP, nil},
		{"fine, without carriage returns", strings.ReplaceAll(head+videoSDP, "\r", ""), strings.ReplaceAll(head+videoSDP, "\r", ""), nil},
		{"one that is wrong", head + wrong + videoSDP, head + videoSDP, []string{`"m=audio 0 RTP/AVP 97"`}},
		{"wrong parameters", head + strings.Replace(videoSDP, "mode=1", "mode=x", 1), head +
			strings.Replace(videoSDP, "a=fmtp:96 packetization-mode=1\r\n", "", 1), nil},
		{"ids", head + "a=group:BUNDLE 0 1\r\n" + wrong + "a=mid:0\r\n" + videoSDP + "a=mid:1\r\n", head + videoSDP, []string{`"m=audio 0 RTP/AVP 97"`}},
		{"a head that is wrong", strings.Replace(head, "t=0 0", "t=x", 1) + videoSDP, plainHead + "a=control:*\r\n" + videoSDP, nil},
		{
			"a long line", head + strings.Replace(wrong, "97", strings.Repeat("97 ", 99), 1) + videoSDP, head + videoSDP,
			[]string{`"m=audio 0 RTP/AVP ` + strings.Repeat("97 ", 15) + `9"`},
		},
		{"nothing readable", head + wrong, head + wrong, nil},
		{"no description", "hello", "hello", nil},
		{"nothing", "", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, dropped := repair([]byte(tt.sdp))
			if string(got) != tt.want || !slices.Equal(dropped, tt.dropped) {
				t.Errorf("got %q and %q, want %q and %q", got, dropped, tt.want, tt.dropped)
			}
		})
	}
}

func FuzzRepair(f *testing.F) {
	f.Add([]byte(plainSDP))
	f.Add([]byte(strings.Replace(plainSDP, "t=0 0", "t=x", 1)))
	f.Add([]byte(plainSDP + "m=audio 0 RTP/AVP 97\r\na=mid:a\r\n"))
	f.Add([]byte("m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=fmtp:97 config=zz\r\n" + videoSDP))
	f.Fuzz(func(t *testing.T, sdp []byte) {
		fine := readable(sdp)
		got, dropped := repair(bytes.Clone(sdp))
		if fine && (!bytes.Equal(got, sdp) || dropped != nil) {
			t.Errorf("a readable description was changed to %q", got)
		}
		if !fine && !readable(got) && !bytes.Equal(got, sdp) {
			t.Errorf("got %q, which is not readable either", got)
		}
		if again, more := repair(got); !bytes.Equal(again, got) || more != nil {
			t.Errorf("what was repaired, %q, was repaired again", got)
		}
		for _, d := range dropped {
			if strings.ContainsAny(d, "\r\n") {
				t.Errorf("%q has more than one line", d)
			}
		}
	})
}
