package rtsp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"vigil/ingest"
)

// Admission lets publishers in. Digest authentication (RFC 7616) proves the token without sending it, so the server
// must know it.
type Admission interface {
	ingest.Admission
	// Publishing returns the token that publishers of the camera must show, or that it is open.
	Publishing(camera string) (token string, open bool, err error)
}

// ServerConfig is what a Server needs.
type ServerConfig struct {
	Listen    string      // TCP address; port 0 takes a free one
	UDP       string      // UDP address for RTP, RTCP is the port above; port 0 takes a free pair; empty: TCP only
	TLS       *tls.Config // makes it RTSPS, over TCP only
	Admission Admission
	Log       *slog.Logger
}

// Server takes RTSP publishers: rtsp://host:port/<camera>, any user name, the camera's token as the password. It
// plays nothing.
type Server struct {
	cfg    ServerConfig
	rtsp   *gortsplib.Server
	lobby  *lobby
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// ErrUDP says that NewServer could not bind ServerConfig.UDP.
var ErrUDP = errors.New("rtsp udp")

// publication is one publisher's session.
type publication struct {
	camera  string
	token   string
	conn    *gortsplib.ServerConn // that announced it
	track   *track
	trouble trouble
	session *ingest.Session // from RECORD on
	release func() bool     // forgets to close the connection when session.Context ends
	sound   *sound          // nil: no audio is taken
}

// NewServer binds the addresses and takes connections from now on.
func NewServer(cfg ServerConfig) (*Server, error) {
	return newServer(cfg, limits{conns: maxConns, announce: announceTimeout})
}

func newServer(cfg ServerConfig, bounds limits) (*Server, error) {
	if cfg.TLS != nil && cfg.UDP != "" {
		return nil, errors.New("rtsps runs over TCP only")
	}
	s := &Server{cfg: cfg, lobby: newLobby(bounds, cfg.Log)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.rtsp = &gortsplib.Server{Handler: s, RTSPAddress: cfg.Listen, TLSConfig: cfg.TLS}
	if cfg.UDP != "" {
		rtpConn, rtcpConn, err := listenPair(s.ctx, cfg.UDP)
		if err != nil {
			s.cancel()
			return nil, fmt.Errorf("%w %s: %w", ErrUDP, cfg.UDP, err)
		}
		s.rtsp.UDPRTPAddress = rtpConn.LocalAddr().String()
		s.rtsp.UDPRTCPAddress = rtcpConn.LocalAddr().String()
		s.rtsp.ListenPacket = func(_, address string) (net.PacketConn, error) {
			if address == s.rtsp.UDPRTPAddress {
				return rtpConn, nil
			}
			return rtcpConn, nil
		}
	}
	if err := s.rtsp.Start(); err != nil {
		s.cancel()
		return nil, fmt.Errorf("rtsp listen on %s: %w", cfg.Listen, err)
	}
	return s, nil
}

// listenPair binds an even port and the one above it (RFC 3550, 11).
func listenPair(ctx context.Context, address string) (rtpConn, rtcpConn net.PacketConn, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, err
	}
	const attempts = 100 // of the system's choice, until the port above is free, too
	for range attempts {
		var lc net.ListenConfig
		if rtpConn, err = lc.ListenPacket(ctx, "udp", address); err != nil {
			return nil, nil, err
		}
		n := rtpConn.LocalAddr().(*net.UDPAddr).Port
		if n%2 == 0 {
			if rtcpConn, err = lc.ListenPacket(ctx, "udp", net.JoinHostPort(host, strconv.Itoa(n+1))); err == nil {
				return rtpConn, rtcpConn, nil
			}
		} else {
			err = fmt.Errorf("port %d is odd, want an even one and the next free", n)
		}
		_ = rtpConn.Close() // nothing was sent
		if port != "0" {
			break
		}
	}
	return nil, nil, err
}

// Addr returns the TCP address, with the port that was taken.
func (s *Server) Addr() string { return s.rtsp.NetListener().Addr().String() }

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.rtsp.Wait() }() // ends with Close
	select {
	case err := <-ended:
		return fmt.Errorf("rtsp on %s: %w", s.Addr(), err)
	case <-ctx.Done():
		return nil
	}
}

// Close ends all connections and frees the addresses. It may be called again.
func (s *Server) Close() {
	s.cancel()
	s.rtsp.Close()
	s.lobby.flush()
}

// OnConnOpen implements gortsplib.ServerHandlerOnConnOpen.
func (s *Server) OnConnOpen(c *gortsplib.ServerHandlerOnConnOpenCtx) { s.lobby.enter(c.Conn) }

