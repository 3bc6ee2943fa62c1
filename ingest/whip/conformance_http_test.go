package whip

import (
	"strings"
	"testing"
)

// exchange is one request and what must come of it.
type exchange struct {
	name, method, url, body string
	header                  []string // name and value
	status                  int
	has                     []string // headers, name and value; an empty value: none
}

const (
	auth, right = "Authorization", "Bearer right"
	ct, match   = "Content-Type", "If-Match"
	challenge   = `Bearer realm="whip"`
	wrong       = challenge + `, error="invalid_token"`
)

func (x exchange) run(t *testing.T) {
	t.Helper()
	resp, body := request(t, x.method, x.url, x.body, x.header...)
	if resp.StatusCode != x.status {
		t.Fatalf("got %d %s, want %d", resp.StatusCode, body, x.status)
	}
	for i := 0; i < len(x.has); i += 2 {
		if got := resp.Header.Get(x.has[i]); got != x.has[i+1] {
			t.Errorf("%s: got %q, want %q", x.has[i], got, x.has[i+1])
		}
	}
	if x.status >= 400 {
		checkProblem(t, resp, body, x.status, "")
	} else if body != "" {
		t.Errorf("body: got %q, want none", body)
	}
	if strings.Contains(body, "right") || strings.Contains(body, "AAAA") {
		t.Errorf("the answer tells a secret: %s", body)
	}
	if got := resp.Header.Get("Link"); got != "" {
		t.Errorf("Link: got %q", got)
	}
}

