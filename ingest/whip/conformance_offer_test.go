package whip

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/pion/sdp/v3"
)

// offerText is a browser's offer in short: video, and audio when wanted.
func offerText(change ...string) string {
	s := strings.Join([]string{
		"v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0 1",
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103", "c=IN IP4 0.0.0.0", "a=rtcp:9 IN IP4 0.0.0.0",
		"a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx", "a=ice-options:trickle",
		"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB", "a=setup:actpass", "a=mid:0",
		"a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
		"a=sendonly", "a=msid:s v", "a=rtcp-mux", "a=rtcp-rsize",
		"a=rtpmap:96 VP8/90000", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96",
		"a=rtpmap:102 H264/90000", "a=rtcp-fb:102 nack", "a=rtcp-fb:102 nack pli", "a=rtcp-fb:102 transport-cc",
		"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		"a=rtpmap:103 rtx/90000", "a=fmtp:103 apt=102",
		"a=ssrc-group:FID 1111 2222", "a=ssrc:1111 cname:x", "a=ssrc:2222 cname:x",
		"m=audio 9 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0",
		"a=ice-ufrag:abcd", "a=ice-pwd:abcdefghijklmnopqrstuvwx",
		"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB", "a=setup:actpass", "a=mid:1",
		"a=sendonly", "a=rtcp-mux", "a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1", "",
	}, "\r\n")
	return strings.NewReplacer(change...).Replace(s)
}

// videoOnly is offerText without its audio section, with or without its mid in the group.
func videoOnly(change ...string) string {
	s := offerText(change...)
	return s[:strings.Index(s, "m=audio")]
}

