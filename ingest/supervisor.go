package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"vigil/frames"
)

// Why a connection ended, besides its own reasons.
var (
	// ErrTakenOver says that a newer publisher took the camera.
	ErrTakenOver = errors.New("taken over by a newer publisher")
	// ErrStalled says that nothing came for StallTimeout. It is how a camera without power looks.
	ErrStalled = errors.New("no video for 10 s")
	// ErrNoKey says that units came for KeyTimeout and no fragment: no key frame, or none that a fragment can begin
	// with because its parameter sets are missing or it is too large. Nothing was recorded.
	ErrNoKey = errors.New("no key frame for 15 s")
	// ErrKeysEnded says that recorded video had no key frame for KeyGap.
	ErrKeysEnded = errors.New("no key frame for 60 s")
	// ErrUndecodable says that of recorded video nothing could be decoded, see Supervisor.Undecodable.
	ErrUndecodable = errors.New("no picture that can be decoded for 20 s")
	// ErrStopped says that the program stops.
	ErrStopped = errors.New("ingest stopped")
	// ErrChanged says that the camera's configuration has changed, or that it is none any more.
	ErrChanged = errors.New("the camera's configuration has changed")
	// ErrCredentials is what a Source returns when the camera refuses its credentials. Cameras lock accounts, so
	// the next attempt waits longer.
	ErrCredentials = errors.New("camera refused the credentials")

	errLeft = errors.New("disconnected")
)

// Times that govern connections.
const (
	// StallTimeout is how long a connection may bring no unit at all, from its start on.
	StallTimeout = 10 * time.Second
	// KeyTimeout is how long, from a connection's start on, its first fragment may take. It is more than the usual
	// longest distance of key frames, 10 s, which a connection that just missed one has to wait for.
	KeyTimeout = 15 * time.Second
	// KeyGap is how long the next fragment with a key frame may take once there was one. It is long because cameras
	// stretch their key frames' distance while little moves, and what comes until then is recorded and playable;
	// it ends because after a loss nothing is decodable up to the next key frame.
	KeyGap = 60 * time.Second

	connectFirst    = time.Second
	connectMost     = 30 * time.Second
	credentialsWait = 60 * time.Second
	goodVideo       = time.Minute // that much of it, and the back-off starts anew
)

// maxAnyCameras bounds the cameras that publishers may bring into being.
const maxAnyCameras = 64

// Camera is one camera as configured. With neither Source nor PublishToken nor OpenPublish it takes no video.
type Camera struct {
	ID           frames.CameraID
	Source       Source // connected to, for ever; nil when the camera publishes
	Detect       Source // of the same view in smaller pictures, for analysis; only beside Source
	PublishToken string // what a publisher must show
	OpenPublish  bool   // lets any publisher in: only for listeners on loopback
}

// States takes what is said of the cameras.
type States interface {
	Save(ctx context.Context, s frames.CameraState) error
}

// Config is what a Supervisor needs.
type Config struct {
	Cameras []Camera
	Any     bool // valid ids that are not in Cameras may publish, without a token: only for listeners on loopback
	Frames  frames.Log
	States  States
	Log     *slog.Logger
}

// Supervisor runs all cameras: it connects to those with a Source and reconnects for ever, admits the publishers of
// the others, and publishes what comes.
type Supervisor struct {
	cfg   Config
	ready chan struct{} // closed when running

	mu    sync.Mutex
	lanes map[frames.CameraID]*lane
	any   int
	run   *running
}

// running is what exists while Run does.
type running struct {
	sources context.Context // of connections
	bus     context.Context // of publishers and reports, which outlive the connections
	pulls   sync.WaitGroup
	rest    sync.WaitGroup
}

var _ Admission = (*Supervisor)(nil)

// New checks the configuration.
func New(cfg Config) (*Supervisor, error) {
	if cfg.Frames == nil || cfg.States == nil || cfg.Log == nil {
		return nil, errors.New("ingest: Frames, States and Log are required")
	}
	s := &Supervisor{cfg: cfg, ready: make(chan struct{}), lanes: make(map[frames.CameraID]*lane)}
	for _, c := range cfg.Cameras {
		if s.lanes[c.ID] != nil {
			return nil, fmt.Errorf("camera %s: configured twice", c.ID)
		}
		if err := c.check(); err != nil {
			return nil, err
		}
		s.put(c)
	}
	return s, nil
}

func (c Camera) check() error {
	if _, err := frames.ParseCameraID(string(c.ID)); err != nil {
		return err
	}
	if c.Source != nil && (c.PublishToken != "" || c.OpenPublish) {
		return fmt.Errorf("camera %s: has an address to connect to and takes publishers, want one of them", c.ID)
	}
	if c.Detect != nil && c.Source == nil {
		return fmt.Errorf("camera %s: has an address for analysis alone", c.ID)
	}
	return nil
}

// put makes the camera's lanes, and starts them when the supervisor runs; its mutex is held.
func (s *Supervisor) put(c Camera) {
	lanes := []*lane{newLane(c, s.cfg.Frames, s.cfg.States, s.cfg.Log)}
	if c.Detect != nil {
		lanes = append(lanes, lanes[0].detect(s.cfg.Frames, s.cfg.Log))
	}
	for _, l := range lanes {
		s.lanes[l.ID] = l
		if s.run != nil && s.run.sources.Err() == nil {
			s.run.start(l)
		}
	}
}