// TestConformanceOfRequests is RFC 9725's say on requests other than an offer's contents.
func TestConformanceOfRequests(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", offer)
	base, session := e.url+"/whip/porch", p.session
	for _, x := range []exchange{
		{"4.1 GET on the endpoint is 2xx without content", "GET", base, "", nil, 204, nil},
		{"4.1 HEAD on the endpoint is 2xx", "HEAD", base, "", nil, 204, nil},
		{"4.1 GET on the session is 2xx without content", "GET", session, "", nil, 204, nil},
		{"4.1 GET on the session with a token", "GET", session, "", []string{auth, right}, 204, nil},
		{"4.1 HEAD on the session is 2xx", "HEAD", session, "", []string{auth, right}, 204, nil},
		{"4.1 GET on a session that is not there", "GET", base + "/AAAA", "", nil, 404, nil},
		{"4.1 PUT on the endpoint", "PUT", base, "", nil, 405, []string{"Allow", "GET, HEAD, OPTIONS, POST"}},
		{"4.1 DELETE on the endpoint", "DELETE", base, "", []string{auth, right}, 405, nil},
		{"4.1 PATCH on the endpoint", "PATCH", base, "", []string{auth, right}, 405, nil},
		{"4.1 POST on the session", "POST", session, offer, []string{auth, right}, 405, []string{"Allow", "GET, HEAD, OPTIONS, PATCH, DELETE"}},
		{"4.1 a camera that cannot be", "POST", e.url + "/whip/Porch!", offer, []string{ct, typeSDP, auth, right}, 404, nil},
		{"4.1 no camera", "POST", e.url + "/whip/", offer, []string{ct, typeSDP, auth, right}, 404, nil},
		{"4.1 below a session is nothing", "GET", session + "/more", "", nil, 404, nil},

		{"4.2 OPTIONS on the endpoint", "OPTIONS", base, "", nil, 200, []string{
			"Accept-Post", "application/sdp", "Access-Control-Allow-Origin", "*",
			"Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, POST",
			"Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match",
		}},
		{"4.2 OPTIONS on the session", "OPTIONS", session, "", nil, 200, []string{
			"Accept-Patch", typeSDPFrag, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS, PATCH, DELETE",
		}},
		{"4.2 a body of another type", "POST", base, offer, []string{ct, "application/json", auth, right}, 415, []string{"Accept-Post", typeSDP}},
		{"4.2 a body of no type", "POST", base, offer, []string{auth, right}, 415, []string{"Accept-Post", typeSDP}},
		{"4.2 a type with a parameter", "POST", base, "x", []string{auth, right, ct, "application/SDP; charset=utf-8"}, 400, nil},

		{"4.7 no token", "POST", base, offer, []string{ct, typeSDP}, 401, []string{"WWW-Authenticate", challenge}},
		{"4.7 a wrong token", "POST", base, offer, []string{ct, typeSDP, auth, "Bearer wrong"}, 401, []string{"WWW-Authenticate", wrong}},
		{"4.7 another camera's token", "POST", base, offer, []string{ct, typeSDP, auth, "Bearer other"}, 401, nil},
		{"4.7 a token that begins like the right one", "POST", base, offer, []string{ct, typeSDP, auth, "Bearer righ"}, 401, nil},
		{"4.7 an unsigned JWT", "POST", base, offer, []string{ct, typeSDP, auth, "Bearer eyJhbGciOiJub25lIn0.eyJjYW1lcmEiOiJwb3JjaCJ9."}, 401, nil},
		{"4.7 another scheme", "POST", base, offer, []string{ct, typeSDP, auth, "Basic right"}, 401, nil},
		{"4.7 the token is judged before the type", "POST", base, offer, []string{ct, "text/plain", auth, "Bearer wrong"}, 401, nil},
		{"4.7 the token is judged before the SDP", "POST", base, "junk", []string{ct, typeSDP, auth, "Bearer wrong"}, 401, nil},
		{"4.7 the token is judged before the codecs", "POST", base, offerText("H264/90000", "VP9/90000"), []string{ct, typeSDP}, 401, nil},
		{"4.7 the token is judged before the size", "POST", base, strings.Repeat("x", 100_000), []string{ct, typeSDP}, 401, nil},
		{"4.7 an unknown camera", "POST", e.url + "/whip/attic", offer, []string{ct, typeSDP, auth, right}, 404, nil},
		{"4.7 a camera that takes no publishers", "POST", e.url + "/whip/pulled", offer, []string{ct, typeSDP}, 401, nil},
		{"4.7 PATCH without a token", "PATCH", session, "", []string{ct, typeSDPFrag, match, p.etag}, 401, []string{"WWW-Authenticate", challenge}},
		{"4.7 PATCH with a wrong token", "PATCH", session, "", []string{ct, typeSDPFrag, match, p.etag, auth, "Bearer wrong"}, 401, []string{"WWW-Authenticate", wrong}},
		{"4.7 DELETE without a token", "DELETE", session, "", nil, 401, []string{"WWW-Authenticate", challenge}},
		{"4.7 DELETE with another camera's token", "DELETE", session, "", []string{auth, "Bearer other"}, 401, nil},
		{"4.7 DELETE with a token in the URL of a session that came with a header", "DELETE", session + "?token=wrong", "", nil, 401, nil},

		{"W04 a session under another camera's name", "DELETE", strings.Replace(session, "porch", "door", 1), "", []string{auth, right}, 404, nil},
		{"W04 PATCH of a guessed session", "PATCH", base + "/AAAA", "", []string{ct, typeSDPFrag, auth, right, match, p.etag}, 404, nil},
		{"W04 DELETE of a guessed session", "DELETE", base + "/AAAA", "", []string{auth, right}, 404, nil},

		{"4.2 DELETE ends the session, whatever the ETag", "DELETE", session, "", []string{auth, "bearer right", match, `"old"`}, 200, nil},
		{"4.2 a second DELETE finds nothing", "DELETE", session, "", []string{auth, right}, 404, nil},
		{"4.2 PATCH after DELETE finds nothing", "PATCH", session, "", []string{ct, typeSDPFrag, auth, right, match, "*"}, 404, nil},
	} {
		t.Run(x.name, x.run)
		e.refused.clear()
	}
}

