package whip

import (
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// offersOf are what publishers that nobody here wrote have sent, by name and version.
func offersOf(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "offers", "*.sdp"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("got %d offers, %v", len(paths), err)
	}
	offers := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		offers[strings.TrimSuffix(filepath.Base(path), ".sdp")] = string(text)
	}
	return offers
}

// FuzzOffer holds parseOffer to refusals that clients understand, and what it lets through to being SDP that it
// takes again and pion takes.
func FuzzOffer(f *testing.F) {
	for _, offer := range offersOf(f) {
		f.Add([]byte(offer))
	}
	f.Add([]byte(offerText()))
	f.Add([]byte(videoOnly("a=mid:0\r\n", "", "packetization-mode=1;", "")))
	f.Add([]byte("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := parseOffer(body)
		if err != nil {
			if p, ok := errors.AsType[*problem](err); !ok || p.Status != 400 && p.Status != 422 {
				t.Fatalf("got %v, want a problem of 400 or 422", err)
			}
			return
		}
		again, err := parseOffer([]byte(o.sdp))
		if err != nil {
			t.Fatalf("its own SDP: %v\n%s", err, o.sdp)
		}
		if again.sdp != o.sdp {
			t.Fatalf("not the same again:\n%s\n%s", o.sdp, again.sdp)
		}
		taken(t, o.sdp)
	})
}

// taken fails unless pion reads the SDP.
func taken(t *testing.T, text string) {
	t.Helper()
	sd := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}
	if _, err := sd.Unmarshal(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// FuzzFragment holds parseFragment to candidates of the right form, and a restart with what it lets through to an
// offer that is taken, with the fragment's own credentials and no more candidates than are kept.
func FuzzFragment(f *testing.F) {
	o, err := parseOffer([]byte(offerText()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("a=ice-ufrag:abcd\r\na=ice-pwd:" + strings.Repeat("x", 24) + "\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" +
		"a=candidate:1 1 UDP 5 10.0.0.1 9 typ host\r\n"))
	f.Add([]byte("a=end-of-candidates\n"))
	f.Add([]byte("junk"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := parseFragment(body)
		if err != nil {
			return
		}
		for _, c := range got.candidates {
			if err := checkCandidate(c); err != nil {
				t.Fatalf("candidate %q: %v", c, err)
			}
		}
		if !credential(got.ufrag, 4) || !credential(got.pwd, 22) {
			return
		}
		text, used, err := o.restarted(got)
		if err != nil || used > maxCandidates {
			t.Fatalf("restart with %d candidates: %v", used, err)
		}
		taken(t, text)
		again, err := parseOffer([]byte(text))
		if err != nil || again.ufrag != got.ufrag || again.pwd != got.pwd || again.candidates != used {
			t.Fatalf("the restarted offer: %v\n%s", err, text)
		}
	})
}

// FuzzHeaders holds the readers of headers and addresses to what they promise of any text.
func FuzzHeaders(f *testing.F) {
	f.Add("Bearer right", `"etag", *`, "token=x", "192.0.2.1:4000", "/porch/whip")
	f.Add("right", `W/"etag"`, "", "[2001:db8::1]:4000", "/whip/porch")
	f.Add("Bearer", `"*"`, "token=%zz&token=b", "@", "//whip")
	f.Fuzz(func(t *testing.T, authorization, match, query, remote, path string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.URL.Path, r.URL.RawQuery, r.RemoteAddr = path, query, remote
		r.Header.Set("Authorization", authorization)
		show := credentials(r)
		if show.inURL != (authorization == "") || authorization != "" && !strings.Contains(authorization, show.token) {
			t.Fatalf("authorization %q, query %q: got %+v", authorization, query, show)
		}
		tags := entityTags([]string{match})
		if slices.Contains(tags, `"secret"`) && !strings.Contains(match, `"secret"`) {
			t.Fatalf("If-Match %q: got %q", match, tags)
		}
		if s := strangerOf(r, "porch"); s.from.IsValid() && s.from.Bits() != 32 && s.from.Bits() != 64 {
			t.Fatalf("remote %q: got %v", remote, s)
		}
		Alias(http.HandlerFunc(func(_ http.ResponseWriter, to *http.Request) {
			if to.URL.Path != path && !strings.HasPrefix(to.URL.Path, prefix) {
				t.Fatalf("path %q: got %q", path, to.URL.Path)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	})
}

// FuzzAssembler feeds packets that a hostile publisher could send. Input: per packet 1 byte of time, 1 of length,
// and the packet as it comes out of SRTP.
func FuzzAssembler(f *testing.F) {
	packets := func(payloads ...[]byte) []byte {
		var out []byte
		for i, payload := range payloads {
			raw := append([]byte{0x80, 0x80 | 102, 0, byte(i), 0, 0, byte(i), 0, 0, 0, 0, 1}, payload...)
			out = append(append(out, 1, byte(len(raw))), raw...)
		}
		return out
	}
	f.Add(packets([]byte{0x67, 1, 2}, []byte{0x68, 1}, []byte{0x65, 1, 2}, []byte{0x41, 1}))
	f.Add(packets([]byte{0x7c, 0x85, 1}, []byte{0x7c, 0x05, 1}, []byte{0x7c, 0x45, 1}))
	f.Add(packets([]byte{0x78, 0, 2, 0x67, 1, 0, 2, 0x65, 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, at := newAssembler(), noon
		first := true
		for len(data) >= 2 {
			n := min(int(data[1]), len(data)-2)
			p := packet(data[2:2+n], 102)
			at = at.Add(time.Duration(data[0]) * 10 * time.Millisecond)
			if p != nil && n > 4 && p.SequenceNumber != binary.BigEndian.Uint16(data[4:]) {
				t.Fatal("a packet with another's sequence number")
			}
			data = data[2+n:]
			if p == nil {
				continue
			}
			for _, u := range a.push(p, at) {
				picture, key := kind(u.NALUs)
				if !picture || first && !key {
					t.Fatalf("a unit that cannot be decoded: picture %v, first %v, key %v", picture, first, key)
				}
				first = false
			}
			if len(a.held) > reorderSpan || len(a.unit) > maxUnitPackets || len(a.head) > maxHead {
				t.Fatalf("kept too much: %d, %d, %d", len(a.held), len(a.unit), len(a.head))
			}
		}
	})
}
