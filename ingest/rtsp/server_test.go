package rtsp

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigil/frames"
	"vigil/ingest"
)

const token = "p:@/%#+ss"

var porch = ingest.Camera{ID: "porch", PublishToken: token}

func at(s *Server, user, camera string) string {
	return "rtsp://" + user + "@" + s.Addr() + "/" + camera
}

func TestPublishKeepsEveryByte(t *testing.T) {
	for _, name := range []string{"plain", "bframes", "h265"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStation(t, &logged{}, porch)
			s := serve(t, st, "")
			p, units := fixture(t, name)
			if err := Publish(t.Context(), at(s, "anybody:"+token, "porch"), p, once(units), false); err != nil {
				t.Fatal(err)
			}
			fs := recorded(t, st.log, "porch", func(fs []*frames.Fragment) bool { return len(unpack(t, fs...)) >= len(units) })
			got := unpack(t, fs...)
			if !sameUnits(got, units) {
				t.Error("access units differ from those published")
			}
			for i := range got {
				if d, want := got[i].PTS-got[0].PTS, units[i].PTS-units[0].PTS; d != want {
					t.Errorf("unit %d: got PTS %d after the first, want %d", i, d, want)
				}
				if got[i].Key != units[i].Key {
					t.Errorf("unit %d: got key %v", i, got[i].Key)
				}
			}
			eventually(t, "camera offline", func() bool {
				cs := st.states.of("porch")
				return !cs.Online && cs.Source == "rtsp publish" && cs.Codec == p.Codec && cs.LastError == "disconnected"
			})
			if strings.Contains(st.said.String(), token) {
				t.Error("the log shows the token")
			}
		})
	}
}

func TestTakeover(t *testing.T) {
	st := newStation(t, &logged{}, porch)
	s := serve(t, st, "")
	p, units := fixture(t, "plain")
	first := make(chan error, 1)
	go func() { first <- Publish(t.Context(), at(s, "a:"+token, "porch"), p, endless(units), true) }()
	recorded(t, st.log, "porch", func(fs []*frames.Fragment) bool { return len(fs) >= 2 })

	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- Publish(ctx, at(s, "b:"+token, "porch"), p, endless(units), true) }()
	if err := <-first; err == nil {
		t.Error("the first publisher was not told that it is over")
	}
	var epochs []string
	recorded(t, st.log, "porch", func(fs []*frames.Fragment) bool {
		epochs = epochs[:0]
		for _, f := range fs {
			epochs = append(epochs, f.Epoch)
		}
		return len(slices.Compact(slices.Clone(epochs))) >= 2 && epochs[len(epochs)-1] == epochs[len(epochs)-3]
	})
	if n := len(slices.Compact(epochs)); n != 2 {
		t.Errorf("got %d runs of fragments, want the first publisher's and then the second's", n)
	}
	cancel()
	if err := <-second; err != nil {
		t.Errorf("got %v for a publisher whose context ended, want nil", err)
	}
	if !strings.Contains(st.said.String(), ingest.ErrTakenOver.Error()) {
		t.Error("the log does not say who took over")
	}
}

// request sends one request and returns the status line and the header.
func request(t *testing.T, s *Server, method, path, auth string) (string, textproto.MIMEHeader) {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	body := "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" +
		"a=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n"
	if strings.HasSuffix(path, "audio") {
		body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 8\r\na=control:streamid=0\r\n"
		path = strings.TrimSuffix(path, "?audio")
	}
	if auth != "" {
		auth = "Authorization: " + auth + "\r\n"
	}
	_, err = fmt.Fprintf(c, "%s rtsp://%s%s RTSP/1.0\r\nCSeq: 1\r\n%sContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s",
		method, s.Addr(), path, auth, len(body), body)
	if err != nil {
		t.Fatal(err)
	}
	r := textproto.NewReader(bufio.NewReader(c))
	status, err := r.ReadLine()
	if err != nil {
		t.Fatal(err)
	}
	h, err := r.ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	return status, h
}

func basic(user, pass string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+pass))
}

