package whip

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

func TestOfferIsRebuilt(t *testing.T) {
	o, err := parseOffer([]byte(offerText("a=mid:0", "a=mid:0\r\na=x-odd:1\r\na=candidate:1 1 UDP 5 10.0.0.1 9 typ host\r\n"+
		"a=candidate:2 1 UDP 5 1d.local 9 typ host")))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\n", "a=rtpmap:102 H264/90000\r\n", "a=fmtp:103 apt=102\r\n",
		"a=ssrc-group:FID 1111 2222\r\n", "a=rtcp-fb:102 transport-cc\r\n", "a=candidate:1 1 UDP 5 10.0.0.1 9 typ host\r\n",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "a=group:BUNDLE 0 1\r\n",
	} {
		if !strings.Contains(o.sdp, want) {
			t.Errorf("no %q in\n%s", want, o.sdp)
		}
	}
	for _, never := range []string{"VP8", "x-odd", "1d.local", "apt=96"} {
		if strings.Contains(o.sdp, never) {
			t.Errorf("%q in\n%s", never, o.sdp)
		}
	}
	if o.ufrag != "abcd" || o.candidates != 1 {
		t.Errorf("got ufrag %q and %d candidates, want abcd and 1", o.ufrag, o.candidates)
	}
}

func TestManyCandidatesAreCut(t *testing.T) {
	line := "a=candidate:1 1 UDP 5 10.0.0.1 9 typ host\r\n"
	o, err := parseOffer([]byte(videoOnly() + strings.Repeat(line, 1400)))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(o.sdp, "a=candidate:"); got != maxCandidates {
		t.Errorf("candidates: got %d, want %d", got, maxCandidates)
	}
}

func TestPacketizationModeOneIsPreferred(t *testing.T) {
	o, err := parseOffer([]byte(videoOnly(
		"96 97 102 103", "96 102", "a=rtpmap:96 VP8/90000", "a=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42e01f")))
	if err != nil {
		t.Fatal(err)
	}
	if got := o.video.params.PayloadType; got != 102 {
		t.Errorf("payload type: got %d, want 102", got)
	}
	if o.video.rtx != nil {
		t.Error("retransmissions that the section does not list are taken")
	}
}

func TestSources(t *testing.T) {
	group, lines := "a=ssrc-group:FID 1111 2222\r\n", "a=ssrc:1111 cname:x\r\na=ssrc:2222 cname:x\r\n"
	for _, c := range []struct{ name, group, lines, want string }{
		{"media and retransmission", group, lines, "FID 1111 2222"},
		{"retransmission named first", group, "a=ssrc:2222 cname:x\r\na=ssrc:1111 cname:x\r\n", "FID 1111 2222"},
		{"simulcast by sources", "a=ssrc-group:SIM 1111 3333\r\n" + group + "a=ssrc-group:FID 3333 4444\r\n", lines + "a=ssrc:3333 cname:x\r\n", "FID 1111 2222"},
		{"ten sources", "", strings.Repeat("a=ssrc:5 cname:x\r\na=ssrc:6 cname:x\r\n", 5), "a=ssrc:5 "},
		{"none", "", "", ""},
		{"out of range", "a=ssrc-group:FID 0 99999999999\r\n", "a=ssrc:99999999999 cname:x\r\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := parseOffer([]byte(videoOnly(group, c.group, lines, c.lines)))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for line := range strings.SplitSeq(o.sdp, "\r\n") {
				if strings.HasPrefix(line, "a=ssrc") {
					got = append(got, line)
				}
			}
			if all := strings.Join(got, " "); !strings.Contains(all, c.want) || c.want == "" && all != "" ||
				strings.Contains(all, "3333") || strings.Contains(all, "a=ssrc:6 ") {
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

func TestFinishAnswer(t *testing.T) {
	raw := strings.Join([]string{
		"v=0", "o=- 1 2 IN IP4 0.0.0.0", "s=-", "t=0 0", "m=video 9 UDP/TLS/RTP/SAVPF 102", "a=mid:0", "a=rtcp-mux",
		"a=candidate:1 1 tcp 9 192.168.1.2 8189 typ host tcptype passive", "a=candidate:1 2 udp 9 192.168.1.2 8189 typ host",
		"a=candidate:2 1 udp 9 127.0.0.1 8189 typ host", "a=candidate:3 1 udp 9 fd00::1 8189 typ host",
		"a=candidate:5 1 udp 9 fe80::1 8189 typ host",
		"a=candidate:4 1 udp 9 192.168.1.2 8189 typ host", "a=end-of-candidates", "a=recvonly", "",
	}, "\r\n")
	got, err := finishAnswer(raw, advertised{hosts: []netip.Addr{netip.MustParseAddr("203.0.113.7")}, port: 8189})
	if err != nil {
		t.Fatal(err)
	}
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(got); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	for _, c := range values(sd.MediaDescriptions[0].Attributes, "candidate") {
		f := strings.Fields(c)
		addresses = append(addresses, f[2]+" "+f[4])
	}
	want := []string{
		"udp 203.0.113.7", "udp 192.168.1.2", "udp 127.0.0.1", "udp fd00::1", "tcp 203.0.113.7", "tcp 192.168.1.2",
	}
	if !slices.Equal(addresses, want) {
		t.Errorf("candidates: got %v, want %v", addresses, want)
	}
	if _, err := finishAnswer(strings.Replace(raw, "recvonly", "inactive", 1), advertised{}); err == nil {
		t.Error("an answer that does not receive passes")
	}
	if _, err := finishAnswer("junk", advertised{}); err == nil {
		t.Error("junk passes")
	}
}
