package rtsp

import (
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"vigil/frames"
	"vigil/ingest"
)

// sound is the audio of a stream and how its packets become audio units.
type sound struct {
	media  *description.Media
	format format.Format
	audio  *frames.Audio
	decode func(*rtp.Packet) ([][]byte, error)
	clock  clock // in the format's own ticks
	sender ingest.SenderClock
}

// findSound returns the first audio track that Vigil takes, nil when there is none. Back channels are for what is
// sent to the camera.
func findSound(desc *description.Session) *sound {
	for _, media := range desc.Medias {
		if media.IsBackChannel || media.Type != description.MediaTypeAudio {
			continue
		}
		for _, f := range media.Formats {
			if s := soundOf(f); s != nil {
				s.media, s.sender.Rate = media, int64(f.ClockRate())
				return s
			}
		}
	}
	return nil
}

func soundOf(f format.Format) *sound {
	switch f := f.(type) {
	case *format.MPEG4Audio:
		audio, err := frames.NewAAC(*f.Config)
		if err != nil {
			return nil
		}
		d, err := f.CreateDecoder()
		if err != nil {
			return nil
		}
		return &sound{format: f, audio: audio, decode: d.Decode}
	case *format.Opus:
		audio, err := frames.NewOpus(f.ChannelCount)
		if err != nil {
			return nil
		}
		d, err := f.CreateDecoder()
		if err != nil {
			return nil
		}
		return &sound{format: f, audio: audio, decode: func(pkt *rtp.Packet) ([][]byte, error) {
			unit, err := d.Decode(pkt)
			return [][]byte{unit}, err
		}}
	default:
		return nil
	}
}

// hear takes a packet and returns the audio units that it completes, if it does.
func (s *sound) hear(pkt *rtp.Packet, now time.Time) (a ingest.Sound, ok bool, err error) {
	pts := s.clock.unwrap(pkt.Timestamp)
	units, err := s.decode(pkt)
	switch {
	case errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded):
		return ingest.Sound{}, false, nil
	case err != nil:
		return ingest.Sound{}, false, err
	}
	return ingest.Sound{PTS: s.audio.Ticks(pts), Received: now, NTP: s.sender.At(pkt.Timestamp), Units: units}, true, nil
}

// track returns the audio to tell the sink of; s may be nil.
func (s *sound) track() *frames.Audio {
	if s == nil {
		return nil
	}
	return s.audio
}

// reported returns the unit with its time by the sender's clock. pkt is the packet that completed it, and the last
// that the track's clock saw.
func (t *track) reported(u ingest.Unit, pkt *rtp.Packet) ingest.Unit {
	u.NTP = t.sender.At(pkt.Timestamp - uint32(t.clock.ticks-u.PTS))
	return u
}

// reports reads a track's sender reports. gortsplib keeps them too, but not those that come before the first packet,
// of which FFmpeg sends one and no other for seconds.
func reports(sender *ingest.SenderClock) func(rtcp.Packet) {
	return func(pkt rtcp.Packet) {
		if sr, ok := pkt.(*rtcp.SenderReport); ok {
			sender.Report(sr.NTPTime, sr.RTPTime)
		}
	}
}

// packet takes packets and hands over what they complete.
func (s *sound) packet(t *trouble, take func(ingest.Sound)) func(*rtp.Packet) {
	return func(pkt *rtp.Packet) {
		a, ok, err := s.hear(pkt, time.Now())
		if err != nil {
			t.undecodable(err)
		}
		if ok {
			take(a)
		}
	}
}

// listen sets the audio up. Where the camera refuses it, its video is taken alone.
func (p *pull) listen(g *gortsplib.Client, desc *description.Session) {
	if p.sound == nil {
		return
	}
	if _, err := g.Setup(desc.BaseURL, p.sound.media, 0, 0); err != nil {
		p.lose("setup", err)
		return
	}
	g.OnPacketRTCP(p.track.media, reports(&p.track.sender))
	g.OnPacketRTCP(p.sound.media, reports(&p.sound.sender))
	g.OnPacketRTP(p.sound.media, p.sound.format, p.sound.packet(&p.trouble, func(a ingest.Sound) {
		if p.started.Load() {
			p.sink.Audio(a)
		}
	}))
}

// listen hands the publisher's audio over.
func (p *publication) listen(s *gortsplib.ServerSession) {
	if p.sound == nil {
		return
	}
	s.OnPacketRTCP(p.track.media, reports(&p.track.sender))
	s.OnPacketRTCP(p.sound.media, reports(&p.sound.sender))
	s.OnPacketRTP(p.sound.media, p.sound.format, p.sound.packet(&p.trouble, p.session.Audio))
}

// lose gives the audio up: on this connection, and on the next, since this one may have broken for it.
func (p *pull) lose(operation string, err error) {
	if p.sound == nil {
		return
	}
	p.client.mute.Store(true)
	p.client.log.Warn("audio is dropped, the camera does not send it", "codec", p.sound.audio.Codec, "error", p.redact(operation, err))
	p.sound = nil
}