// Each digest that the challenge offers proves the token, and so does MD5 from publishers that know no algorithms.
func TestChallengeIsProved(t *testing.T) {
	u, err := base.ParseURL("rtsp://127.0.0.1:8554/porch")
	if err != nil {
		t.Fatal(err)
	}
	ch := &challenge{nonce: "0123456789abcdef"}
	offered := ch.ask(nil).Header["WWW-Authenticate"]
	if len(offered) != 3 || !strings.Contains(offered[0], "SHA-256") || !strings.Contains(offered[1], "MD5") || !strings.HasPrefix(offered[2], "Basic") {
		t.Fatalf("got challenges %q, want SHA-256, MD5 and Basic", offered)
	}
	for _, www := range append(offered, strings.Replace(offered[1], `, algorithm="MD5"`, "", 1)) {
		for pass, want := range map[string]bool{token: true, token + "x": false, "": false} {
			sender := auth.Sender{WWWAuth: base.HeaderValue{www}, User: "anybody", Pass: pass}
			if err := sender.Initialize(); err != nil {
				t.Fatal(err)
			}
			req := &base.Request{Method: base.Announce, URL: u}
			sender.AddAuthorization(req)
			if got := ch.proves(req, req.Header["Authorization"][0], token); got != want {
				t.Errorf("%s with %q: got %v, want %v", www, pass, got, want)
			}
		}
	}
	if (&challenge{nonce: "another"}).proves(&base.Request{Method: base.Announce, URL: u, Header: base.Header{"Authorization": nil}}, "", token) {
		t.Error("nothing proved the token")
	}
}

// Whoever is refused does not disturb who publishes, and is told why.
func TestRefusedPublisherDisturbsNobody(t *testing.T) {
	st := newStation(t, &logged{}, porch)
	s := serve(t, st, "")
	p, units := fixture(t, "plain")
	background(t, func(ctx context.Context) error {
		return Publish(ctx, at(s, "a:"+token, "porch"), p, endless(units), true)
	})
	recorded(t, st.log, "porch", func(fs []*frames.Fragment) bool { return len(fs) >= 2 })
	if err := Publish(t.Context(), at(s, "b:not-it", "porch"), p, once(units), true); err == nil || !strings.Contains(err.Error(), "wrong token") {
		t.Errorf("got %v, want wrong token", err)
	}
	for _, f := range recorded(t, st.log, "porch", func(fs []*frames.Fragment) bool { return len(fs) >= 8 }) {
		if f.Gap != nil {
			t.Errorf("the first publisher's video has a gap: %+v", f.Gap)
		}
	}
	if strings.Contains(st.said.String(), ingest.ErrTakenOver.Error()) {
		t.Error("the camera was taken over")
	}
}

// FuzzProves tries credentials that do not hold the token: none may open the camera, and none may upset the server.
func FuzzProves(f *testing.F) {
	f.Add(basic("x", "wrong"))
	f.Add("Basic !!!")
	f.Add(`Digest username="x", realm="vigil", nonce="n", uri="rtsp://h/porch", response="00", algorithm="SHA-256"`)
	f.Add(`Digest username="x", realm="vigil", nonce="n", uri="/porch", response=""`)
	u, err := base.ParseURL("rtsp://h/porch")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, given string) {
		ch := &challenge{nonce: "n"}
		req := &base.Request{Method: base.Announce, URL: u, Header: base.Header{"Authorization": base.HeaderValue{given}}}
		if ch.proves(req, given, "a token that no fuzzer guesses") {
			t.Errorf("%q opened the camera", given)
		}
	})
}

// silent is a source that never delivers.
type silent struct{}

func (silent) String() string { return "silence" }

func (silent) Run(ctx context.Context, _ ingest.Sink) error {
	<-ctx.Done()
	return nil
}

