package rtsp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// plainSDP is the description of a camera with one H.264 track.
const plainSDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n" + videoSDP

const videoSDP = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n"

// script is a camera that says word for word what a test wants it to.
type script struct {
	sdp     string
	answers map[string]string                      // in place of a good answer, by method; CSEQ stands for the request's
	hello   func(c net.Conn)                       // in place of all answers
	plays   func(c net.Conn, done <-chan struct{}) // after the answer to PLAY

	mu    sync.Mutex
	asked []string // method and URL
}

func (s *script) requests(method string) (urls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.asked {
		if url, ok := strings.CutPrefix(r, method+" "); ok {
			urls = append(urls, url)
		}
	}
	return urls
}

// start returns the camera's host:port.
func (s *script) start(t *testing.T) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = ln.Close(); conns.Wait() })
	conns.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				defer stop()
				defer func() { _ = c.Close() }()
				s.talk(c)
			})
		}
	})
	return ln.Addr().String()
}

func (s *script) talk(c net.Conn) {
	if s.hello != nil {
		s.hello(c)
		return
	}
	done := make(chan struct{})
	var playing sync.WaitGroup
	defer playing.Wait()
	defer close(done)
	r := textproto.NewReader(bufio.NewReader(c))
	for {
		line, err := r.ReadLine()
		if err != nil {
			return
		}
		h, err := r.ReadMIMEHeader()
		if err != nil {
			return
		}
		words := strings.Fields(line)
		s.mu.Lock()
		s.asked = append(s.asked, words[0]+" "+words[1])
		s.mu.Unlock()
		if _, err := io.WriteString(c, strings.ReplaceAll(s.answer(words[0]), "CSEQ", h.Get("CSeq"))); err != nil {
			return
		}
		if words[0] == "PLAY" && s.plays != nil {
			playing.Go(func() { s.plays(c, done) })
		}
	}
}

func (s *script) answer(method string) string {
	if a, ok := s.answers[method]; ok {
		return a
	}
	const ok = "RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\n"
	switch method {
	case "OPTIONS":
		return ok + "Public: DESCRIBE, SETUP, PLAY\r\n\r\n"
	case "DESCRIBE":
		return ok + "Content-Type: application/sdp\r\nContent-Length: " + strconv.Itoa(len(s.sdp)) + "\r\n\r\n" + s.sdp
	case "SETUP":
		return ok + "Session: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
	default:
		return ok + "Session: 1\r\n\r\n"
	}
}