// OnConnClose implements gortsplib.ServerHandlerOnConnClose.
func (s *Server) OnConnClose(c *gortsplib.ServerHandlerOnConnCloseCtx) {
	if !s.lobby.leave(c.Conn) {
		return // it was refused, which is counted
	}
	s.cfg.Log.Debug("rtsp connection closed", "remote", c.Conn.NetConn().RemoteAddr(), "reason", c.Error)
}

// OnRequest implements gortsplib.ServerHandlerOnRequest. It makes the publisher's description one that can be read.
func (s *Server) OnRequest(c *gortsplib.ServerConn, req *base.Request) {
	if req.Method != base.Announce {
		return
	}
	body, dropped := repair(req.Body)
	if len(dropped) > 0 {
		s.cfg.Log.Warn("media that cannot be read are left out", "remote", c.NetConn().RemoteAddr().String(), "media", firstOf(dropped))
	}
	req.Body = body
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (s *Server) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return refuse(base.StatusMethodNotAllowed, errNoPlay), nil, nil
}

var errNoPlay = errors.New("this server takes publishers only")

// OnAnnounce implements gortsplib.ServerHandlerOnAnnounce.
func (s *Server) OnAnnounce(c *gortsplib.ServerHandlerOnAnnounceCtx) (*base.Response, error) {
	camera := strings.Trim(c.Path, "/")
	log := s.cfg.Log.With("camera", camera, "remote", c.Conn.NetConn().RemoteAddr().String())
	token, res, err := s.authorize(log, c.Conn, c.Request, camera)
	if res != nil {
		return res, err
	}
	t, err := findTrack(c.Description)
	if err != nil {
		err = fmt.Errorf("camera %q: %w", camera, err)
		log.Warn("rtsp publisher refused", "reason", err)
		return refuse(base.StatusUnsupportedMediaType, err), err
	}
	sound := findSound(c.Description)
	t.params.Audio = sound.track()
	sayIgnored(log, c.Description, t, sound)
	c.Session.SetUserData(&publication{
		camera: camera, token: token, conn: c.Conn, track: t, sound: sound, trouble: trouble{log: log},
	})
	s.lobby.begun(c.Conn)
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (s *Server) OnSetup(c *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if c.Session.State() != gortsplib.ServerSessionStatePreRecord {
		return refuse(base.StatusMethodNotAllowed, errNoPlay), nil, nil
	}
	return &base.Response{StatusCode: base.StatusOK}, nil, nil
}

// OnRecord implements gortsplib.ServerHandlerOnRecord. Only here the camera is taken over from another publisher.
func (s *Server) OnRecord(c *gortsplib.ServerHandlerOnRecordCtx) (*base.Response, error) {
	p := c.Session.UserData().(*publication)
	session, err := s.cfg.Admission.Admit(s.ctx, p.camera, p.token, "rtsp publish")
	if err != nil {
		return refuse(statusOf(err), err), err
	}
	if err := session.Start(p.track.params); err != nil {
		session.End(err)
		return refuse(base.StatusUnsupportedMediaType, err), err
	}
	p.session = session
	p.release = context.AfterFunc(session.Context, c.Session.Close)
	c.Session.OnPacketRTP(p.track.media, p.track.format, func(pkt *rtp.Packet) {
		u, ok, err := p.track.unit(pkt, time.Now())
		if err != nil {
			p.trouble.undecodable(err)
		}
		if !ok {
			return
		}
		if err := session.Unit(p.track.reported(u, pkt)); err != nil {
			session.End(err) // which ends its context, and that the connection
		}
	})
	p.listen(c.Session)
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose implements gortsplib.ServerHandlerOnSessionClose. No packet follows.
func (s *Server) OnSessionClose(c *gortsplib.ServerHandlerOnSessionCloseCtx) {
	p, ok := c.Session.UserData().(*publication)
	if !ok {
		return
	}
	s.lobby.wait(p.conn) // gortsplib waits on it for ever when it published over UDP
	if p.session == nil {
		return
	}
	p.release()
	p.trouble.flush()
	reason := c.Error
	if _, ok := errors.AsType[liberrors.ErrServerSessionTornDown](reason); ok {
		reason = nil
	}
	p.session.End(reason)
}

// OnPacketsLost implements gortsplib.ServerHandlerOnPacketsLost.
func (s *Server) OnPacketsLost(c *gortsplib.ServerHandlerOnPacketsLostCtx) {
	if p, ok := c.Session.UserData().(*publication); ok && p.session != nil {
		p.trouble.packetsLost(c.Lost)
		p.session.Lost(c.Lost)
	}
}

// OnDecodeError implements gortsplib.ServerHandlerOnDecodeError.
func (s *Server) OnDecodeError(c *gortsplib.ServerHandlerOnDecodeErrorCtx) {
	if p, ok := c.Session.UserData().(*publication); ok {
		p.trouble.undecodable(c.Error)
	}
}
