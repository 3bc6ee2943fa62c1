package ingest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vigil/frames"
)

const (
	stateEvery   = 2 * time.Second
	stateTimeout = 2 * time.Second
	// minGap is what is not worth a gap: less than it lies between fragments whose pictures are reordered.
	minGap = frames.MaxFragmentDuration
)

// lane is one camera at work: who feeds it, what it publishes and what is said of it.
type lane struct {
	Camera
	publisher *Publisher
	states    States
	log       *slog.Logger
	changed   chan struct{} // the state should be saved now

	// While it runs: what ends the connections and then the rest, and what waits for them.
	cut, leave  context.CancelFunc
	pulls, rest sync.WaitGroup

	mu      sync.Mutex
	current *connection
	state   frames.CameraState
	end     time.Time // of the last fragment
	epoch   string    // of the last key fragment
	key     time.Time // its start
	bits    int       // since the state was last saved
	units   int
	counted time.Time // when that was
}

// connection is one source's or publisher's time on a camera. It is the sink that the adapter feeds.
type connection struct {
	lane      *lane
	segmenter *Segmenter
	cancel    context.CancelCauseFunc
	stall     *time.Timer // ends it when no unit comes
	keyless   *time.Timer // ends it when no fragment with a key frame comes
	since     time.Time   // first fragment: until then nothing is recorded, whatever comes
	over      error       // why it ended; nil while it feeds the camera
}

var _ Sink = (*connection)(nil)

func newLane(c Camera, log frames.Log, states States, logger *slog.Logger) *lane {
	logger = logger.With("camera", c.ID)
	return &lane{
		Camera: c, publisher: NewPublisher(log, logger), states: states, log: logger,
		changed: make(chan struct{}, 1),
		state:   frames.CameraState{Camera: c.ID, Since: time.Now()},
		counted: time.Now(),
	}
}

// begin lets a new connection feed the camera and ends the one before. Calls of the two never overlap: a unit of
// the earlier that is under way is waited for, later ones are refused.
func (l *lane) begin(ctx context.Context, source string) (*connection, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	c := &connection{lane: l, cancel: cancel}
	c.segmenter = NewSegmenter(l.ID, c.fragment)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		l.current.finish(ErrTakenOver)
	}
	l.current = c
	l.state.Source = source
	c.stall = time.AfterFunc(StallTimeout, func() { _ = c.close(ErrStalled) })
	c.keyless = time.AfterFunc(KeyTimeout, func() { _ = c.close(c.noKey()) })
	return c, ctx
}

// Start implements Sink.
func (c *connection) Start(p frames.Parameters) error {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if c.over != nil {
		return c.over
	}
	return c.segmenter.Start(p)
}

// Unit implements Sink.
func (c *connection) Unit(u Unit) error {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.over != nil {
		return c.over
	}
	c.stall.Reset(StallTimeout)
	if err := c.segmenter.Unit(u); err != nil {
		return err
	}
	l.units++
	l.state.Units++
	l.state.LastUnit = time.Now()
	for _, n := range u.NALUs {
		l.bits += 8 * len(n)
	}
	return nil
}

// Lost implements Sink.
func (c *connection) Lost(packets uint64) {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if c.over == nil {
		c.lane.state.Lost += int64(packets) //nolint:gosec // fewer than 2^63 packets
	}
}

// Audio implements Sink.
func (c *connection) Audio(s Sound) {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if c.over != nil {
		return
	}
	before := c.segmenter.Stats().AudioDropped
	c.segmenter.Audio(s)
	if before == 0 && c.segmenter.Stats().AudioDropped > 0 {
		c.lane.log.Warn("audio is lost: it is broken, comes twice, or is more than a fragment may carry", "source", c.lane.state.Source)
	}
}

