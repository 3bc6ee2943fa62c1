// Package whip takes cameras in over WebRTC: it is a WHIP endpoint (RFC 9725) on pion. A browser, OBS, FFmpeg or
// GStreamer publishes one H.264 track; its access units go, byte for byte as they were sent, to the sink that
// ingest.Admission hands out. It is not a media server: nothing is played back, re-encoded or forwarded, and Opus
// is accepted and dropped. It imports ingest, frames, pion, and gortsplib's H.264 depacketiser.
package whip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"vigil/ingest"
)

// Config says where media arrives and who may publish.
type Config struct {
	UDP       string           // address of media, for all sessions, UDP and ICE-TCP on the same port; ":8189" is customary
	Hosts     []string         // IP addresses to advertise besides the interfaces', such as a NAT's outer one
	Loopback  bool             // advertise loopback too; implied when UDP is a loopback or a wildcard address
	Admission ingest.Admission // required
	Log       *slog.Logger     // required
}

// Bounds of what one endpoint takes.
const (
	maxBody       = 64 << 10 // bytes of an offer or an SDP fragment
	maxPending    = 20       // sessions that are not connected yet, over all cameras
	maxCandidates = 64       // of one peer, over its offer and all its fragments
	socketBuffer  = 4 << 20  // bytes; a key frame arrives in one burst
	portAttempts  = 10       // to find a port that is free for UDP and TCP when any will do
)

// timeouts are what a session may take its time for.
type timeouts struct {
	connect time.Duration // from the answer to DTLS
	packet  time.Duration // without a video packet
	key     time.Duration // without a key frame
	ask     time.Duration // between requests for a key frame
}

func defaultTimeouts() timeouts {
	return timeouts{connect: 10 * time.Second, packet: 10 * time.Second, key: 15 * time.Second, ask: 2 * time.Second}
}

// Endpoint is a WHIP endpoint and its sessions.
type Endpoint struct {
	cfg      Config
	hosts    []netip.Addr
	loopback bool
	udp      *net.UDPConn
	udpMux   ice.UDPMux
	tcpMux   ice.TCPMux
	timeouts timeouts

	ctx    context.Context // what sessions live on; ends when Run's does
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup // one per session

	mu       sync.Mutex
	closed   bool
	sessions map[string]*session // by secret
	pending  int
	rates    map[string]*bucket // by camera, of those that Admission knows
}

var errStopped = errors.New("the program stops")

// New binds cfg.UDP. Run must be called, if only with a context that has ended, to free it again.
func New(cfg Config) (*Endpoint, error) {
	if cfg.Admission == nil || cfg.Log == nil {
		return nil, errors.New("whip: Admission and Log are required")
	}
	e := &Endpoint{
		cfg: cfg, timeouts: defaultTimeouts(),
		sessions: map[string]*session{}, rates: map[string]*bucket{},
	}
	for _, h := range cfg.Hosts {
		ip, err := netip.ParseAddr(h)
		if err != nil {
			return nil, fmt.Errorf("whip: host %q: want an IP address", h)
		}
		e.hosts = append(e.hosts, ip.Unmap())
	}
	udp, tcp, err := listen(cfg.UDP)
	if err != nil {
		return nil, err
	}
	// Best effort: the kernel's limit may be lower.
	_ = udp.SetReadBuffer(socketBuffer)
	ip := udp.LocalAddr().(*net.UDPAddr).IP
	e.loopback = cfg.Loopback || ip.IsLoopback() || ip.IsUnspecified()
	logger := pionLogger{cfg.Log}.NewLogger("ice")
	e.udp = udp
	e.udpMux = webrtc.NewICEUDPMux(logger, udp)
	e.tcpMux = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: tcp, Logger: logger, ReadBufferSize: 64, WriteBufferSize: 1 << 20,
		FirstStunBindTimeout: e.timeouts.connect, AliveDurationForConnFromStun: e.timeouts.connect,
	})
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	return e, nil
}

// listen binds the same port for UDP and TCP. When any port will do, one may be free for UDP only: then another
// is tried.
func listen(addr string) (*net.UDPConn, net.Listener, error) {
	ua, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, nil, fmt.Errorf("whip: media address %q: %w", addr, err)
	}
	for attempt := 1; ; attempt++ {
		udp, err := net.ListenUDP("udp", ua)
		if err != nil {
			return nil, nil, fmt.Errorf("whip: listen on %s (udp): %w", addr, err)
		}
		tcp, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ua.IP, Zone: ua.Zone, Port: udp.LocalAddr().(*net.UDPAddr).Port})
		if err == nil {
			return udp, tcp, nil
		}
		err = errors.Join(err, udp.Close())
		if ua.Port != 0 || attempt == portAttempts || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, nil, fmt.Errorf("whip: listen on %s (tcp): %w", addr, err)
		}
	}
}

// Addr is the address media arrives at.
func (e *Endpoint) Addr() net.Addr { return e.udp.LocalAddr() }

// Run waits until ctx ends, then closes all sessions and the media address.
func (e *Endpoint) Run(ctx context.Context) error {
	<-ctx.Done()
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.cancel(errStopped)
	e.wg.Wait()
	if err := errors.Join(e.udpMux.Close(), e.tcpMux.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("whip: close %s: %w", e.Addr(), err)
	}
	return nil
}

// reserve takes a place among the sessions that are not connected yet, or says why there is none.
func (e *Endpoint) reserve(camera string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return stopping()
	}
	if e.pending >= maxPending {
		return tooMany("too many sessions are waiting to connect")
	}
	if b := e.rates[camera]; b != nil && !b.ready(time.Now()) {
		return tooMany("camera " + camera + " is being published to too often")
	}
	e.pending++
	return nil
}

// release gives a place back: the session is connected, or over.
func (e *Endpoint) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending--
}

// charge counts a session that was let in against its camera's rate. Strangers never get here, so they cannot
// use up a camera's rate.
func (e *Endpoint) charge(camera string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := e.rates[camera]
	if b == nil {
		b = &bucket{tokens: bucketSize, last: time.Now()}
		e.rates[camera] = b
	}
	b.take(time.Now())
}

// start registers s and runs it until it is over. It says false when the endpoint stops; s is then the caller's to
// close.
func (e *Endpoint) start(s *session) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.sessions[s.secret] = s
	e.wg.Go(func() {
		s.run()
		e.mu.Lock()
		delete(e.sessions, s.secret)
		e.mu.Unlock()
		close(s.done)
	})
	return true
}

// find returns the session of a URL, nil when there is none (any more).
func (e *Endpoint) find(camera, secret string) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	if s := e.sessions[secret]; s != nil && s.camera == camera && s.ctx.Err() == nil {
		return s
	}
	return nil
}

// How often one camera may be published to: a burst, then so many a second.
const (
	bucketSize = 20
	bucketRate = 10
)

// bucket is a token bucket.
type bucket struct {
	tokens float64
	last   time.Time
}

func (b *bucket) ready(now time.Time) bool {
	b.tokens = min(bucketSize, b.tokens+bucketRate*now.Sub(b.last).Seconds())
	b.last = now
	return b.tokens >= 1
}

func (b *bucket) take(now time.Time) {
	if b.ready(now) {
		b.tokens--
	}
}