// TestConformanceOfOffers is RFC 9725's say on offers, against a running endpoint; W and R are our own fault cases.
func TestConformanceOfOffers(t *testing.T) {
	audio := offerText()[strings.Index(offerText(), "m=audio"):]
	video := videoOnly()[strings.Index(videoOnly(), "m=video"):]
	for _, c := range []struct {
		name, offer string
		status      int
		says        string // in the problem's detail
	}{
		// RFC 9725, 4.2: the endpoint takes an initial offer and answers it, or refuses with a 4xx.
		{"4.2 a browser's offer is taken", offerText(), 201, ""},
		{"4.2 sendrecv is taken", offerText("a=sendonly", "a=sendrecv"), 201, ""},
		{"4.2 no direction is sendrecv", offerText("a=sendonly\r\n", ""), 201, ""},
		{"4.2 recvonly is refused", offerText("a=sendonly", "a=recvonly"), 422, "recvonly"},
		{"4.2 inactive is refused", offerText("a=sendonly", "a=inactive"), 422, "inactive"},
		{"4.2 inactive for the session is refused", offerText("a=sendonly\r\n", "", "t=0 0", "t=0 0\r\na=inactive"), 422, "inactive"},
		{"4.2 an empty body is malformed", "", 400, "not SDP"},
		{"4.2 what is no SDP is malformed", "hello", 400, "not SDP"},
		{"4.2 a cut line is malformed", offerText()[:40], 400, ""},
		{"4.2 line feeds only are taken", offerText("\r\n", "\n"), 201, ""},
		{"4.2 plain RTP is refused", offerText("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 422, "RTP/AVP"},
		{"4.2 a disabled section is refused", offerText("m=video 9", "m=video 0"), 422, "disabled"},
		{"4.2 no ICE credentials are malformed", offerText("a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n", ""), 400, "ice-pwd"},
		{"4.2 no fingerprint is malformed", offerText("a=fingerprint:", "a=nothing:"), 400, "fingerprint"},
		{"4.2 a malformed fingerprint is malformed", offerText("a=fingerprint:sha-256 ", "a=fingerprint:"), 400, "fingerprint"},

		// 4.4.1: one bundle.
		{"4.4.1 one section needs no group", videoOnly("a=group:BUNDLE 0 1\r\n", ""), 201, ""},
		{"4.4.1 one section needs no mid", videoOnly("a=group:BUNDLE 0 1\r\n", "", "a=mid:0\r\n", ""), 201, ""},
		{"4.4.1 bundle-only sections are taken", offerText("m=audio 9", "m=audio 0", "a=mid:1", "a=mid:1\r\na=bundle-only"), 201, ""},
		{"4.4.1 FFmpeg groups a section it does not have", videoOnly(), 201, ""},
		{"4.4.1 sections outside the group are refused", offerText("a=group:BUNDLE 0 1\r\n", ""), 422, "BUNDLE"},
		{"4.4.1 sections without mids are refused", offerText("a=mid:0\r\n", "", "a=mid:1\r\n", ""), 422, "mid"},
		{"4.4.1 equal mids are refused", offerText("a=mid:1", "a=mid:0"), 422, "same mid"},

		// 4.4.2: one MediaStream, at most one track of a kind.
		{"4.4.2 video only", videoOnly("BUNDLE 0 1", "BUNDLE 0"), 201, ""},
		{"4.4.2 no media", offerText()[:strings.Index(offerText(), "m=video")], 422, "no media"},
		{"4.4.2 audio only", strings.Replace(offerText(), video, "", 1), 422, "no video"},
		{"4.4.2 two videos", offerText() + strings.Replace(video, "a=mid:0", "a=mid:2", 1), 422, "more than one video"},
		{"4.4.2 two audios", offerText() + strings.Replace(audio, "a=mid:1", "a=mid:2", 1), 422, "more than one audio"},
		{"4.4.2 two MediaStreams", offerText("a=mid:1", "a=mid:1\r\na=msid:other a"), 422, "several MediaStreams"},
		{"4.4.2 a track in two MediaStreams", offerText("a=msid:s v", "a=msid:s v\r\na=msid:s2 v"), 422, "several MediaStreams"},
		{"4.4.2 audio and video of one MediaStream", offerText("a=mid:1", "a=mid:1\r\na=msid:s a"), 201, ""},
		{"4.4.2 no msid", offerText("a=msid:s v\r\n", ""), 201, ""},
		{"4.4.2 a data channel", offerText() + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", 422, "application"},

		// 4.4.3: all of the offer or nothing.
		{"4.4.3 H.264 behind VP8 is taken", offerText(), 201, ""},
		{"4.4.3 H.264 behind VP9 and AV1 is taken", offerText("a=rtpmap:96 VP8/90000", "a=rtpmap:96 AV1/90000\r\na=rtpmap:98 VP9/90000", "SAVPF 96", "SAVPF 98 96"), 201, ""},
		{"4.4.3 VP8 alone is refused by name", offerText("H264/90000", "red/90000"), 422, "video is VP8, rtx, red, of which none is taken; send H.264"},
		{"4.4.3 AV1 alone is refused by name", offerText("H264/90000", "AV1/90000", "VP8/90000", "VP9/90000"), 422, "VP9, rtx, AV1"},
		{"4.4.3 H.264 of mode 2 is refused by its format", offerText("packetization-mode=1", "packetization-mode=2"), 422, "packetization-mode=2"},
		{"4.4.3 H.264 of 4:4:4 is refused by its format", offerText("42e01f", "f4001f"), 422, "profile-level-id=f4001f"},
		{"4.4.3 audio that is not Opus is refused by name", offerText("opus/48000/2", "PCMU/8000"), 422, "audio is PCMU, not Opus"},
		{"4.4.3 packetization-mode 0 by default is taken", videoOnly("level-asymmetry-allowed=1;packetization-mode=1;", ""), 201, ""},
		{"4.4.3 no format line is taken", videoOnly("a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", ""), 201, ""},
		{"4.4.3 high profile is taken", offerText("42e01f", "640C34"), 201, ""},

		// 4.4.4: the publisher may be either side of DTLS.
		{"4.4.4 setup active is taken", offerText("actpass", "active"), 201, ""},
		{"4.4.4 older FFmpeg's setup passive is taken", offerText("actpass", "passive"), 201, ""},
		{"4.4.4 another setup is refused", offerText("actpass", "holdconn"), 422, "holdconn"},

		// 4.3.2: candidates that cannot be used are left out.
		{"4.3.2 unknown candidates are ignored", offerText("a=mid:0", "a=mid:0\r\na=candidate:1 1 sctp 1 127.0.0.1 9 typ host\r\na=candidate:2 1 udp 1 1d.local 9 typ host"), 201, ""},

		// 4.8: of a simulcast one layer is taken, which the answer says by not naming it (RFC 8853, 5.3.2).
		{"4.8 simulcast takes one layer", offerText("a=ssrc-group:FID 1111 2222\r\n", "a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n"), 201, ""},

		// W03: hostile sizes.
		{"W03 1 MiB", offerText() + strings.Repeat("a=x:"+strings.Repeat("y", 1000)+"\r\n", 1044), 413, "65536"},
		{"W03 10,000 candidates", offerText() + strings.Repeat("a=candidate:1 1 UDP 5 10.0.0.1 9 typ host\r\n", 10000), 413, "65536"},
		{"W03 1,000 candidates are cut", videoOnly() + strings.Repeat("a=candidate:1 1 UDP 5 10.0.0.1 9 typ host\r\n", 1000), 201, ""},
		{"W03 500 sections", offerText() + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 500), 400, "16 media sections"},
		{"W03 NULs alone", "\x00\x00\x00", 400, "zero bytes"},
		{"W03 NULs within", offerText("a=msid:s v", "a=msid:s\x00 v"), 400, "zero bytes"},
		{"W03 huge ufrag", offerText("a=ice-ufrag:abcd", "a=ice-ufrag:"+strings.Repeat("a", 300)), 400, "ice-ufrag"},
		{"W03 ufrag of 30 KiB", offerText("a=ice-ufrag:abcd", "a=ice-ufrag:"+strings.Repeat("a", 30000)), 400, "ice-ufrag"},

		// R11: parameter sets of the offer that are none are left to come in band.
		{"R11 parameter sets that are none", offerText("42e01f", "42e01f;sprop-parameter-sets=AAAA,!!,"+strings.Repeat("Z", 4000)), 201, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEndpoint(t, nil)
			resp, body := request(t, http.MethodPost, e.url+"/whip/porch", c.offer,
				"Content-Type", "application/sdp", "Authorization", "Bearer right")
			if resp.StatusCode != c.status {
				t.Fatalf("got %d %s, want %d", resp.StatusCode, body, c.status)
			}
			if c.status == http.StatusCreated {
				checkCreated(t, resp, body, c.offer)
				return
			}
			checkProblem(t, resp, body, c.status, c.says)
			if len(e.sessions) != 0 || e.pending != 0 {
				t.Error("a refused offer made a session")
			}
		})
	}
}

// TestConformanceOfAnswers is RFC 9725's say on the answer (4.2, 4.4), to what publishers really offer.
func TestConformanceOfAnswers(t *testing.T) {
	for name, offer := range offersOf(t) {
		t.Run("4.4 "+name, func(t *testing.T) {
			e := newTestEndpoint(t, nil)
			resp, body := request(t, http.MethodPost, e.url+"/whip/porch", offer, ct, typeSDP, auth, right)
			if resp.StatusCode != http.StatusCreated {
				t.Fatalf("got %d %s, want 201", resp.StatusCode, body)
			}
			checkCreated(t, resp, body, offer)
		})
	}
}

// checkCreated checks a 201 (RFC 9725, 4.2 to 4.4).
func checkCreated(t *testing.T, resp reply, body, offer string) {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/sdp" {
		t.Errorf("Content-Type: got %q", got)
	}
	if got := resp.Header.Get("Location"); !regexp.MustCompile(`^/whip/porch/[A-Z2-7]{26}$`).MatchString(got) {
		t.Errorf("Location: got %q, want an absolute path of 130 random bits", got)
	}
	if got := resp.Header.Get("ETag"); !regexp.MustCompile(`^"[^"]+"$`).MatchString(got) {
		t.Errorf("ETag: got %q, want a strong one", got)
	}
	if resp.Header.Get("Link") != "" {
		t.Errorf("Link: got %q without an ICE server", resp.Header.Get("Link"))
	}
	if got := resp.Header.Get("Accept-Patch"); got != typeSDPFrag {
		t.Errorf("Accept-Patch: got %q", got)
	}
	if len(body) > 8192 || !strings.HasPrefix(body, "v=") {
		t.Errorf("FFmpeg cannot read this answer of %d bytes", len(body))
	}
	var sd sdp.SessionDescription
	if err := sd.UnmarshalString(body); err != nil {
		t.Fatalf("answer: %v", err)
	}
	if got, want := len(sd.MediaDescriptions), strings.Count(offer, "m="); got != want {
		t.Fatalf("sections: got %d, want %d", got, want)
	}
	if strings.Count(body, "a=fingerprint:sha-256 ") == 0 {
		t.Error("no fingerprint in the answer")
	}
	for i, m := range sd.MediaDescriptions {
		for _, want := range []string{"rtcp-mux", "rtcp-mux-only", "recvonly", "ice-ufrag", "setup", "mid"} {
			if _, ok := m.Attribute(want); !ok {
				t.Errorf("section %d: no a=%s", i, want)
			}
		}
		if setup, _ := m.Attribute("setup"); setup != "active" && setup != "passive" {
			t.Errorf("section %d: setup %q", i, setup)
		}
	}
	for _, never := range []string{"VP8", "VP9", "AV1", "a=sendrecv", "a=simulcast", "a=rid"} {
		if strings.Contains(body, never) {
			t.Errorf("the answer has %s:\n%s", never, body)
		}
	}
	first, _ := sd.MediaDescriptions[0].Attribute("candidate")
	if f := strings.Fields(first); len(f) < 8 || f[1] != "1" || f[2] != "udp" || f[4] != "127.0.0.1" || f[7] != "host" {
		t.Errorf("first candidate: got %q, want a UDP host", first)
	}
	if _, ok := sd.MediaDescriptions[0].Attribute("end-of-candidates"); !ok {
		t.Error("the answer does not say that its candidates are all")
	}
}

// checkProblem checks a refusal (RFC 9457).
func checkProblem(t *testing.T, resp reply, body string, status int, says string) {
	t.Helper()
	if got := resp.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type: got %q", got)
	}
	if got := resp.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("Access-Control-Allow-Origin: got %q, want *", got)
	}
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	if p.Status != status || p.Title == "" || !strings.Contains(p.Detail, says) {
		t.Errorf("got %+v, want status %d and a detail with %q", p, status, says)
	}
}
