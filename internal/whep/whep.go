// Package whep plays a camera to a browser over WebRTC, as it is recorded: the access units of the log's fragments, not
// coded anew (draft-ietf-wish-whep). A player sends one offer and gets one answer, with all candidates; there is no trickle.
// It imports frames.
package whep

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"vigil/frames"
)

// Errors of Play.
var (
	// ErrNoVideo says that nothing comes from the camera.
	ErrNoVideo = errors.New("no video comes from the camera")
	// ErrCodec says that the camera sends what WebRTC players cannot be expected to play.
	ErrCodec = errors.New("the camera sends H.265, which is played over WebRTC by few browsers")
	// ErrOffer says that the offer asks for something else than H.264 video.
	ErrOffer = errors.New("want an offer that receives H.264 video")
	// ErrBusy says that there are as many players as may be.
	ErrBusy = errors.New("too many players")
)

const (
	maxPlayers = 64
	// recent is how far back the key frame may lie that a player begins with.
	recent = 12 * time.Second
	// ahead is how much later than this clock's a camera's time may be.
	ahead = 5 * time.Second
	// connectTime is how long a player may take from the answer on.
	connectTime = 15 * time.Second
)

// Transport is how players reach this machine.
type Transport interface {
	Settings() webrtc.SettingEngine
	// Advertise completes an answer with the addresses to tell of.
	Advertise(ctx context.Context, answer string) (string, error)
}

// Server has the players.
type Server struct {
	frames    frames.Log
	transport Transport
	log       *slog.Logger

	ctx    context.Context // what players live on; ends when Run's does
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	players map[string]*player // by session
}

// New returns a server. Run must be called, if only with a context that has ended, to free it again.
func New(log frames.Log, t Transport, l *slog.Logger) *Server {
	s := &Server{frames: log, transport: t, log: l, players: map[string]*player{}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Run waits until ctx ends, then ends all players.
func (s *Server) Run(ctx context.Context) error {
	<-ctx.Done()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return nil
}

// Play takes a player's offer and returns the session's id and the answer. It plays until the player goes, or Stop.
func (s *Server) Play(ctx context.Context, camera frames.CameraID, offer string) (session, answer string, err error) {
	from, latest, err := s.beginning(ctx, camera)
	if err != nil {
		return "", "", err
	}
	p, err := s.newPlayer(camera)
	if err != nil {
		return "", "", err
	}
	p.clock = newClock(time.Now(), latest)
	if answer, err = p.negotiate(ctx, offer); err != nil {
		return "", "", errors.Join(err, p.pc.Close())
	}
	session = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.players) >= maxPlayers {
		return "", "", errors.Join(ErrBusy, p.pc.Close())
	}
	s.players[session] = p
	s.wg.Go(func() {
		p.run(s.frames, from)
		s.mu.Lock()
		delete(s.players, session)
		s.mu.Unlock()
	})
	return session, answer, nil
}

// Stop ends a session, and says whether there was one.
func (s *Server) Stop(camera frames.CameraID, session string) bool {
	s.mu.Lock()
	p := s.players[session]
	s.mu.Unlock()
	if p == nil || p.camera != camera {
		return false
	}
	p.end()
	return true
}

// beginning is the position of the latest key fragment, and until when there is video.
func (s *Server) beginning(ctx context.Context, camera frames.CameraID) (from uint64, latest time.Time, err error) {
	now := time.Now()
	all, err := s.frames.Between(ctx, camera, now.Add(-recent), now.Add(ahead))
	if errors.Is(err, frames.ErrNotFound) {
		return 0, latest, ErrNoVideo
	}
	if err != nil {
		return 0, latest, fmt.Errorf("play %s: %w", camera, err)
	}
	last := all[len(all)-1]
	if last.Codec != frames.H264 {
		return 0, latest, ErrCodec
	}
	if last.Key {
		return last.Pos, last.End(), nil
	}
	return last.KeyPos, last.End(), nil
}

// h264 is what players are offered. Profile and level are those that every browser says it takes; decoders go by the stream's
// own.
var h264 = webrtc.RTPCodecCapability{
	MimeType: webrtc.MimeTypeH264, ClockRate: frames.ClockRate,
	SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
}

func (s *Server) newPlayer(camera frames.CameraID) (*player, error) {
	media, interceptors := &webrtc.MediaEngine{}, &interceptor.Registry{}
	if err := errors.Join(media.RegisterDefaultCodecs(), webrtc.RegisterDefaultInterceptors(media, interceptors)); err != nil {
		return nil, fmt.Errorf("play %s: %w", camera, err)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(interceptors),
		webrtc.WithSettingEngine(s.transport.Settings()))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, fmt.Errorf("play %s: %w", camera, err)
	}
	track, err := webrtc.NewTrackLocalStaticRTP(h264, "video", string(camera))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("play %s: %w", camera, err), pc.Close())
	}
	p := &player{camera: camera, pc: pc, track: track, advertise: s.transport.Advertise, log: s.log.With("camera", camera), connected: make(chan struct{})}
	p.ctx, p.end = context.WithCancel(s.ctx)
	var once sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(p.connected) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			p.end()
		}
	})
	return p, nil
}

// negotiate takes the offer and gathers candidates.
func (p *player) negotiate(ctx context.Context, offer string) (string, error) {
	if !strings.Contains(offer, "H264/90000") {
		return "", ErrOffer
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	sender, err := p.pc.AddTrack(p.track)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	p.sender = sender
	made, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(made); err != nil {
		return "", fmt.Errorf("set answer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	}
	answer, err := p.advertise(ctx, p.pc.LocalDescription().SDP)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOffer, err)
	}
	return answer, nil
}