// TestConformanceOfTrickle is RFC 9725's say on PATCH without a restart (4.3.1, 4.3.2).
func TestConformanceOfTrickle(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", offer)
	ufrag, pwd := between(offer, "a=ice-ufrag:"), between(offer, "a=ice-pwd:")
	frag := "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\nm=video 9 RTP/AVP 0\r\na=mid:0\r\n" +
		"a=candidate:1 1 UDP 2130706431 127.0.0.1 9 typ host\r\na=end-of-candidates\r\n"
	odd := "m=video 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:2 1 sctp 1 127.0.0.1 9 typ host\r\n" +
		"a=candidate:3 1 UDP 2130706431 5d2b.local 9 typ host\r\na=candidate:4 1 UDP 5 127.0.0.1 9 typ odd\r\n" +
		"a=candidate:5 1 tcp 5 127.0.0.1 9 typ host tcptype active\r\n"
	known := []string{ct, typeSDPFrag, auth, right, match, p.etag}
	for _, x := range []exchange{
		{"4.3.1 a body of another type", "PATCH", p.session, frag, []string{ct, typeSDP, match, p.etag, auth, right}, 415, []string{"Accept-Patch", typeSDPFrag}},
		{"4.3.1 no If-Match", "PATCH", p.session, frag, []string{ct, typeSDPFrag, auth, right}, 428, nil},
		{"4.3.1 a stale ETag", "PATCH", p.session, frag, []string{ct, typeSDPFrag, auth, right, match, `"old"`}, 412, nil},
		{"4.3.1 a weak ETag never matches", "PATCH", p.session, frag, []string{ct, typeSDPFrag, auth, right, match, "W/" + p.etag}, 412, nil},
		{"4.3.1 an ETag without its quotes", "PATCH", p.session, frag, []string{ct, typeSDPFrag, auth, right, match, strings.Trim(p.etag, `"`)}, 412, nil},
		{"4.3.1 junk is malformed", "PATCH", p.session, "junk", known, 400, nil},
		{"4.3.1 zero bytes are malformed", "PATCH", p.session, "a=candidate:1 1 UDP 5 127.0.0.1 9 typ \x00\r\n", known, 400, nil},
		{"4.3.1 a bad candidate is malformed", "PATCH", p.session, "a=candidate:1 1 UDP x\r\n", known, 400, nil},
		{"4.3.1 two ufrags are malformed", "PATCH", p.session, "a=ice-ufrag:one1\r\na=ice-ufrag:two2\r\n", known, 400, nil},
		{"4.3.1 a pwd alone is malformed", "PATCH", p.session, "a=ice-pwd:" + pwd + "\r\n", known, 400, nil},
		{"4.3.1 a fragment that is too large", "PATCH", p.session, strings.Repeat(frag, 1000), known, 413, nil},
		{"4.3.2 candidates are 204 without an ETag", "PATCH", p.session, frag, known, 204, []string{"ETag", "", ct, ""}},
		{"4.3.2 one of two ETags is enough", "PATCH", p.session, frag, []string{ct, typeSDPFrag, auth, "right", match, `"old", ` + p.etag}, 204, nil},
		{"4.3.2 * is any ICE session", "PATCH", p.session, frag, []string{ct, typeSDPFrag, auth, right, match, "*"}, 204, []string{"ETag", ""}},
		{"4.3.2 no candidates at all", "PATCH", p.session, "", known, 204, nil},
		{"4.3.2 candidates that cannot be used are ignored", "PATCH", p.session, odd, known, 204, nil},
		{"4.3.2 more candidates than are kept are ignored", "PATCH", p.session, strings.Repeat(odd, 100), known, 204, nil},
		{"4.3.3 a restart without a pwd is malformed", "PATCH", p.session, "a=ice-ufrag:new1\r\n", []string{ct, typeSDPFrag, auth, right, match, "*"}, 400, nil},
		{"4.3.3 a restart with the old pwd is malformed", "PATCH", p.session, "a=ice-ufrag:new1\r\na=ice-pwd:" + pwd + "\r\n", []string{ct, typeSDPFrag, auth, right, match, "*"}, 400, nil},
		{"4.3.3 a restart with a short pwd is malformed", "PATCH", p.session, "a=ice-ufrag:new1\r\na=ice-pwd:x\r\n", []string{ct, typeSDPFrag, auth, right, match, "*"}, 400, nil},
		{"4.3.3 a restart of a stale ICE session", "PATCH", p.session, "a=ice-ufrag:new1\r\na=ice-pwd:" + strings.Repeat("n", 24) + "\r\n", []string{ct, typeSDPFrag, auth, right, match, `"old"`}, 412, nil},
	} {
		t.Run(x.name, x.run)
	}
	// Nothing of it has touched the session.
	p.connect()
	v := within(t, e.door.admitted, "admission")
	p.sendUntilTaken(v, keyUnit(100), 0)
}
