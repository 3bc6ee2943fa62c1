package whip

import (
	"encoding/json"
	"net"
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

func TestOffers(t *testing.T) {
	audio := offerText()[strings.Index(offerText(), "m=audio"):]
	video := videoOnly()[strings.Index(videoOnly(), "m=video"):]
	for _, c := range []struct {
		name, offer string
		status      int
		says        string // in the problem's detail
	}{
		{"browser", offerText(), 201, ""},
		{"video only", videoOnly("BUNDLE 0 1", "BUNDLE 0"), 201, ""},
		{"FFmpeg groups a section it does not have", videoOnly(), 201, ""},
		{"no group for one section", videoOnly("a=group:BUNDLE 0 1\r\n", ""), 201, ""},
		{"no mid for one section", videoOnly("a=group:BUNDLE 0 1\r\n", "", "a=mid:0\r\n", ""), 201, ""},
		{"packetization-mode 0 by default", videoOnly("level-asymmetry-allowed=1;packetization-mode=1;", ""), 201, ""},
		{"no format line", videoOnly("a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n", ""), 201, ""},
		{"high profile", offerText("42e01f", "640C34"), 201, ""},
		{"sendrecv", offerText("a=sendonly", "a=sendrecv"), 201, ""},
		{"no direction", offerText("a=sendonly\r\n", ""), 201, ""},
		{"setup active", offerText("actpass", "active"), 201, ""},
		{"older FFmpeg's setup passive", offerText("actpass", "passive"), 201, ""},
		{"line feeds only", offerText("\r\n", "\n"), 201, ""},
		{"simulcast takes one layer", offerText("a=ssrc-group:FID 1111 2222\r\n", "a=rid:h send\r\na=rid:l send\r\na=simulcast:send h;l\r\n"), 201, ""},
		{"bundle-only sections", offerText("m=audio 9", "m=audio 0", "a=mid:1", "a=mid:1\r\na=bundle-only"), 201, ""},

		{"empty", "", 400, "not SDP"},
		{"no SDP", "hello", 400, "not SDP"},
		{"zero bytes", "\x00\x00\x00", 400, "not SDP"},
		{"cut in a line", offerText()[:40], 400, ""},
		{"too large", offerText() + strings.Repeat("a=x:"+strings.Repeat("y", 1000)+"\r\n", 70), 413, "65536"},
		{"no media", offerText()[:strings.Index(offerText(), "m=video")], 422, "no media"},
		{"recvonly", offerText("a=sendonly", "a=recvonly"), 422, "recvonly"},
		{"inactive", offerText("a=sendonly", "a=inactive"), 422, "inactive"},
		{"inactive for the session", offerText("a=sendonly\r\n", "", "t=0 0", "t=0 0\r\na=inactive"), 422, "inactive"},
		{"no H.264", offerText("H264/90000", "VP9/90000"), 422, "H.264"},
		{"H.264 of mode 2", offerText("packetization-mode=1", "packetization-mode=2"), 422, "H.264"},
		{"H.264 of 4:4:4", offerText("42e01f", "f4001f"), 422, "H.264"},
		{"audio only", strings.Replace(offerText(), video, "", 1), 422, "no video"},
		{"two videos", offerText() + strings.Replace(video, "a=mid:0", "a=mid:2", 1), 422, "more than one video"},
		{"two audios", offerText() + strings.Replace(audio, "a=mid:1", "a=mid:2", 1), 422, "more than one audio"},
		{"audio that is not Opus", offerText("opus/48000/2", "PCMU/8000"), 422, "not Opus"},
		{"data channel", offerText() + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", 422, "application"},
		{"500 sections", offerText() + strings.Repeat("m=video 9 UDP/TLS/RTP/SAVPF 96\r\n", 500), 422, ""},
		{"plain RTP", offerText("UDP/TLS/RTP/SAVPF", "RTP/AVP"), 422, "RTP/AVP"},
		{"port 0", offerText("m=video 9", "m=video 0"), 422, "disabled"},
		{"no bundle", offerText("a=group:BUNDLE 0 1\r\n", ""), 422, "BUNDLE"},
		{"no mids", offerText("a=mid:0\r\n", "", "a=mid:1\r\n", ""), 422, "mid"},
		{"same mids", offerText("a=mid:1", "a=mid:0"), 422, "same mid"},
		{"no ICE credentials", offerText("a=ice-pwd:abcdefghijklmnopqrstuvwx\r\n", ""), 422, "ice-pwd"},
		{"huge ufrag", offerText("a=ice-ufrag:abcd", "a=ice-ufrag:"+strings.Repeat("a", 300)), 422, "ice-ufrag"},
		{"no fingerprint", offerText("a=fingerprint:", "a=nothing:"), 422, "fingerprint"},
		{"malformed fingerprint", offerText("a=fingerprint:sha-256 ", "a=fingerprint:"), 422, ""},
		{"unknown setup", offerText("actpass", "holdconn"), 422, "holdconn"},
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
			if len(e.door.admitted) != 0 {
				t.Error("a refused offer took the camera")
			}
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
	for _, never := range []string{"VP8", "a=sendrecv", "a=simulcast", "a=rid"} {
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

func TestRequests(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", offer)
	base, session := e.url+"/whip/porch", p.session
	const auth, right, ct, match = "Authorization", "Bearer right", "Content-Type", "If-Match"
	frag := "a=ice-ufrag:" + between(offer, "a=ice-ufrag:") + "\r\na=ice-pwd:" + between(offer, "a=ice-pwd:") +
		"\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n" +
		"a=candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host\r\na=candidate:2 1 sctp 1 127.0.0.1 9 typ host\r\n" +
		"a=candidate:3 1 UDP 2130706431 5d2b.local 9 typ host\r\na=candidate:4 1 UDP 5 127.0.0.1 9 typ odd\r\na=end-of-candidates\r\n"
	for _, c := range []struct {
		name, method, url, body string
		header                  []string
		status                  int
		has                     []string // headers, name and value
	}{
		{"get endpoint", "GET", base, "", nil, 204, nil},
		{"head endpoint", "HEAD", base, "", nil, 204, nil},
		{"get session", "GET", session, "", nil, 204, nil},
		{"head session", "HEAD", session, "", []string{auth, right}, 204, nil},
		{"get unknown session", "GET", base + "/AAAA", "", nil, 404, nil},
		{"preflight", "OPTIONS", base, "", nil, 200, []string{
			"Accept-Post", "application/sdp", "Access-Control-Allow-Origin", "*",
			"Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, POST",
			"Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match",
		}},
		{"preflight of session", "OPTIONS", session, "", nil, 200, []string{
			"Accept-Patch", typeSDPFrag, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, PATCH, DELETE",
		}},
		{"put endpoint", "PUT", base, "", nil, 405, []string{"Allow", "GET, HEAD, OPTIONS, POST"}},
		{"delete endpoint", "DELETE", base, "", []string{auth, right}, 405, nil},
		{"post session", "POST", session, "", []string{auth, right}, 405, nil},
		{"no type", "POST", base, offer, []string{auth, right}, 415, []string{"Accept-Post", "application/sdp"}},
		{"wrong type", "POST", base, offer, []string{auth, right, ct, "text/plain"}, 415, nil},
		{"type with parameter", "POST", base, "x", []string{auth, right, ct, "application/SDP; charset=utf-8"}, 400, nil},
		{"no token", "POST", base, offer, []string{ct, typeSDP}, 401, []string{"WWW-Authenticate", `Bearer realm="whip"`}},
		{"wrong token", "POST", base, offer, []string{ct, typeSDP, auth, "Bearer wrong"}, 401, []string{"WWW-Authenticate", `Bearer realm="whip"`}},
		{"other camera's token", "POST", base, offer, []string{ct, typeSDP, auth, "Bearer other"}, 401, nil},
		{"basic credentials", "POST", base, offer, []string{ct, typeSDP, auth, "Basic right"}, 401, nil},
		{"unknown camera", "POST", e.url + "/whip/attic", offer, []string{ct, typeSDP, auth, right}, 404, nil},
		{"not a camera", "POST", e.url + "/whip/Porch!", offer, []string{ct, typeSDP, auth, right}, 404, nil},
		{"no camera", "POST", e.url + "/whip/", offer, []string{ct, typeSDP, auth, right}, 404, nil},
		{"too deep", "GET", session + "/more", "", nil, 404, nil},
		{"session of another camera", "GET", strings.Replace(session, "porch", "door", 1), "", nil, 404, nil},
		{"patch without token", "PATCH", session, frag, []string{ct, typeSDPFrag, match, p.etag}, 401, []string{"WWW-Authenticate", `Bearer realm="whip"`}},
		{"patch with wrong token", "PATCH", session, frag, []string{ct, typeSDPFrag, match, p.etag, auth, "Bearer wrong"}, 401, nil},
		{"patch of wrong type", "PATCH", session, frag, []string{ct, typeSDP, match, p.etag, auth, right}, 415, []string{"Accept-Patch", typeSDPFrag}},
		{"patch without If-Match", "PATCH", session, frag, []string{ct, typeSDPFrag, auth, right}, 428, nil},
		{"patch of stale ETag", "PATCH", session, frag, []string{ct, typeSDPFrag, auth, right, match, `"old"`}, 412, nil},
		{"patch of weak ETag", "PATCH", session, frag, []string{ct, typeSDPFrag, auth, right, match, "W/" + p.etag}, 412, nil},
		{"trickle", "PATCH", session, frag, []string{ct, typeSDPFrag, auth, right, match, p.etag}, 204, []string{"ETag", ""}},
		{"trickle, one of two tags", "PATCH", session, frag, []string{ct, typeSDPFrag, auth, "right", match, `"old", ` + p.etag}, 204, nil},
		{"trickle of nothing", "PATCH", session, "", []string{ct, typeSDPFrag, auth, right, match, p.etag}, 204, nil},
		{"trickle of junk", "PATCH", session, "junk", []string{ct, typeSDPFrag, auth, right, match, p.etag}, 400, nil},
		{"trickle of a bad candidate", "PATCH", session, "a=candidate:1 1 UDP x\r\n", []string{ct, typeSDPFrag, auth, right, match, p.etag}, 400, nil},
		{"trickle too large", "PATCH", session, strings.Repeat(frag, 1000), []string{ct, typeSDPFrag, auth, right, match, p.etag}, 413, nil},
		{"restart", "PATCH", session, frag, []string{ct, typeSDPFrag, auth, right, match, "*"}, 422, nil},
		{"restart, quoted", "PATCH", session, frag, []string{ct, typeSDPFrag, auth, right, match, `"*"`}, 422, nil},
		{"restart by new credentials", "PATCH", session, "a=ice-ufrag:new1\r\n", []string{ct, typeSDPFrag, auth, right, match, p.etag}, 422, nil},
		{"patch of unknown session", "PATCH", base + "/AAAA", frag, []string{ct, typeSDPFrag, auth, right, match, p.etag}, 404, nil},
		{"delete without token", "DELETE", session, "", nil, 401, nil},
		{"delete of unknown session", "DELETE", base + "/AAAA", "", []string{auth, right}, 404, nil},
		{"delete", "DELETE", session, "", []string{auth, "bearer right", match, `"old"`}, 200, nil},
		{"second delete", "DELETE", session, "", []string{auth, right}, 404, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, body := request(t, c.method, c.url, c.body, c.header...)
			if resp.StatusCode != c.status {
				t.Fatalf("got %d %s, want %d", resp.StatusCode, body, c.status)
			}
			for i := 0; i < len(c.has); i += 2 {
				if got := resp.Header.Get(c.has[i]); got != c.has[i+1] {
					t.Errorf("%s: got %q, want %q", c.has[i], got, c.has[i+1])
				}
			}
			if c.status >= 400 {
				checkProblem(t, resp, body, c.status, "")
			} else if body != "" {
				t.Errorf("body: got %q, want none", body)
			}
			if strings.Contains(body, "right") || strings.Contains(body, "AAAA") {
				t.Errorf("the answer tells a secret: %s", body)
			}
		})
	}
}

func between(s, after string) string {
	_, s, _ = strings.Cut(s, after)
	s, _, _ = strings.Cut(s, "\r\n")
	return s
}

func TestBareToken(t *testing.T) {
	e := newTestEndpoint(t, nil)
	for range 2 {
		resp, body := request(t, http.MethodPost, e.url+"/whip/porch", offerText(), "Content-Type", typeSDP, "Authorization", "right")
		if resp.StatusCode != http.StatusCreated {
			t.Fatalf("got %d %s, want 201", resp.StatusCode, body)
		}
		if resp, _ := request(t, http.MethodDelete, e.url+resp.Header.Get("Location"), "", "Authorization", "right"); resp.StatusCode != http.StatusOK {
			t.Errorf("delete: got %d, want 200", resp.StatusCode)
		}
	}
}

func TestTooManyPending(t *testing.T) {
	e := newTestEndpoint(t, nil)
	for range maxPending {
		if err := e.reserve("porch"); err != nil {
			t.Fatal(err)
		}
	}
	resp, body := request(t, http.MethodPost, e.url+"/whip/porch", offerText(), "Content-Type", typeSDP, "Authorization", "Bearer right")
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q, want 429 and one", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	checkProblem(t, resp, body, http.StatusTooManyRequests, "")
	for range maxPending {
		e.release()
	}
}

// One camera's flood leaves the other cameras alone, and so do strangers.
func TestRate(t *testing.T) {
	e := newTestEndpoint(t, nil)
	post := func(camera, token string) int {
		resp, _ := request(t, http.MethodPost, e.url+"/whip/"+camera, offerText(), "Content-Type", typeSDP, "Authorization", token)
		return resp.StatusCode
	}
	for range 3 * bucketSize {
		if got := post("door", "stranger"); got != http.StatusUnauthorized {
			t.Fatalf("stranger: got %d, want 401", got)
		}
	}
	status := 0
	for n := 0; status != http.StatusTooManyRequests; n++ {
		if status = post("porch", "right"); status != http.StatusCreated && status != http.StatusTooManyRequests || n > 1000 {
			t.Fatalf("flood: got %d at %d", status, n)
		}
	}
	if got := post("door", "other"); got != http.StatusCreated {
		t.Errorf("other camera: got %d, want 201", got)
	}
}

func TestStopped(t *testing.T) {
	e := newTestEndpoint(t, nil)
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	resp, body := request(t, http.MethodPost, e.url+"/whip/porch", offerText(), "Content-Type", typeSDP, "Authorization", "Bearer right")
	checkProblem(t, resp, body, http.StatusServiceUnavailable, "stopping")
}

func TestNew(t *testing.T) {
	held, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	for _, c := range []struct{ name, udp, host, says string }{
		{"port in use", held.LocalAddr().String(), "", held.LocalAddr().String()},
		{"no address", "nowhere", "", "nowhere"},
		{"host name", "127.0.0.1:0", "example.com", "example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := Config{UDP: c.udp, Admission: newDoor(), Log: testLog(t)}
			if c.host != "" {
				cfg.Hosts = []string{c.host}
			}
			if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that names %s", err, c.says)
			}
		})
	}
	if _, err := New(Config{UDP: "127.0.0.1:0"}); err == nil {
		t.Error("no error without Admission and Log")
	}
}
