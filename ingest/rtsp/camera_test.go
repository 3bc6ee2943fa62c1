package rtsp

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"vigil/frames"
)

// oddPassword holds what breaks URL parsers.
const oddPassword = `p@s:s/w?o#r%d&ü+"`

// camera is an RTSP camera in process. It asks for credentials and plays the units, over and over.
type camera struct {
	t        *testing.T
	server   *gortsplib.Server
	stream   *gortsplib.ServerStream
	redirect string
	only     *gortsplib.Protocol                                     // refuses the others
	asked    []gortsplib.Protocol                                    // by SETUP
	voices   []format.Format                                         // of the audio track
	setup    func(*gortsplib.ServerHandlerOnSetupCtx) *base.Response // nil: all are let through

	mu    sync.Mutex
	conns map[*gortsplib.ServerConn]bool
}

func (c *camera) OnConnOpen(x *gortsplib.ServerHandlerOnConnOpenCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns[x.Conn] = true
}

func (c *camera) OnConnClose(x *gortsplib.ServerHandlerOnConnCloseCtx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, x.Conn)
}

// hangUp drops all connections.
func (c *camera) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.NetConn().Close()
	}
}

func (c *camera) OnDescribe(x *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.redirect != "" {
		return &base.Response{
			StatusCode: base.StatusMovedPermanently, Header: base.Header{"Location": base.HeaderValue{c.redirect}},
		}, nil, nil
	}
	if !proves(x, "admin", oddPassword) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

// proves is gortsplib's check, but for Basic passwords with a colon, of which it takes none (RFC 7617, 2).
func proves(x *gortsplib.ServerHandlerOnDescribeCtx, user, pass string) bool {
	if given := x.Request.Header["Authorization"]; len(given) == 1 && given[0] == basic(user, pass) {
		return true
	}
	return x.Conn.VerifyCredentials(x.Request, user, pass)
}

func (c *camera) OnSetup(x *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, x.Transport.Protocol)
	if c.only != nil && *c.only != x.Transport.Protocol {
		return &base.Response{StatusCode: base.StatusUnsupportedTransport}, nil, nil
	}
	if c.setup != nil {
		return c.setup(x), c.stream, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, c.stream, nil
}

func (c *camera) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

func (c *camera) url(user, pass string) string {
	scheme := "rtsp://"
	if c.server.TLSConfig != nil {
		scheme = "rtsps://"
	}
	return scheme + user + ":" + pass + "@" + c.server.NetListener().Addr().String() + "/stream1?channel=1&pwd=in-query"
}

// trait makes a camera different before it starts.
type trait func(*camera)

func withMethods(m ...auth.VerifyMethod) trait {
	return func(c *camera) { c.server.AuthMethods = m }
}

func withTLS(cfg *tls.Config) trait {
	return func(c *camera) { c.server.TLSConfig = cfg }
}

// speaking gives the audio track these formats. It is silent.
func speaking(voices ...format.Format) trait {
	return func(c *camera) { c.voices = voices }
}

func takesOnly(p gortsplib.Protocol) trait {
	return func(c *camera) { c.only = &p }
}

// withUDP lets the camera send over UDP; of the pair of ports, what rtp and rtcp send is lost where they are set.
func withUDP(loseRTP, loseRTCP bool) trait {
	return func(c *camera) {
		rtpConn, rtcpConn, err := listenPair(c.t.Context(), "127.0.0.1:0")
		if err != nil {
			c.t.Fatal(err)
		}
		c.server.UDPRTPAddress, c.server.UDPRTCPAddress = rtpConn.LocalAddr().String(), rtcpConn.LocalAddr().String()
		c.server.ListenPacket = func(_, address string) (net.PacketConn, error) {
			if address == c.server.UDPRTPAddress {
				return &hole{UDPConn: rtpConn.(*net.UDPConn), black: loseRTP}, nil
			}
			return &hole{UDPConn: rtcpConn.(*net.UDPConn), black: loseRTCP}, nil
		}
	}
}

// withLoss lets the camera send over UDP; one packet of every is lost, and another overtakes the one before.
func withLoss(every int) trait {
	return func(c *camera) {
		withUDP(false, false)(c)
		open := c.server.ListenPacket
		c.server.ListenPacket = func(network, address string) (net.PacketConn, error) {
			conn, err := open(network, address)
			if address == c.server.UDPRTPAddress {
				conn.(*hole).every = every
			}
			return conn, err
		}
	}
}

// hole is a port behind a network that loses things.
type hole struct {
	*net.UDPConn
	black bool // everything
	every int

	sent int
	late []byte
}

func (h *hole) WriteTo(b []byte, to net.Addr) (int, error) {
	h.sent++
	switch {
	case h.black, h.every > 0 && h.sent%h.every == 0:
		return len(b), nil
	case h.every > 0 && h.sent%h.every == 1:
		h.late = bytes.Clone(b)
		return len(b), nil
	}
	n, err := h.UDPConn.WriteTo(b, to)
	if h.late != nil && err == nil {
		_, err = h.UDPConn.WriteTo(h.late, to)
		h.late = nil
	}
	return n, err
}

// newCamera starts a camera that plays the fixture in real time, with an audio track beside it.
func newCamera(t *testing.T, name string, traits ...trait) *camera {
	t.Helper()
	p, units := fixture(t, name)
	return newCameraOf(t, p, units, traits...)
}

// newCameraOf starts a camera that plays the units over and over; p is what its description says.
func newCameraOf(t *testing.T, p frames.Parameters, units []frames.AccessUnit, traits ...trait) *camera {
	t.Helper()
	f, encode, err := outgoing(p)
	if err != nil {
		t.Fatal(err)
	}
	video := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
	c := &camera{
		t: t, conns: make(map[*gortsplib.ServerConn]bool),
		voices: []format.Format{&format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}},
	}
	c.server = &gortsplib.Server{Handler: c, RTSPAddress: "127.0.0.1:0"}
	for _, change := range traits {
		change(c)
	}
	if err := c.server.Start(); err != nil {
		t.Fatal(err)
	}
	audio := &description.Media{Type: description.MediaTypeAudio, Formats: c.voices}
	c.stream = &gortsplib.ServerStream{Server: c.server, Desc: &description.Session{
		Medias: []*description.Media{audio, video},
	}}
	if err := c.stream.Initialize(); err != nil {
		t.Fatal(err)
	}
	background(t, func(ctx context.Context) error {
		began := time.Now()
		for u, err := range endless(units) {
			if err != nil || sleep(ctx, max(1, time.Until(began.Add(frames.Duration(u.DTS))))) != nil {
				break
			}
			pkts, err := encode(u.NALUs)
			if err != nil {
				return err
			}
			for _, pkt := range pkts {
				pkt.Timestamp = uint32(u.PTS) - 100_000 // wraps soon after the beginning
				if err := c.stream.WritePacketRTP(video, pkt); err != nil {
					return err
				}
			}
		}
		c.stream.Close()
		c.server.Close()
		return nil
	})
	return c
}
