package whip

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// iceLines are the lines of an SDP or a fragment that are about one ICE session.
var iceLines = regexp.MustCompile(`(?m)^a=(ice-ufrag|ice-pwd|candidate|end-of-candidates).*\r\n`)

// restartFragment makes the publisher gather for another ICE session, and says of it what a PATCH has to.
func (p *publisher) restartFragment() string {
	p.t.Helper()
	o, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		p.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(o); err != nil {
		p.t.Fatal(err)
	}
	within(p.t, gathered, "gathered candidates")
	return "a=ice-options:trickle ice2\r\na=group:BUNDLE 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\n" +
		strings.Join(iceLines.FindAllString(p.pc.LocalDescription().SDP, -1), "")
}

// restarted applies the server's side of the restart, as a browser does: to the answer that it has.
func (p *publisher) restarted(fragment string) {
	p.t.Helper()
	again := make(chan struct{}, 8)
	p.pc.OnICEConnectionStateChange(func(s webrtc.ICEConnectionState) {
		if s == webrtc.ICEConnectionStateConnected {
			again <- struct{}{}
		}
	})
	answer := iceLines.ReplaceAllString(p.answer, "")
	answer = strings.Replace(answer, "a=mid:0\r\n", "a=mid:0\r\n"+strings.Join(iceLines.FindAllString(fragment, -1), ""), 1)
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		p.t.Fatal(err)
	}
	within(p.t, again, "connection")
}

func (p *publisher) patch(fragment, tag string) (reply, string) {
	p.t.Helper()
	return request(p.t, http.MethodPatch, p.session, fragment, ct, typeSDPFrag, auth, right, match, tag)
}

// TestConformanceOfRestart is RFC 9725, 4.3.3, with a publisher that really moves to the new ICE session.
func TestConformanceOfRestart(t *testing.T) {
	for _, star := range []string{"*", `"*"`} {
		t.Run("4.3.3 If-Match "+star, func(t *testing.T) {
			e := newTestEndpoint(t, nil)
			p, v := publish(t, e, false)
			sent := p.sendUntilTaken(v, keyUnit(100), 0)
			frag := p.restartFragment()
			resp, body := p.patch(frag, star)
			checkRestart(t, resp, body, p)
			tag := resp.Header.Get("ETag")

			again, same := p.patch(frag, "*")
			if again.StatusCode != http.StatusOK || same != body || again.Header.Get("ETag") != tag {
				t.Errorf("the same again, its answer lost: got %d %q, want the same answer", again.StatusCode, same)
			}
			candidate := "m=video 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:9 1 UDP 1 127.0.0.1 9 typ host\r\n"
			if late, _ := p.patch(candidate, p.etag); late.StatusCode != http.StatusPreconditionFailed {
				t.Errorf("a candidate of the old ICE session: got %d, want 412", late.StatusCode)
			}
			if now, _ := p.patch(candidate, tag); now.StatusCode != http.StatusNoContent || now.Header.Get("ETag") != "" {
				t.Errorf("a candidate of the new ICE session: got %d, ETag %q, want 204 and none", now.StatusCode, now.Header.Get("ETag"))
			}
			p.restarted(body)
			p.sendUntilTaken(v, keyUnit(5000), sent*3000)
		})
	}
}

func checkRestart(t *testing.T, resp reply, body string, p *publisher) {
	t.Helper()
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != typeSDPFrag {
		t.Fatalf("restart: got %d %s %s, want 200 and a fragment", resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	if tag := resp.Header.Get("ETag"); !regexp.MustCompile(`^"[^"]+"$`).MatchString(tag) || tag == p.etag {
		t.Errorf("ETag: got %q, want a new strong one", tag)
	}
	for _, want := range []string{"a=group:BUNDLE 0\r\n", "m=video ", "a=mid:0\r\n", " 127.0.0.1 ", "a=end-of-candidates\r\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the answer:\n%s", want, body)
		}
	}
	for _, key := range []string{"a=ice-ufrag:", "a=ice-pwd:"} {
		if got := between(body, key); got == "" || got == between(p.answer, key) {
			t.Errorf("%s got %q, want a new one", key, got)
		}
	}
	if between(body, "a=ice-options:") != between(p.answer, "a=ice-options:") {
		t.Error("the answer's ice-options are others")
	}
	if f, err := parseFragment([]byte(body)); err != nil || len(f.candidates) == 0 {
		t.Errorf("the answer is no fragment with candidates: %v", err)
	}
}

