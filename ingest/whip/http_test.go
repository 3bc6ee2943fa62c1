package whip

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

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
		if err := e.reserve(); err != nil {
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

// One camera's flood leaves the other cameras alone (W02).
func TestPublishLimit(t *testing.T) {
	e := newTestEndpoint(t, nil)
	post := func(camera, token string) (int, string) {
		resp, _ := request(t, http.MethodPost, e.url+"/whip/"+camera, offerText(), "Content-Type", typeSDP, "Authorization", token)
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	for n := 0; ; n++ {
		status, after := post("porch", "right")
		if status == http.StatusTooManyRequests && after != "" {
			break
		}
		if status != http.StatusCreated || n > 1000 {
			t.Fatalf("flood: got %d, Retry-After %q at %d", status, after, n)
		}
	}
	if got, _ := post("door", "other"); got != http.StatusCreated {
		t.Errorf("other camera: got %d, want 201", got)
	}
}

// Guesses are slowed down before they are judged, at the one camera (W01, W04).
func TestRefusedLimit(t *testing.T) {
	for _, c := range []struct {
		name, method, path string
		status             int
	}{
		{"tokens", http.MethodPost, "/whip/porch", http.StatusUnauthorized},
		{"cameras", http.MethodPost, "/whip/attic", http.StatusNotFound},
		{"sessions by DELETE", http.MethodDelete, "/whip/porch/AAAA", http.StatusNotFound},
		{"sessions by PATCH", http.MethodPatch, "/whip/porch/AAAA", http.StatusNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newTestEndpoint(t, nil)
			p, offer := newPublisher(t, false, offeredFormat)
			p.post(e, "porch", "right", offer)
			for n := range int(refusedLimit.burst) {
				resp, _ := request(t, c.method, e.url+c.path, offerText(), "Content-Type", typeSDP, "Authorization", "guess")
				if resp.StatusCode != c.status {
					t.Fatalf("guess %d: got %d, want %d", n, resp.StatusCode, c.status)
				}
			}
			resp, body := request(t, c.method, e.url+c.path, offerText(), "Content-Type", typeSDP, "Authorization", "right")
			if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Retry-After") == "" {
				t.Errorf("after the guesses: got %d %s, want 429", resp.StatusCode, body)
			}
			resp, body = request(t, http.MethodPost, e.url+"/whip/door", offerText(), "Content-Type", typeSDP, "Authorization", "other")
			if resp.StatusCode != http.StatusCreated {
				t.Errorf("other camera: got %d %s, want 201", resp.StatusCode, body)
			}
			if resp, _ := request(t, http.MethodDelete, p.session, "", "Authorization", "right"); resp.StatusCode != http.StatusOK {
				t.Errorf("delete of one's own session: got %d, want 200", resp.StatusCode)
			}
		})
	}
}

func TestPatchLimit(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", offer)
	for n := 0; ; n++ {
		resp, _ := request(t, http.MethodPatch, p.session, "", ct, typeSDPFrag, auth, right, match, p.etag)
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") != "" {
			return
		}
		if resp.StatusCode != http.StatusNoContent || n > 1000 {
			t.Fatalf("flood: got %d at %d", resp.StatusCode, n)
		}
	}
}

func TestStrangers(t *testing.T) {
	for remote, want := range map[string]string{
		"203.0.113.7:4000": "203.0.113.7/32", "[::ffff:203.0.113.7]:4000": "203.0.113.7/32",
		"[2001:db8:1:2:3:4:5:6]:4000": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "@": "invalid Prefix",
	} {
		if got := strangerOf(&http.Request{RemoteAddr: remote}, "porch"); got.from.String() != want || got.camera != "porch" {
			t.Errorf("%s: got %v, want %s", remote, got, want)
		}
	}
}

// What is remembered is bounded, and those who were forgotten lose nothing.
func TestBucketsAreBounded(t *testing.T) {
	b := buckets[int]{limit: limit{2, 1}}
	for i := range 3 * maxBuckets {
		if !b.take(i, noon) {
			t.Fatalf("key %d has nothing left", i)
		}
	}
	if len(b.all) > maxBuckets {
		t.Errorf("got %d, want at most %d", len(b.all), maxBuckets)
	}
	last := 3*maxBuckets - 1
	if !b.take(last, noon) || b.take(last, noon) || b.ready(last, noon) {
		t.Error("the burst is not 2")
	}
	if !b.take(last, noon.Add(time.Second)) || b.take(last, noon.Add(time.Second)) {
		t.Error("the rate is not 1 a second")
	}
}

