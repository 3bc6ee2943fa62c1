package whip

import (
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/ntp"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"vigil/frames"
	"vigil/ingest"
)

// tracks are what the sink is told of: the video, and the audio if the answer takes it.
func (o *offer) tracks() (frames.Parameters, error) {
	p := o.params
	if o.audio == nil {
		return p, nil
	}
	var err error
	p.Audio, err = frames.NewOpus(int(o.audio.params.Channels))
	return p, err
}

// readAudio feeds the sink until the track ends. Nothing about audio ends a session.
func (s *session) readAudio(track *webrtc.TrackRemote, reports *senderClock) {
	buf := make([]byte, receiveMTU)
	var l listener
	for {
		n, _, err := track.Read(buf)
		if err != nil && n == 0 {
			return
		}
		p := &rtp.Packet{}
		if p.Unmarshal(append([]byte(nil), buf[:n]...)) != nil || p.PayloadType != uint8(s.offer.audio.params.PayloadType) {
			continue
		}
		if sound, ok := l.hear(p, time.Now()); ok {
			sound.NTP = reports.at(p.Timestamp)
			s.in.Audio(sound)
		}
	}
}

// listener puts Opus packets in order, of which each is a unit (RFC 7587, 4.2). One that comes late or twice is dropped:
// audio has no time to wait for it.
type listener struct {
	started bool
	last    uint16
	ts32    uint32
	ts      int64
}

func (l *listener) hear(p *rtp.Packet, now time.Time) (ingest.Sound, bool) {
	if l.started {
		if ahead := int16(p.SequenceNumber - l.last); ahead <= 0 && ahead > -reorderSpan {
			return ingest.Sound{}, false
		}
		l.ts += int64(int32(p.Timestamp - l.ts32))
	}
	l.started, l.last, l.ts32 = true, p.SequenceNumber, p.Timestamp
	if len(p.Payload) == 0 {
		return ingest.Sound{}, false // padding
	}
	return ingest.Sound{PTS: l.ts * frames.ClockRate / opusRate, Received: now, Units: [][]byte{p.Payload}}, true
}

const opusRate = 48000

// senderClock is what a track's sender reports say of its timestamps (RFC 3550, 6.4.1).
type senderClock struct {
	rate int64 // of the timestamps, a second

	mu    sync.Mutex
	known bool
	ntp   time.Time
	ts    uint32
}

// follow reads the track's RTCP until it ends.
func (c *senderClock) follow(receivers []*webrtc.RTPReceiver, track *webrtc.TrackRemote) {
	for _, r := range receivers {
		if r.Track() != track {
			continue
		}
		for {
			pkts, _, err := r.ReadRTCP()
			if err != nil {
				return
			}
			c.take(pkts, track.SSRC())
		}
	}
}

func (c *senderClock) take(pkts []rtcp.Packet, ssrc webrtc.SSRC) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range pkts {
		if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == uint32(ssrc) {
			c.known, c.ntp, c.ts = true, ntp.Decode(sr.NTPTime), sr.RTPTime
		}
	}
}

// at is the sender's time of a timestamp; zero when no report came yet.
func (c *senderClock) at(ts uint32) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return time.Time{}
	}
	return c.ntp.Add(time.Duration(int32(ts-c.ts)) * time.Second / time.Duration(c.rate))
}