// 4.3.3: a restart before the first connection, and one after another.
func TestRestartBeforeConnecting(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", offer)
	frag := "a=ice-ufrag:other\r\na=ice-pwd:" + strings.Repeat("o", 24) + "\r\n"
	for range 2 {
		if resp, body := p.patch(frag, "*"); resp.StatusCode != http.StatusOK {
			t.Fatalf("restart: got %d %s, want 200", resp.StatusCode, body)
		}
		frag = "a=ice-ufrag:" + between(offer, "a=ice-ufrag:") + "\r\na=ice-pwd:" + between(offer, "a=ice-pwd:") + "\r\n" +
			strings.Join(regexp.MustCompile(`(?m)^a=candidate.*\r\n`).FindAllString(offer, -1), "")
	}
	resp, body := p.patch(frag, "*")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("restart: got %d %s, want 200", resp.StatusCode, body)
	}
	answer := iceLines.ReplaceAllString(p.answer, "")
	p.answer = strings.Replace(answer, "a=mid:0\r\n", "a=mid:0\r\n"+strings.Join(iceLines.FindAllString(body, -1), ""), 1)
	p.connect()
	v := within(t, e.door.admitted, "admission")
	p.sendUntilTaken(v, keyUnit(100), 0)
}

// 4.3.3: a restart that cannot be satisfied is an error, and the session goes on as it was.
func TestFailedRestartKeepsSession(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, v := publish(t, e, false)
	sent := p.sendUntilTaken(v, keyUnit(100), 0)
	for _, frag := range []string{
		"a=ice-ufrag:x\r\na=ice-pwd:" + strings.Repeat("o", 24) + "\r\n",
		"a=ice-ufrag:other\r\na=ice-pwd:" + strings.Repeat("o", 300) + "\r\n",
		"a=ice-ufrag:other\r\na=ice-pwd:" + strings.Repeat("o", 24) + "\r\na=candidate:none\r\n",
	} {
		if resp, body := p.patch(frag, "*"); resp.StatusCode != http.StatusBadRequest {
			t.Fatalf("restart with %q: got %d %s, want 400", frag, resp.StatusCode, body)
		}
	}
	if resp, _ := p.patch("", p.etag); resp.StatusCode != http.StatusNoContent {
		t.Errorf("the old ETag: got %d, want 204", resp.StatusCode)
	}
	p.sendUntilTaken(v, keyUnit(100), sent*3000)
}

// 4.3.3: when the publisher does not follow its own restart, consent expires and the session ends.
func TestRestartThatIsNotFollowedIsFreed(t *testing.T) {
	e := newTestEndpoint(t, func(e *Endpoint) { e.timeouts.silent, e.timeouts.failed = 200*time.Millisecond, 200*time.Millisecond })
	p, v := publish(t, e, false)
	p.sendUntilTaken(v, keyUnit(100), 0)
	if resp, body := p.patch("a=ice-ufrag:other\r\na=ice-pwd:"+strings.Repeat("o", 24)+"\r\n", "*"); resp.StatusCode != http.StatusOK {
		t.Fatalf("restart: got %d %s, want 200", resp.StatusCode, body)
	}
	if reason := within(t, v.ended, "end"); !errors.Is(reason, errPeerFailed) {
		t.Errorf("reason: got %v, want %v", reason, errPeerFailed)
	}
	if d := defaultTimeouts(); d.silent+d.failed > 30*time.Second {
		t.Errorf("a publisher that is gone is noticed after %v, want at most 30s", d.silent+d.failed)
	}
}