// fragment publishes what the segmenter made, which proves that the camera's video can be recorded; the lane's
// mutex is held. What finish gets out of the segmenter comes too late to prove anything.
func (c *connection) fragment(f *frames.Fragment) {
	c.lane.publish(f)
	if c.over != nil {
		return
	}
	if f.Key { // every key unit that is kept begins a fragment
		c.keyless.Reset(KeyGap)
	}
	if c.since.IsZero() {
		c.since = time.Now()
		c.lane.online(true)
	}
}

// noKey says which of the two times without a key frame is over.
func (c *connection) noKey() error {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if c.since.IsZero() {
		return ErrNoKey
	}
	return ErrKeysEnded
}

// close ends the connection for the reason, once, and returns what it ended for.
func (c *connection) close(reason error) error {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.over == nil {
		c.finish(reason)
		l.current = nil
		l.state.LastError = c.over.Error()
		l.state.Bitrate, l.state.Rate = 0, 0
		l.online(false)
	}
	return c.over
}

// finish puts the last units into a fragment; the lane's mutex is held.
func (c *connection) finish(reason error) {
	c.stall.Stop()
	c.keyless.Stop()
	if reason == nil {
		reason = errLeft
	}
	c.over = reason
	if err := c.segmenter.Close(); err != nil {
		c.over = errors.Join(reason, err)
	}
	c.cancel(c.over)
	st := c.segmenter.Stats()
	c.lane.state.Dropped += int64(st.Dropped)
	if st.Dropped > 0 || st.Guessed > 0 || st.AudioDropped > 0 {
		c.lane.log.Info("access units of the connection", "units", st.Units, "dropped", st.Dropped,
			"guessed_decoding_times", st.Guessed, "epochs", st.Epochs, "dropped_audio_units", st.AudioDropped)
	}
}

// goodFor is how long the connection brought video that could be recorded.
func (c *connection) goodFor() time.Duration {
	c.lane.mu.Lock()
	defer c.lane.mu.Unlock()
	if c.since.IsZero() {
		return 0
	}
	return time.Since(c.since)
}

// publish passes a fragment on, with what is missing in front of it; the lane's mutex is held.
func (l *lane) publish(f *frames.Fragment) {
	if f.Gap == nil && f.Seq == 0 && !l.end.IsZero() && f.Start.Sub(l.end) > minGap {
		f.Gap = &frames.Gap{From: l.end, To: f.Start, Reason: GapAway}
	}
	l.end = f.End()
	if f.Key {
		if f.Epoch == l.epoch {
			l.state.GOP = f.Start.Sub(l.key).Seconds()
		}
		l.epoch, l.key = f.Epoch, f.Start
	}
	if l.state.Codec != f.Codec || l.state.Width != f.Width || l.state.Height != f.Height {
		l.state.Codec, l.state.Width, l.state.Height = f.Codec, f.Width, f.Height
		l.touch()
	}
	l.publisher.Publish(f)
}

func (l *lane) online(yes bool) {
	if l.state.Online != yes {
		l.state.Online = yes
		l.state.Since = time.Now()
	}
	l.touch()
}

func (l *lane) touch() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// report saves the camera's state at changes and every two seconds, until ctx ends.
func (l *lane) report(ctx context.Context) {
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		err := l.save(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			l.log.Warn("camera state not saved", "error", err)
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-l.changed:
		case <-ctx.Done():
		}
	}
	if err := l.save(context.WithoutCancel(ctx)); err != nil && !failing {
		l.log.Warn("camera state not saved", "error", err)
	}
}

func (l *lane) save(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	return l.states.Save(ctx, l.snapshot(time.Now()))
}

// snapshot returns the state as of now. Rates are renewed once at least a second was counted.
func (l *lane) snapshot(now time.Time) frames.CameraState {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := now.Sub(l.counted).Seconds(); d >= 1 {
		if l.state.Online {
			l.state.Bitrate, l.state.Rate = int(float64(l.bits)/d), float64(l.units)/d
		}
		l.bits, l.units, l.counted = 0, 0, now
	}
	s := l.state
	if l.current != nil {
		s.Dropped += int64(l.current.segmenter.Stats().Dropped)
	}
	s.Updated = now
	return s
}
