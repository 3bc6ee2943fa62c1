package frames

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

// Bounds of the audio that a fragment carries.
const (
	MaxAudioUnitBytes     = 16 << 10
	MaxFragmentAudioBytes = 64 << 10
)

const (
	opusRate       = 48000 // RFC 7587, 4.1: always, whatever was captured
	maxOpusSamples = opusRate * 120 / 1000
	aacFrame       = 1024 // samples (ISO/IEC 14496-3, 4.5.1.1)
	aacShortFrame  = 960
	minRate        = 7350
	maxRate        = 96000
)

// Audio is an audio track's codec and what its decoder needs. Make it with NewAAC or NewOpus.
type Audio struct {
	Codec    Codec
	Rate     int    // samples a second
	Channels int    // 1 or 2 for Opus
	Config   []byte // AAC only: the AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1)

	frame int64 // AAC only: samples of a unit
}

// AudioUnit is one coded audio frame as it came off the wire, never re-encoded.
type AudioUnit struct {
	PTS  int64 // presentation time, in ticks of ClockRate on the clock of the epoch's pictures
	Data []byte
}

// NewAAC returns the track of an AudioSpecificConfig. Only AAC-LC without extensions is taken: where spectral bands
// are replicated, RTP does not say for certain which of two rates its clock has.
func NewAAC(config mpeg4audio.AudioSpecificConfig) (*Audio, error) {
	switch {
	case config.Type != mpeg4audio.ObjectTypeAACLC || config.ExtensionType != 0:
		return nil, errors.New("aac: only AAC-LC is taken")
	case config.ChannelConfig < 1 || config.ChannelConfig > 7:
		return nil, fmt.Errorf("aac: channel configuration %d, want 1 to 7", config.ChannelConfig)
	case config.SampleRate < minRate || config.SampleRate > maxRate:
		return nil, fmt.Errorf("aac: %d samples a second, want %d to %d", config.SampleRate, minRate, maxRate)
	}
	raw, err := config.Marshal()
	if err != nil {
		return nil, fmt.Errorf("aac: %w", err)
	}
	a := &Audio{Codec: AAC, Rate: config.SampleRate, Channels: int(config.ChannelConfig), Config: raw, frame: aacFrame}
	if a.Channels == 7 {
		a.Channels = 8
	}
	if config.FrameLengthFlag {
		a.frame = aacShortFrame
	}
	return a, nil
}

// NewOpus returns a track of Opus in one stream, which has one channel or two (RFC 7845, 5.1.1.1).
func NewOpus(channels int) (*Audio, error) {
	if channels != 1 && channels != 2 {
		return nil, fmt.Errorf("opus: %d channels, want 1 or 2", channels)
	}
	return &Audio{Codec: Opus, Rate: opusRate, Channels: channels}, nil
}

// Samples is how many samples the unit's data holds.
func (a *Audio) Samples(data []byte) (int64, error) {
	if len(data) == 0 || len(data) > MaxAudioUnitBytes {
		return 0, fmt.Errorf("audio unit of %d bytes, want 1 to %d", len(data), MaxAudioUnitBytes)
	}
	if a.Codec == AAC {
		return a.frame, nil
	}
	n := opus.PacketDuration2(data)
	if n <= 0 || n > maxOpusSamples {
		return 0, fmt.Errorf("opus packet of %d samples, want 1 to %d", n, maxOpusSamples)
	}
	return n, nil
}

// Ticks converts samples to ticks of ClockRate.
func (a *Audio) Ticks(samples int64) int64 {
	rate := int64(a.Rate)
	return samples/rate*ClockRate + samples%rate*ClockRate/rate
}

// MP4 returns the track's codec as MP4 files name it (mp4a or Opus).
func (a *Audio) MP4() (codecs.Codec, error) {
	switch a.Codec {
	case AAC:
		c := &codecs.MPEG4Audio{}
		if err := c.Config.Unmarshal(a.Config); err != nil {
			return nil, fmt.Errorf("aac: %w", err)
		}
		return c, nil
	case Opus:
		return &codecs.Opus{ChannelCount: a.Channels}, nil
	default:
		return nil, fmt.Errorf("codec %q: want aac or opus", a.Codec)
	}
}

// Same says whether both are the same track's, or both nil.
func (a *Audio) Same(b *Audio) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Codec == b.Codec && a.Rate == b.Rate && a.Channels == b.Channels && bytes.Equal(a.Config, b.Config)
}

// audioOf reads an MP4 track's codec; it returns nil for what is no audio, or none that is taken.
func audioOf(codec codecs.Codec) *Audio {
	var a *Audio
	var err error
	switch c := codec.(type) {
	case *codecs.MPEG4Audio:
		a, err = NewAAC(c.Config)
	case *codecs.Opus:
		a, err = NewOpus(c.ChannelCount)
	}
	if err != nil {
		return nil
	}
	return a
}

// packAudio makes the audio's part of a fragment. A unit lasts until the next, so that a gap keeps its time.
func packAudio(a *Audio, units []AudioUnit) (*fmp4.PartTrack, error) {
	if a == nil {
		return nil, errors.New("audio units without an audio track")
	}
	track := &fmp4.PartTrack{ID: audioTrackID, BaseTime: uint64(units[0].PTS)}
	for i, u := range units {
		samples, err := a.Samples(u.Data)
		if err != nil {
			return nil, fmt.Errorf("audio unit %d: %w", i, err)
		}
		next := u.PTS + a.Ticks(samples)
		if i+1 < len(units) {
			next = units[i+1].PTS
		}
		if u.PTS < 0 || next <= u.PTS {
			return nil, fmt.Errorf("audio unit %d at %d ends at %d", i, u.PTS, next)
		}
		track.Samples = append(track.Samples, &fmp4.Sample{Duration: uint32(next - u.PTS), Payload: u.Data})
	}
	return track, nil
}

// UnpackAudio reads the audio units of what Pack wrote, in order of their times; there may be none. Their data
// points into payload. Units may be of earlier times than the fragment's pictures, when they came late. What they
// are is in the Parameters of the fragment's key fragment.
func UnpackAudio(payload []byte) ([]AudioUnit, error) {
	var parts fmp4.Parts
	if err := parts.Unmarshal(payload); err != nil {
		return nil, fmt.Errorf("unpack audio: %w", err)
	}
	var units []AudioUnit
	for _, part := range parts {
		for _, track := range part.Tracks {
			if track.ID != audioTrackID {
				continue
			}
			pts := int64(track.BaseTime)
			for _, s := range track.Samples {
				units = append(units, AudioUnit{PTS: pts, Data: s.Payload})
				pts += int64(s.Duration)
			}
		}
	}
	return units, nil
}

// Heard is the capture time of the fragment's last audio unit, and whether it has one.
func (f *Fragment) Heard() (at time.Time, ok bool) {
	audio, err := UnpackAudio(f.Payload)
	if err != nil || len(audio) == 0 {
		return time.Time{}, false
	}
	_, units, _, err := Unpack(f.Payload)
	if err != nil {
		return time.Time{}, false
	}
	return f.Start.Add(Duration(audio[len(audio)-1].PTS - units[0].PTS)), true
}