func TestServerAnswers(t *testing.T) {
	st := newStation(t, &logged{}, porch,
		ingest.Camera{ID: "open", OpenPublish: true}, ingest.Camera{ID: "closed"}, ingest.Camera{ID: "door", Source: silent{}})
	s := serve(t, st, "")
	for _, tt := range []struct{ method, path, auth, want string }{
		{"ANNOUNCE", "/porch", "", "401"},
		{"ANNOUNCE", "/porch", basic("x", token), "200"},
		{"ANNOUNCE", "/porch/", basic("", token), "200"},
		{"ANNOUNCE", "/porch", basic("x", "wrong"), "401"},
		{"ANNOUNCE", "/porch", basic("x", ""), "401"},
		{"ANNOUNCE", "/porch", "Bearer " + token, "401"},
		{"ANNOUNCE", "/porch?audio", basic("x", token), "415"},
		{"ANNOUNCE", "/open", "", "200"},
		{"ANNOUNCE", "/closed", "", "401"},
		{"ANNOUNCE", "/closed", basic("x", ""), "401"},
		{"ANNOUNCE", "/door", basic("x", ""), "401"},
		{"ANNOUNCE", "/nobody", basic("x", token), "404"},
		{"ANNOUNCE", "/Nobody%0d%0aX-Evil:%20yes", "", "404"},
		{"ANNOUNCE", "/", "", "404"},
		{"DESCRIBE", "/porch", basic("x", token), "405"},
		{"PLAY", "/porch", basic("x", token), "501"},
	} {
		status, h := request(t, s, tt.method, tt.path, tt.auth)
		if !strings.HasPrefix(status, "RTSP/1.0 "+tt.want) {
			t.Errorf("%s %s: got %q, want %s", tt.method, tt.path, status, tt.want)
		}
		ways := strings.Join(h["Www-Authenticate"], " ")
		if (tt.want == "401") != (strings.Contains(ways, "Basic") && strings.Contains(ways, "Digest")) {
			t.Errorf("%s %s: got challenge %q", tt.method, tt.path, ways)
		}
		if h.Get("X-Evil") != "" {
			t.Error("a header was injected")
		}
		if tt.want == "404" && tt.path == "/nobody" && !strings.Contains(status, `"nobody"`) {
			t.Errorf("got %q, want it to name the camera", status)
		}
	}
}

func TestPublishRefused(t *testing.T) {
	st := newStation(t, &logged{}, porch)
	s := serve(t, st, "")
	p, units := fixture(t, "plain")
	for _, tt := range []struct{ name, url, want string }{
		{"wrong token", at(s, "x:wrong-secret", "porch"), "401"},
		{"unknown camera", at(s, "x:wrong-secret", "cellar"), `"cellar"`},
	} {
		err := Publish(t.Context(), tt.url, p, once(units), false)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "wrong-secret") {
			t.Errorf("%s: got %v, want %s and no secret", tt.name, err, tt.want)
		}
	}
	if got := st.states.of("porch"); got.Online {
		t.Error("camera is online")
	}
}

// Over TLS a publisher needs no UDP, and silence ends as it does without.
func TestServerTLS(t *testing.T) {
	t.Parallel()
	var nobody *authority
	cfg := ServerConfig{
		Listen: "127.0.0.1:0", Log: (&logged{}).logger(), Admission: newStation(t, &logged{}, porch).supervisor,
		TLS: nobody.issue(t, "127.0.0.1", time.Now().Add(time.Hour)),
	}
	s, err := newServer(cfg, limits{conns: maxConns, announce: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	background(t, s.Run)
	ended(t, dial(t, s))
	cfg.UDP = "127.0.0.1:0"
	if _, err := NewServer(cfg); err == nil || !strings.Contains(err.Error(), "TCP only") {
		t.Errorf("got %v for TLS with UDP, want an error", err)
	}
}

func TestServerPortInUse(t *testing.T) {
	st := newStation(t, &logged{}, porch)
	s := serve(t, st, "")
	_, err := NewServer(ServerConfig{Listen: s.Addr(), Admission: st.supervisor, Log: st.said.logger()})
	if err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("got %v, want an error that names %s", err, s.Addr())
	}
	taken, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	_, err = NewServer(ServerConfig{Listen: "127.0.0.1:0", UDP: taken.LocalAddr().String(), Admission: st.supervisor, Log: st.said.logger()})
	if err == nil || !strings.Contains(err.Error(), taken.LocalAddr().String()) {
		t.Errorf("got %v, want an error that names %s", err, taken.LocalAddr())
	}
}
