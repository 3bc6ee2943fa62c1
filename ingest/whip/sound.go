package whip

import (
	"time"

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
func (s *session) readAudio(track *webrtc.TrackRemote, clock *ingest.SenderClock) {
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
			sound.NTP = clock.At(p.Timestamp)
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

// reports reads the track's RTCP until it ends, for its sender reports.
func (s *session) reports(track *webrtc.TrackRemote, clock *ingest.SenderClock) {
	for _, r := range s.pc.GetReceivers() {
		if r.Track() != track {
			continue
		}
		for {
			packets, _, err := r.ReadRTCP()
			if err != nil {
				return
			}
			for _, p := range packets {
				if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == uint32(track.SSRC()) {
					clock.Report(sr.NTPTime, sr.RTPTime)
				}
			}
		}
	}
}
