package whip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"vigil/frames"
	"vigil/ingest"
)

// Why a session ends, other than by the sink, by a takeover or with the program.
var (
	errDeleted      = errors.New("the publisher ended the session")
	errNotConnected = errors.New("the publisher did not connect in time")
	errPeerFailed   = errors.New("the connection to the publisher was lost")
	errPeerClosed   = errors.New("the publisher closed the connection")
	errNoPackets    = errors.New("no video packets from the publisher")
	errNoKeyFrame   = errors.New("no key frame from the publisher")
	errNoAnswer     = errors.New("the answer could not be made")
	errSuperseded   = errors.New("a newer publisher came before this one had connected")
)

// session is one publisher's connection.
type session struct {
	e      *Endpoint
	camera string
	secret string // in its URL; 130 bits
	etag   string // of its first ICE session
	show   shown  // what it was let in with
	offer  *offer
	in     *ingest.Session // nil until it is connected
	log    *slog.Logger
	pc     *webrtc.PeerConnection

	ctx  context.Context // ends with the reason the session does
	end  context.CancelCauseFunc
	done chan struct{} // closed when all is freed

	connected chan struct{}
	tracks    chan *webrtc.TrackRemote
	ask       chan struct{} // a key frame is wanted now

	lastPacket atomic.Int64 // Unix nanoseconds
	lastKey    atomic.Int64
	keyed      atomic.Bool // there was a key frame
	units      atomic.Uint64
	lost       atomic.Uint64
	dropped    atomic.Uint64

	mu      sync.Mutex // of one PATCH at a time
	ice     iceSession
	patches *bucket
}

// newSession makes the peer connection of an authorized publisher. The caller must start or close it.
func (e *Endpoint) newSession(camera string, show shown, o *offer) (*session, error) {
	etag := `"` + rand.Text() + `"`
	s := &session{
		e: e, camera: camera, secret: rand.Text(), etag: etag, show: show, offer: o, log: e.cfg.Log.With("camera", camera),
		ice:     iceSession{etag: etag, ufrag: o.ufrag, pwd: o.pwd, candidates: o.candidates},
		patches: newBucket(patchLimit, time.Now()),
		done:    make(chan struct{}), connected: make(chan struct{}),
		tracks: make(chan *webrtc.TrackRemote, 4), ask: make(chan struct{}, 1),
	}
	api, err := e.api(s)
	if err != nil {
		return nil, err
	}
	if s.pc, err = api.NewPeerConnection(webrtc.Configuration{}); err != nil {
		return nil, fmt.Errorf("new peer connection: %w", err)
	}
	s.ctx, s.end = context.WithCancelCause(e.ctx)
	var once sync.Once
	s.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			once.Do(func() { close(s.connected) })
		case webrtc.PeerConnectionStateFailed:
			s.end(errPeerFailed)
		case webrtc.PeerConnectionStateClosed:
			s.end(errPeerClosed)
		}
	})
	s.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		select {
		case s.tracks <- t:
		default: // more tracks than were offered
		}
	})
	return s, nil
}

// negotiate takes an offer and gathers candidates; there is no trickle from the server (RFC 9725, 4.3.2).
func (s *session) negotiate(ctx context.Context, offer string) (answer string, err error) {
	if err := s.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", unacceptable("the offer cannot be taken: " + firstLine(err.Error()))
	}
	made, err := s.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("create answer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(s.pc)
	if err := s.pc.SetLocalDescription(made); err != nil {
		return "", fmt.Errorf("set answer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", ctx.Err())
	case <-s.ctx.Done():
		return "", fmt.Errorf("gather candidates: %w", s.reason())
	}
	return s.e.Advertise(ctx, s.pc.LocalDescription().SDP)
}

// reason is why the session ended.
func (s *session) reason() error { return context.Cause(s.ctx) }

// authorized compares a request's token with the one the session was let in with. Who came with a token in the URL
// shows the session's own URL, which is as good.
func (s *session) authorized(show shown) bool {
	return s.show.inURL && show.inURL && show.token == "" || equal(s.show.token, show.token)
}

func (s *session) isConnected() bool {
	select {
	case <-s.connected:
		return true
	default:
		return false
	}
}

// run is the session from its answer to its end.
func (s *session) run() {
	var wg sync.WaitGroup
	s.watch(&wg)
	reason := s.reason()
	s.close(&wg)
	if s.in != nil {
		s.in.End(reason)
	}
	s.log.Info("whip session ended", "reason", reason, "units", s.units.Load(), "lost_packets", s.lost.Load(),
		"dropped_units", s.dropped.Load())
}

// close frees the connection and waits for its readers.
func (s *session) close(wg *sync.WaitGroup) {
	s.end(errNoAnswer) // keeps the reason there was, if any
	if err := s.pc.GracefulClose(); err != nil {
		s.log.Debug("close peer connection", "error", err)
	}
	wg.Wait()
}

// watch serves the connection until the session's context ends.
func (s *session) watch(wg *sync.WaitGroup) {
	t := s.e.timeouts
	pending := true
	defer func() {
		if pending {
			s.e.release()
		}
	}()
	deadline := time.NewTimer(t.connect)
	defer deadline.Stop()
	asking := time.NewTimer(t.ask)
	defer asking.Stop()
	connected := s.connected
	var tracks chan *webrtc.TrackRemote // nobody listens to them before the camera is taken
	var video *webrtc.TrackRemote
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-connected:
			connected, pending = nil, false
			if err := s.settle(); err != nil {
				s.end(err)
				return
			}
			tracks = s.tracks
			deadline.Reset(min(t.packet, t.key))
		case now := <-deadline.C:
			if reason := s.stalled(pending, now); reason != nil {
				s.end(reason)
				return
			}
			deadline.Reset(s.patience(now))
		case track := <-tracks:
			if s.read(wg, track, video != nil) {
				video = track
				s.askForKey(video)
				asking.Reset(t.ask)
			}
		case <-s.ask:
			s.askForKey(video)
			asking.Reset(t.ask)
		case now := <-asking.C:
			asking.Reset(s.askAgain(video, now))
		}
	}
}