// client returns what pulls from the script and waits for d at most for an answer.
func (s *script) client(t *testing.T, said *logged, d time.Duration) *Client {
	t.Helper()
	source, err := NewClient(ClientConfig{URL: "rtsp://admin:top-secret@" + s.start(t) + "/x", Log: said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	source.answer = d
	return source
}

// frame makes an interleaved frame of an RTP packet.
func frame(seq uint16, ts uint32, marker bool, payload []byte) []byte {
	head := []byte{
		'$', 0, byte((12 + len(payload)) >> 8), byte(12 + len(payload)), 0x80, 96, byte(seq >> 8), byte(seq),
		byte(ts >> 24), byte(ts >> 16), byte(ts >> 8), byte(ts), 1, 2, 3, 4,
	}
	if marker {
		head[5] |= 0x80
	}
	return append(head, payload...)
}

func TestPullStatuses(t *testing.T) {
	for _, tt := range []struct{ method, status, want string }{
		{"DESCRIBE", "401 Unauthorized", "describe: status 401 Unauthorized, and no way to authenticate that is known: camera refused the credentials"},
		{"DESCRIBE", "403 Forbidden", "describe: status 403 Forbidden: camera refused the credentials"},
		{"DESCRIBE", "404 Not Found", "describe: status 404 Not Found"},
		{"DESCRIBE", "404 No top-secret here", `describe: status 404 Not Found ("No xxxxx here")`},
		{"SETUP", "453 Not Enough Bandwidth", "setup over TCP: status 453 Not Enough Bandwidth"},
		{"PLAY", "454 Session Not Found", "play: status 454 Session Not Found"},
		{"PLAY", "455 Whatever\a", `play: status 455 Method Not Valid In This State ("Whatever\a")`},
		{"OPTIONS", "503 Service Unavailable", "describe: status 503 Service Unavailable"},
		{"DESCRIBE", "599 Odd", `describe: status 599 ("Odd")`},
	} {
		t.Run(tt.method+" "+tt.status, func(t *testing.T) {
			t.Parallel()
			s := &script{sdp: plainSDP, answers: map[string]string{tt.method: "RTSP/1.0 " + tt.status + "\r\nCSeq: CSEQ\r\n\r\n"}}
			err := s.client(t, &logged{}, patience).Run(t.Context(), &watcher{})
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// R13: cameras that take their time, or send more than anybody wants, are left within the time for an answer.
func TestPullEndsSlowAndTalkativeCameras(t *testing.T) {
	const ok = "RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\n"
	const wait = time.Second
	drip := func(c net.Conn) {
		for _, b := range []byte(strings.Repeat("RTSP/1.0 200 OK", 99)) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, c, 1); err != nil { // as slow as the client's request has bytes
				return
			}
		}
	}
	for _, tt := range []struct {
		name, want string
		script     *script
	}{
		{"silence", "timed out", &script{hello: func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }}},
		{"one byte after the other", "timed out", &script{hello: drip}},
		{"endless answers", "more than 64 KiB", &script{hello: func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, "RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n"); err != nil {
					return
				}
			}
		}}},
		{"1 GiB of body", "Content-Length exceeds", &script{answers: map[string]string{
			"DESCRIBE": ok + "Content-Type: application/sdp\r\nContent-Length: 1073741824\r\n\r\n",
		}}},
		{"endless header", "more than 64 KiB", &script{answers: map[string]string{
			"DESCRIBE": ok + strings.Repeat("X: "+strings.Repeat("y", 2000)+"\r\n", 200) + "\r\n",
		}}},
		{"endless line", "more than 64 KiB", &script{answers: map[string]string{"OPTIONS": strings.Repeat("R", 1<<20)}}},
		{"video before it is asked for", "unexpected", &script{answers: map[string]string{
			"OPTIONS": "$\x00\x00\x01x",
		}}},
		{"frame shorter than it says", "timeout", &script{sdp: plainSDP, plays: func(c net.Conn, done <-chan struct{}) {
			_, _ = c.Write([]byte("$\x00\xff\xffshort"))
			<-done
		}}},
		{"plays nothing", "timeout", &script{sdp: plainSDP}},
		{"not RTSP", "timed out", &script{hello: func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			source := tt.script.client(t, &logged{}, wait)
			began := time.Now()
			err := source.Run(t.Context(), &watcher{})
			if took := time.Since(began); took > 5*wait {
				t.Errorf("took %v", took)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "top-secret") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// A TLS handshake that is never finished has an end, too.
func TestPullEndsSilentHandshake(t *testing.T) {
	t.Parallel()
	s := &script{hello: func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }}
	source, err := NewClient(ClientConfig{URL: "rtsps://" + s.start(t) + "/x", Log: (&logged{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	source.answer = 300 * time.Millisecond
	if err := source.Run(t.Context(), &watcher{}); err == nil || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("got %v, want an error that tells of the deadline", err)
	}
}

// The session is kept alive as the camera wants it: with the method it announces, before its time is over.
func TestPullKeepsAlive(t *testing.T) {
	for method, public := range map[string]string{"GET_PARAMETER": "DESCRIBE, SETUP, PLAY, GET_PARAMETER", "OPTIONS": "DESCRIBE, SETUP, PLAY"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			const ok = "RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\n"
			s := &script{sdp: plainSDP, answers: map[string]string{
				"OPTIONS": ok + "Public: " + public + "\r\n\r\n",
				"SETUP":   ok + "Session: 1;timeout=6\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n",
			}}
			source := s.client(t, &logged{}, patience)
			background(t, func(ctx context.Context) error { return source.Run(ctx, &watcher{}) })
			before := 1 // OPTIONS opens the connection
			if method == "GET_PARAMETER" {
				before = 0
			}
			eventually(t, "it is kept alive twice", func() bool { return len(s.requests(method)) >= before+2 })
			for _, url := range s.requests(method) {
				if strings.Contains(url, "top-secret") {
					t.Errorf("the password is in the address: %s", url)
				}
			}
		})
	}
}

// The camera may not have us send elsewhere, nor look names up.
func TestPullSendsToCameraOnly(t *testing.T) {
	for _, source := range []string{"127.0.0.9", "nobody.example"} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			s := &script{sdp: plainSDP, answers: map[string]string{"SETUP": fmt.Sprintf("RTSP/1.0 200 OK\r\nCSeq: CSEQ\r\nSession: 1\r\n"+
				"Transport: RTP/AVP;unicast;client_port=1-2;server_port=40000-40001;source=%s\r\n\r\n", source)}}
			said := &logged{}
			c, err := NewClient(ClientConfig{URL: "rtsp://" + s.start(t) + "/x", Transport: UDP, Log: said.logger()})
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Run(t.Context(), &watcher{}); err == nil || !strings.Contains(said.String(), errElsewhere.Error()) ||
				!strings.Contains(said.String(), source) {
				t.Errorf("got %v and %s, want a line that names %s", err, said, source)
			}
		})
	}
}
