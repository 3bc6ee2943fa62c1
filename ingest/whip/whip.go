// Package whip takes cameras in over WebRTC: it is a WHIP endpoint (RFC 9725) on pion. A browser, OBS, FFmpeg or
// GStreamer publishes one H.264 track; its access units go, byte for byte as they were sent, to the sink that
// ingest.Admission hands out. It is not a media server: nothing is played back, re-encoded or forwarded, and Opus
// is accepted and dropped. It imports ingest, frames, pion, and gortsplib's H.264 depacketiser.
package whip

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"

	"vigil/ingest"
)

// Config says where media arrives and who may publish.
type Config struct {
	UDP        string       // address of media, for all sessions, UDP and ICE-TCP on the same port; ":8189" is customary
	Hosts      []string     // IP addresses and host names to advertise besides the interfaces', such as a NAT's outer one
	OnlyHosts  bool         // advertise Hosts and nothing else, as behind a 1:1 NAT or in a container
	Loopback   bool         // advertise loopback too; implied when UDP is a loopback or a wildcard address
	ICEServers []ICEServer  // that publishers are told of
	Admission  Admission    // required
	Log        *slog.Logger // required
}

// Admission lets publishers in. A request is judged before its offer is looked at, and the camera is taken only
// once its publisher is connected, so the token must be known in between.
type Admission interface {
	ingest.Admission
	// Publishing returns the token that publishers of the camera must show, or that it is open. No token is right
	// for a camera that is not open and has none.
	Publishing(camera string) (token string, open bool, err error)
}

const (
	socketBuffer = 4 << 20 // bytes; a key frame arrives in one burst
	portAttempts = 10      // to find a port that is free for UDP and TCP when any will do
)

// timeouts are what a session may take its time for.
type timeouts struct {
	body    time.Duration // of a request
	connect time.Duration // from the answer to DTLS
	silent  time.Duration // without any packet, until the connection counts as disturbed
	failed  time.Duration // and from then on, until it is lost
	packet  time.Duration // without a video packet
	key     time.Duration // until the first key frame
	ask     time.Duration // between requests for a key frame
}

func defaultTimeouts() timeouts {
	return timeouts{
		body: 10 * time.Second, connect: 10 * time.Second, silent: 5 * time.Second, failed: 10 * time.Second,
		packet: 10 * time.Second, key: 15 * time.Second, ask: 2 * time.Second,
	}
}

// Endpoint is a WHIP endpoint and its sessions.
type Endpoint struct {
	cfg      Config
	hosts    *hosts
	links    []string // Link headers of the ICE servers
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

	published buckets[string]   // by camera
	refused   buckets[stranger] // for a wrong token, or a session that is not there
}

var errStopped = errors.New("the program stops")

// New binds cfg.UDP. Run must be called, if only with a context that has ended, to free it again.
func New(cfg Config) (*Endpoint, error) {
	if cfg.Admission == nil || cfg.Log == nil {
		return nil, errors.New("whip: Admission and Log are required")
	}
	e := &Endpoint{
		cfg: cfg, timeouts: defaultTimeouts(), sessions: map[string]*session{},
		published: buckets[string]{limit: publishLimit}, refused: buckets[stranger]{limit: refusedLimit},
	}
	if err := e.advertise(); err != nil {
		return nil, fmt.Errorf("whip: %w", err)
	}
	udp, tcp, err := listen(cfg.UDP)
	if err != nil {
		return nil, err
	}
	e.share(udp, tcp)
	e.ctx, e.cancel = context.WithCancelCause(context.Background())
	return e, nil
}

// advertise checks what publishers will be told of.
func (e *Endpoint) advertise() (err error) {
	if e.hosts, err = newHosts(e.cfg.Hosts); err != nil {
		return err
	}
	if e.cfg.OnlyHosts && len(e.cfg.Hosts) == 0 {
		return errors.New("OnlyHosts without Hosts leaves no address for publishers")
	}
	for _, s := range e.cfg.ICEServers {
		link, err := s.link()
		if err != nil {
			return err
		}
		e.links = append(e.links, link)
	}
	return nil
}

// share shares the two sockets among all sessions.
func (e *Endpoint) share(udp *net.UDPConn, tcp net.Listener) {
	// Best effort: the kernel's limit may be lower.
	_ = udp.SetReadBuffer(socketBuffer)
	ip := udp.LocalAddr().(*net.UDPAddr).IP
	e.loopback = e.cfg.Loopback || ip.IsLoopback() || ip.IsUnspecified()
	logger := pionLogger{e.cfg.Log}.NewLogger("ice")
	e.udp = udp
	e.udpMux = webrtc.NewICEUDPMux(logger, udp)
	e.tcpMux = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: newBoundedListener(tcp, maxStrangers), Logger: logger, ReadBufferSize: 64, WriteBufferSize: 1 << 20,
		FirstStunBindTimeout: e.timeouts.connect, AliveDurationForConnFromStun: e.timeouts.connect,
	})
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

// authorize judges a publisher's token, in a time that tells nothing of it.
func (e *Endpoint) authorize(camera, token string) error {
	want, open, err := e.cfg.Admission.Publishing(camera)
	if same := equal(want, token); err == nil && !open && (!same || want == "") {
		err = ingest.ErrWrongToken
	}
	return err
}

// equal compares in a time that tells nothing of the contents, nor of the lengths.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// reserve takes a place among the sessions that are not connected yet, or says why there is none.
func (e *Endpoint) reserve() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return stopping()
	}
	if e.pending >= maxPending {
		return tooMany("too many sessions are waiting to connect", 2)
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

// start registers s and runs it until it is over. Of the sessions of one camera that are not connected yet only the
// newest may go on. It says false when the endpoint stops; s is then the caller's to close.
func (e *Endpoint) start(s *session) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	for _, earlier := range e.sessions {
		if earlier.camera == s.camera && !earlier.isConnected() {
			earlier.end(errSuperseded)
		}
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