// settle takes the camera for a publisher that is connected. Until then whoever had it keeps it: a publisher that
// never connects takes nothing away.
func (s *session) settle() error {
	s.e.release()
	in, err := s.e.cfg.Admission.Admit(s.e.ctx, s.camera, s.show.token, "whip")
	if err != nil {
		return fmt.Errorf("admit: %w", err)
	}
	s.in = in
	context.AfterFunc(in.Context, func() { s.end(context.Cause(in.Context)) })
	s.log.Info("whip session connected")
	now := time.Now().UnixNano()
	s.lastPacket.Store(now)
	s.lastKey.Store(now)
	return nil
}

// askAgain asks for a key frame if there was none for a while, and says when to look again. Browsers send one and
// then none until they are asked; others keep their own rhythm.
func (s *session) askAgain(video *webrtc.TrackRemote, now time.Time) time.Duration {
	t := s.e.timeouts
	wait := t.ask - now.Sub(time.Unix(0, s.lastKey.Load()))
	if video != nil && wait <= 0 {
		s.askForKey(video)
		return t.ask
	}
	return max(wait, t.ask/8)
}

// stalled says what has been missing for too long, nil when nothing has.
func (s *session) stalled(pending bool, now time.Time) error {
	t := s.e.timeouts
	switch {
	case pending:
		return errNotConnected
	case now.Sub(time.Unix(0, s.lastPacket.Load())) >= t.packet:
		return errNoPackets
	case !s.keyed.Load() && now.Sub(time.Unix(0, s.lastKey.Load())) >= t.key:
		// Only the first is waited for here. Later ones may be far apart: some encoders do not listen to requests
		// (aiortc 1.4 sends one in 250 pictures), and how long the recording can do without is the sink's to say.
		return errNoKeyFrame
	}
	return nil
}

// patience is how long nothing can be stalled.
func (s *session) patience(now time.Time) time.Duration {
	t := s.e.timeouts
	left := t.packet - now.Sub(time.Unix(0, s.lastPacket.Load()))
	if !s.keyed.Load() {
		left = min(left, t.key-now.Sub(time.Unix(0, s.lastKey.Load())))
	}
	return max(time.Millisecond, left)
}

// read starts reading a track, and says whether it is the session's video. All tracks are read, for congestion
// control takes what is not for lost.
func (s *session) read(wg *sync.WaitGroup, track *webrtc.TrackRemote, haveVideo bool) bool {
	switch mime := track.Codec().MimeType; {
	case strings.EqualFold(mime, webrtc.MimeTypeH264) && !haveVideo:
		s.log.Info("whip video", "format", track.Codec().SDPFmtpLine)
		clock := &ingest.SenderClock{Rate: frames.ClockRate}
		wg.Go(func() { s.reports(track, clock) })
		wg.Go(func() { s.end(s.readVideo(track, clock)) })
		return true
	case strings.EqualFold(mime, webrtc.MimeTypeOpus):
		s.log.Info("whip audio", "codec", mime)
		clock := &ingest.SenderClock{Rate: opusRate}
		wg.Go(func() { s.reports(track, clock) })
		wg.Go(func() { s.readAudio(track, clock) })
		return false
	default:
		s.log.Info("whip track ignored", "codec", mime)
	}
	wg.Go(func() { discard(track) })
	return false
}

func discard(track *webrtc.TrackRemote) {
	buf := make([]byte, receiveMTU)
	for {
		if _, _, err := track.Read(buf); err != nil {
			return
		}
	}
}

// readVideo feeds the sink until the track or the sink ends.
func (s *session) readVideo(track *webrtc.TrackRemote, clock *ingest.SenderClock) error {
	params, err := s.offer.tracks()
	if err == nil {
		err = s.in.Start(params)
	}
	if err != nil {
		return fmt.Errorf("start of track: %w", err)
	}
	a := newAssembler()
	buf := make([]byte, receiveMTU)
	for {
		n, _, err := track.Read(buf)
		switch {
		case err == nil || n > 0: // pion dislikes the payload type; judged below
		case errors.Is(err, io.EOF):
			return errPeerClosed
		default:
			return fmt.Errorf("read track: %w", err)
		}
		now := time.Now()
		p := packet(buf[:n], uint8(s.offer.video.params.PayloadType))
		if p == nil {
			continue // as if it never came
		}
		s.lastPacket.Store(now.UnixNano())
		for _, u := range a.push(p, now) {
			if _, key := kind(u.NALUs); key {
				s.lastKey.Store(now.UnixNano())
				s.keyed.Store(true)
			}
			u.NTP = clock.At(uint32(u.PTS))
			if err := s.in.Unit(u); err != nil {
				return fmt.Errorf("take access unit: %w", err)
			}
			s.units.Add(1)
		}
		if n := a.lost - s.lost.Swap(a.lost); n > 0 {
			s.in.Lost(n)
		}
		s.dropped.Store(a.dropped)
		if a.wantKey {
			a.wantKey = false
			select {
			case s.ask <- struct{}{}:
			default:
			}
		}
	}
}

// askForKey sends a picture loss indication (RFC 4585, 6.3.1).
func (s *session) askForKey(video *webrtc.TrackRemote) {
	if video == nil {
		return
	}
	err := s.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(video.SSRC())}})
	if err != nil {
		s.log.Debug("ask for a key frame", "error", err)
	}
}
