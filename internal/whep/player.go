package whep

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"vigil/frames"
)

const (
	// payloadSize leaves room for the headers of RTP, SRTP, UDP and IP, and of a tunnel.
	payloadSize = 1180
	// reserve is how long a unit waits until it is sent: fragments come when they are full, every 250 ms.
	reserve = 350 * time.Millisecond
	// tooLate is how far a player may fall behind what is recorded, until it goes on at the latest.
	tooLate = 2 * time.Second
	// hurry is the pause between units that are sent only to be decoded from: those before the present.
	hurry = 2 * time.Millisecond
)

// player is one who watches.
type player struct {
	camera    frames.CameraID
	pc        *webrtc.PeerConnection
	track     *webrtc.TrackLocalStaticRTP
	sender    *webrtc.RTPSender
	advertise func(ctx context.Context, answer string) (string, error)
	log       *slog.Logger

	ctx       context.Context
	end       context.CancelFunc
	connected chan struct{} // closed when it is

	payloader codecs.H264Payloader
	sequence  uint16
	clock     clock
}

// run plays from a key fragment on, until the player or the server ends.
func (p *player) run(log frames.Log, from uint64) {
	defer p.end()
	var reading sync.WaitGroup
	reading.Go(p.readReports)
	if p.await() {
		p.log.Debug("player connected")
		for f, err := range log.Follow(p.ctx, p.camera, from) {
			if err == nil {
				err = p.play(f)
			}
			if err != nil {
				if p.ctx.Err() == nil {
					p.log.Warn("player ended", "error", err)
				}
				break
			}
		}
	}
	if err := p.pc.GracefulClose(); err != nil {
		p.log.Debug("close player", "error", err)
	}
	reading.Wait()
}

// await waits until the player is connected, and says whether it is.
func (p *player) await() bool {
	timer := time.NewTimer(connectTime)
	defer timer.Stop()
	select {
	case <-p.connected:
		return true
	case <-timer.C:
		p.log.Debug("player did not connect")
	case <-p.ctx.Done():
	}
	return false
}

// readReports lets the interceptors see what the player sends: reports, and requests for lost packets. A request for a key
// frame has no answer but the camera's next one.
func (p *player) readReports() {
	for {
		if _, _, err := p.sender.ReadRTCP(); err != nil {
			return
		}
	}
}

// play sends a fragment's units, each when it is due. Of a fragment of a codec that cannot be played it sends nothing.
func (p *player) play(f *frames.Fragment) error {
	if f.Codec != frames.H264 {
		return ErrCodec
	}
	parameters, units, _, err := frames.Unpack(f.Payload)
	if err != nil {
		return err
	}
	if p.clock.begin(time.Now(), f) {
		return nil
	}
	for _, u := range units {
		due := p.clock.due(f.Start.Add(frames.Duration(u.DTS - units[0].PTS)))
		if !p.wait(due) {
			return nil
		}
		if u.Key && parameters != nil {
			u.NALUs = append([][]byte{parameters.SPS, parameters.PPS}, u.NALUs...)
		}
		if err := p.send(u, p.clock.stamp(due, u.PTS-u.DTS)); err != nil {
			return err
		}
	}
	return nil
}

// wait waits until a unit is due, and says whether the player is still there.
func (p *player) wait(due time.Time) bool {
	select {
	case <-time.After(max(time.Until(due), hurry)):
		return true
	case <-p.ctx.Done():
		return false
	}
}

// send sends a unit as RTP (RFC 6184).
func (p *player) send(u frames.AccessUnit, timestamp uint32) error {
	var size int
	for _, n := range u.NALUs {
		size += 4 + len(n)
	}
	stream := make([]byte, 0, size)
	for _, n := range u.NALUs {
		stream = append(append(stream, 0, 0, 0, 1), n...)
	}
	payloads := p.payloader.Payload(payloadSize, stream)
	for i, payload := range payloads {
		p.sequence++
		err := p.track.WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, Marker: i == len(payloads)-1, SequenceNumber: p.sequence, Timestamp: timestamp},
			Payload: payload,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// clock turns capture time into the time at which a unit is sent. What lies before the present when a player begins is
// sent at once, since the present decodes from it, and stamped as if it had lasted no time: a browser would play it at its
// own pace and stay behind for ever.
type clock struct {
	offset time.Duration // from capture time to the time when a unit is due
	began  time.Time
	last   uint32
	skip   bool // until the next key frame
}

// newClock returns the clock of a player that begins now, when there is video until latest.
func newClock(now, latest time.Time) clock {
	return clock{began: now, offset: now.Sub(latest) + reserve}
}

// begin looks at the time of a fragment that has just come, and says whether it is to be passed over: those that lie too
// far back, and what decodes from them.
func (c *clock) begin(now time.Time, f *frames.Fragment) (skip bool) {
	// What was there before the player came is late, and is sent in a hurry.
	if early := f.End().Add(c.offset).Sub(now); early > tooLate || early < -tooLate && now.Sub(c.began) > recent {
		c.offset = now.Sub(f.End()) + reserve // the bus was away, the player too slow, or the camera's clock was set
		c.skip = true
	}
	if f.Key {
		c.skip = false
	}
	return c.skip
}

// due is when a unit of that capture time is sent.
func (c *clock) due(captured time.Time) time.Time { return captured.Add(c.offset) }

// stamp is a unit's RTP timestamp: when it is sent, and how much later it is shown, in ticks. It rises from unit to unit as
// sent, as far as the order of showing lets it.
func (c *clock) stamp(due time.Time, shown int64) uint32 {
	sent := uint32(frames.Ticks(max(due.Sub(c.began), 0))) //nolint:gosec // it wraps around, as RTP's do
	const least = frames.ClockRate / 1000
	if int32(sent-c.last) < least { //nolint:gosec // the distance on a circle
		sent = c.last + least
	}
	c.last = sent
	return sent + uint32(shown) //nolint:gosec // below a second
}