// An encoder that has a field for an address only puts the token there; its session's URL is as good as the token.
func TestTokenInURL(t *testing.T) {
	e := newTestEndpoint(t, nil)
	for _, c := range []struct {
		query, header string
		want          int
	}{
		{"?token=right", "", 201}, {"?token=wrong", "", 401}, {"?token=", "", 401}, {"?token=right", "Bearer wrong", 401},
	} {
		header := []string{"Content-Type", typeSDP}
		if c.header != "" {
			header = append(header, "Authorization", c.header)
		}
		resp, body := request(t, http.MethodPost, e.url+"/whip/porch"+c.query, offerText(), header...)
		if resp.StatusCode != c.want {
			t.Fatalf("%s: got %d %s, want %d", c.query, resp.StatusCode, body, c.want)
		}
		if c.want != http.StatusCreated {
			continue
		}
		location := resp.Header.Get("Location")
		if strings.Contains(location, "right") {
			t.Errorf("Location: got %q, which tells the token", location)
		}
		if resp, _ := request(t, http.MethodDelete, e.url+location, "", "Authorization", "Bearer wrong"); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("delete with a wrong header: got %d, want 401", resp.StatusCode)
		}
		if resp, _ := request(t, http.MethodDelete, e.url+location, ""); resp.StatusCode != http.StatusOK {
			t.Errorf("delete: got %d, want 200", resp.StatusCode)
		}
	}
}

func TestOpenCamera(t *testing.T) {
	e := newTestEndpoint(t, nil)
	resp, body := request(t, http.MethodPost, e.url+"/whip/open", offerText(), "Content-Type", typeSDP)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("got %d %s, want 201", resp.StatusCode, body)
	}
	if resp, _ := request(t, http.MethodDelete, e.url+resp.Header.Get("Location"), ""); resp.StatusCode != http.StatusOK {
		t.Errorf("delete: got %d, want 200", resp.StatusCode)
	}
}

// 4.6: one Link header a server, on the 201 alone, and none unless configured (which every other test looks for).
func TestICEServers(t *testing.T) {
	d := newDoor()
	e, err := New(Config{UDP: "127.0.0.1:0", Admission: d, Log: testLog(t), ICEServers: []ICEServer{
		{URL: "stun:stun.example.net"}, {URL: "turn:turn.example.net?transport=udp", Username: "user", Credential: "p"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	te := runEndpoint(t, e, d)
	resp, _ := request(t, http.MethodPost, te.url+"/whip/porch", offerText(), "Content-Type", typeSDP, "Authorization", "right")
	want := []string{
		`<stun:stun.example.net>; rel="ice-server"`,
		`<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="p"`,
	}
	if got := resp.Header.Values("Link"); !slices.Equal(got, want) {
		t.Errorf("Link: got %q, want %q", got, want)
	}
	for _, header := range [][]string{nil, {"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "link"}} {
		if resp, _ := request(t, http.MethodOptions, te.url+"/whip/porch", "", header...); resp.Header.Get("Link") != "" {
			t.Error("OPTIONS tells credentials to whoever asks")
		}
	}
}

func TestAlias(t *testing.T) {
	got := ""
	h := Alias(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.String() }))
	for path, want := range map[string]string{
		"/porch/whip": "/whip/porch", "/porch/whip?token=x": "/whip/porch?token=x", "/whip/porch": "/whip/porch",
		"/whip/whip": "/whip/whip", "/porch/whip/": "/porch/whip/", "/a/b/whip": "/a/b/whip", "/whip": "/whip", "/P!/whip": "/P!/whip",
	} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, path, nil))
		if got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// R13: a body that drips is not waited for, whoever sends it.
func TestSlowBody(t *testing.T) {
	e := newTestEndpoint(t, func(e *Endpoint) { e.timeouts.body = 50 * time.Millisecond })
	body, hold := io.Pipe()
	defer func() { _ = hold.Close() }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url+"/whip/porch", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", typeSDP)
	r.Header.Set("Authorization", "Bearer right")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	checkProblem(t, reply{resp.StatusCode, resp.Header}, string(text), http.StatusRequestTimeout, "in time")
	if d := defaultTimeouts().body; d != 10*time.Second {
		t.Errorf("body timeout: got %v, want 10s", d)
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
	local := "127.0.0.1:0"
	for _, c := range []struct {
		name string
		cfg  Config
		says string
	}{
		{"port in use", Config{UDP: held.LocalAddr().String()}, held.LocalAddr().String()},
		{"no address", Config{UDP: "nowhere"}, "nowhere"},
		{"no host", Config{UDP: local, Hosts: []string{"no host!"}}, "no host!"},
		{"only hosts, but none", Config{UDP: local, OnlyHosts: true}, "OnlyHosts"},
		{"no ICE server", Config{UDP: local, ICEServers: []ICEServer{{URL: "http://example.com"}}}, "http://example.com"},
		{"an ICE server of two", Config{UDP: local, ICEServers: []ICEServer{{URL: "stun:a,stun:b"}}}, "stun:a"},
		{"a credential that breaks the header", Config{UDP: local, ICEServers: []ICEServer{{URL: "turn:a", Credential: `x",y`}}}, "credential"},
		{"a user name that breaks the header", Config{UDP: local, ICEServers: []ICEServer{{URL: "turn:a", Username: "x\r\ny"}}}, "username"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Admission, c.cfg.Log = newDoor(), testLog(t)
			if _, err := New(c.cfg); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error that names %s", err, c.says)
			}
		})
	}
	if _, err := New(Config{UDP: local}); err == nil {
		t.Error("no error without Admission and Log")
	}
}