// Run works until ctx ends, then puts the last units into the log, for which it takes at most DrainTimeout. It runs
// once.
func (s *Supervisor) Run(ctx context.Context) error {
	// The bus is still needed when ctx has ended.
	bus, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r := &running{sources: ctx, bus: bus}
	s.mu.Lock()
	s.run = r
	for _, l := range s.lanes {
		r.start(l)
	}
	s.mu.Unlock()
	close(s.ready)

	<-ctx.Done()
	r.pulls.Wait()
	s.mu.Lock()
	s.run = nil // nobody is admitted any more
	for _, l := range s.lanes {
		l.stop(ErrStopped)
	}
	s.mu.Unlock()
	cancel()
	r.rest.Wait()
	return nil
}

// start runs the camera; the supervisor's mutex is held.
//
//nolint:contextcheck // cameras live as long as Run, not as whoever adds one
func (r *running) start(l *lane) {
	sources, cut := context.WithCancel(r.sources)
	bus, leave := context.WithCancel(r.bus)
	l.cut, l.leave = cut, leave
	l.rest.Go(func() { _ = l.publisher.Run(bus) }) // ends with the context only
	l.rest.Go(func() { l.report(bus) })
	r.rest.Go(l.rest.Wait)
	if l.Source != nil {
		l.pulls.Go(func() { l.pull(sources) })
		r.pulls.Go(l.pulls.Wait)
	}
}

// stop ends the connection that feeds the camera, if any.
func (l *lane) stop(why error) {
	l.mu.Lock()
	c := l.current
	l.mu.Unlock()
	if c != nil {
		_ = c.close(why) // it returns the reason just given
	}
}

// Undecodable ends the connection that brings an epoch of the camera's, or of its stream for analysis, of which nothing can be
// decoded. Who decodes knows it later than it comes: of an epoch that is over nothing is done.
func (s *Supervisor) Undecodable(camera frames.CameraID, epoch string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range []frames.CameraID{camera, camera.Detect()} {
		if l := s.lanes[id]; l != nil {
			l.undecodable(epoch)
		}
	}
}

func (l *lane) undecodable(epoch string) {
	l.mu.Lock()
	c := l.current
	if l.epoch != epoch {
		c = nil
	}
	l.mu.Unlock()
	if c != nil {
		_ = c.close(ErrUndecodable) // it returns the reason just given
	}
}

// pull connects to the camera until ctx ends.
func (l *lane) pull(ctx context.Context) {
	wait := backoff{first: connectFirst, most: connectMost}
	for ctx.Err() == nil {
		c, connected := l.begin(ctx, "rtsp pull")
		err := l.Source.Run(connected, c)
		if ctx.Err() != nil {
			err = ErrStopped
		}
		if c.goodFor() >= goodVideo {
			wait.reset()
		}
		err = c.close(err)
		if ctx.Err() != nil {
			return
		}
		d := jitter(credentialsWait)
		if !errors.Is(err, ErrCredentials) {
			d = wait.step()
		}
		l.log.Warn("camera connection ended", "source", l.Source.String(), "error", err, "retry_in", d.Round(time.Millisecond))
		pause(ctx, d)
	}
}

// Admit implements Admission.
func (s *Supervisor) Admit(ctx context.Context, camera, token, source string) (*Session, error) {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.run == nil || s.run.sources.Err() != nil {
		return nil, ErrStopped
	}
	want, open, err := s.publishing(camera)
	if same := equal(want, token); err == nil && !open && (!same || want == "") {
		err = ErrWrongToken
	}
	if err != nil {
		return nil, fmt.Errorf("camera %.64q: %w", camera, err)
	}
	l := s.lanes[frames.CameraID(camera)]
	if l == nil {
		l = newLane(Camera{ID: frames.CameraID(camera), OpenPublish: true}, s.cfg.Frames, s.cfg.States, s.cfg.Log)
		s.lanes[l.ID] = l
		s.any++
		s.run.start(l)
	}
	c, feeding := l.begin(s.run.sources, source)
	l.log.Info("publisher admitted", "source", source)
	var once sync.Once
	return &Session{Sink: c, Context: feeding, End: func(reason error) {
		once.Do(func() { l.log.Info("publisher gone", "source", source, "reason", c.close(reason)) })
	}}, nil
}

// Publishing says what a publisher of the camera must show: the token, or nothing when the camera is open. It is
// for protocols that prove the token without sending it (RFC 7616). The token is empty when the camera takes no
// publishers, and then none is right.
func (s *Supervisor) Publishing(camera string) (token string, open bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token, open, err = s.publishing(camera); err != nil {
		return "", false, fmt.Errorf("camera %.64q: %w", camera, err)
	}
	return token, open, nil
}

func (s *Supervisor) publishing(camera string) (token string, open bool, err error) {
	id, err := frames.ParseCameraID(camera)
	if err != nil {
		return "", false, ErrUnknownCamera
	}
	if l := s.lanes[id]; l != nil {
		return l.PublishToken, l.OpenPublish, nil
	}
	if !s.cfg.Any || s.any >= maxAnyCameras {
		return "", false, ErrUnknownCamera
	}
	return "", true, nil
}

// equal compares in a time that tells nothing of the contents, nor of the lengths.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
