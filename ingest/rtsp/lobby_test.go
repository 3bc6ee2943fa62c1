package rtsp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// caller is a connection that knows whether it was closed.
type caller struct{ closed chan struct{} }

func newCaller() *caller { return &caller{closed: make(chan struct{}, 9)} }

func (c *caller) Close() { c.closed <- struct{}{} }

func (c *caller) gone() bool { return len(c.closed) > 0 }

func TestLobby(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		said := &logged{}
		l := newLobby(limits{conns: 3, announce: announceTimeout}, said.logger())
		silent, publisher, left := newCaller(), newCaller(), newCaller()
		l.enter(silent)
		l.enter(publisher)
		l.enter(left)
		for range 5 {
			c := newCaller()
			l.enter(c)
			if !c.gone() {
				t.Error("one too many was let in")
			}
			if l.leave(c) {
				t.Error("a refused one was taken for another")
			}
		}
		l.begun(publisher)
		if !l.leave(left) {
			t.Error("one that was let in is unknown")
		}
		time.Sleep(announceTimeout + time.Millisecond)
		synctest.Wait()
		if !silent.gone() || publisher.gone() || left.gone() {
			t.Errorf("closed: silent %v, publisher %v, left %v", silent.gone(), publisher.gone(), left.gone())
		}
		l.wait(publisher)
		time.Sleep(announceTimeout + time.Millisecond)
		synctest.Wait()
		if !publisher.gone() {
			t.Error("a connection without its session stays for ever")
		}
		if n := strings.Count(said.String(), "refused=5"); n != 1 || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("got log %q, want one line for five", said)
		}
		l.flush()
		if strings.Count(said.String(), "\n") != 1 {
			t.Errorf("got log %q, want nothing more", said)
		}
	})
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ended waits until the server closes the connection.
func ended(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the server holds the connection")
	}
}

func serveWithin(t *testing.T, st *station, bounds limits) *Server {
	t.Helper()
	s, err := newServer(ServerConfig{Listen: "127.0.0.1:0", Admission: st.supervisor, Log: st.said.logger()}, bounds)
	if err != nil {
		t.Fatal(err)
	}
	background(t, s.Run)
	return s
}

func TestServerClosesIdlers(t *testing.T) {
	t.Parallel()
	st := newStation(t, &logged{}, porch)
	s := serveWithin(t, st, limits{conns: maxConns, announce: 50 * time.Millisecond})
	for name, says := range map[string]string{
		"silence":           "",
		"half a word":       "OP",
		"asks only":         "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
		"never a token":     "ANNOUNCE rtsp://x/porch RTSP/1.0\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: 0\r\n\r\n",
		"half a tunnel":     "GET / HTTP/1.1\r\nHost: x\r\nAccept: application/x-rtsp-tunnelled\r\nX-Sessioncookie: a\r\n\r\n",
		"half an HTTP head": "GET / HTTP/1.1\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, s)
			if _, err := fmt.Fprint(c, says); err != nil {
				t.Fatal(err)
			}
			ended(t, c)
		})
	}
}

// A publisher stays for longer than others may be silent.
func TestServerKeepsPublishers(t *testing.T) {
	t.Parallel()
	st := newStation(t, &logged{}, porch)
	s := serveWithin(t, st, limits{conns: maxConns, announce: time.Second})
	p, units := fixture(t, "plain")
	if err := Publish(t.Context(), at(s, "x:"+token, "porch"), p, once(units), true); err != nil {
		t.Fatal(err)
	}
}

// A connection whose session ended has as long as a new one, and not gortsplib's minute.
func TestServerClosesAfterSession(t *testing.T) {
	t.Parallel()
	st := newStation(t, &logged{}, porch)
	s := serveWithin(t, st, limits{conns: maxConns, announce: time.Second})
	c := dial(t, s)
	r := textproto.NewReader(bufio.NewReader(c))
	body := "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n" +
		"a=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n"
	var session string
	for i, says := range []struct{ method, path, header, body string }{
		{"ANNOUNCE", "porch", "Authorization: " + basic("x", token) + "\r\nContent-Type: application/sdp\r\n", body},
		{"SETUP", "porch/streamid=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n", ""},
		{"TEARDOWN", "porch", "", ""},
	} {
		if _, err := fmt.Fprintf(c, "%s rtsp://%s/%s RTSP/1.0\r\nCSeq: %d\r\n%s%sContent-Length: %d\r\n\r\n%s", says.method,
			s.Addr(), says.path, i+1, says.header, session, len(says.body), says.body); err != nil {
			t.Fatal(err)
		}
		status, err := r.ReadLine()
		if err != nil || !strings.Contains(status, "200") {
			t.Fatalf("%s: got %q, %v", says.method, status, err)
		}
		h, err := r.ReadMIMEHeader()
		if err != nil {
			t.Fatal(err)
		}
		if id, _, _ := strings.Cut(h.Get("Session"), ";"); id != "" {
			session = "Session: " + id + "\r\n"
		}
	}
	ended(t, c)
}

func TestServerBoundsConnections(t *testing.T) {
	t.Parallel()
	st := newStation(t, &logged{}, porch)
	s := serveWithin(t, st, limits{conns: maxConns, announce: time.Hour}) // only their number can end connections
	holds := func(n int) func() bool {
		return func() bool {
			s.lobby.mu.Lock()
			defer s.lobby.mu.Unlock()
			return len(s.lobby.conns) == n
		}
	}
	var held []net.Conn
	for range maxConns {
		held = append(held, dial(t, s))
	}
	eventually(t, "it is full", holds(maxConns)) // connections are not taken in in the order they came
	for range 3 {
		ended(t, dial(t, s))
	}
	eventually(t, "it is said", func() bool { return strings.Contains(st.said.String(), "refused=") })
	for _, c := range held {
		_ = c.Close()
	}
	eventually(t, "there is room again", holds(0))
	if status, _ := request(t, s, "OPTIONS", "/porch", ""); !strings.Contains(status, "200") {
		t.Errorf("got %q, want 200", status)
	}
}
