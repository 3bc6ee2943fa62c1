package frames

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
)

const (
	trackID      = 1
	audioTrackID = 2
)

// Pack writes access units as fMP4 (ISO/IEC 14496-12, 8.8): one moof and mdat, behind an init segment when key is
// set. end is the decoding time at which the last unit's duration ends. The NAL units are kept byte for byte, and so
// are the audio units, which are p.Audio's, with rising times.
func Pack(p Parameters, key bool, seq uint64, units []AccessUnit, end int64, audio ...AudioUnit) ([]byte, error) {
	if len(units) == 0 {
		return nil, errors.New("pack: no access units")
	}
	var buf seekablebuffer.Buffer
	buf.Grow(packedBytes(p, units, audio)) // else it holds up to twice of what it is filled with, and fragments are kept
	if key {
		if err := packInit(&buf, p); err != nil {
			return nil, fmt.Errorf("pack init segment: %w", err)
		}
	}
	video, err := packVideo(units, end)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	part := fmp4.Part{SequenceNumber: uint32(seq), Tracks: []*fmp4.PartTrack{video}}
	if len(audio) > 0 {
		track, err := packAudio(p.Audio, audio)
		if err != nil {
			return nil, fmt.Errorf("pack: %w", err)
		}
		part.Tracks = append(part.Tracks, track)
	}
	if err := part.Marshal(&buf); err != nil {
		return nil, fmt.Errorf("pack fragment: %w", err)
	}
	return buf.Bytes(), nil
}

// packedBytes is a little more than what Pack writes.
func packedBytes(p Parameters, units []AccessUnit, audio []AudioUnit) int {
	const boxes, sample, length = 2048, 16, 4 // all but samples, their entries in trun (8.8.8), and the lengths of NAL units
	n := boxes + len(p.VPS) + len(p.SPS) + len(p.PPS)
	for _, u := range units {
		n += sample
		for _, nalu := range u.NALUs {
			n += length + len(nalu)
		}
	}
	for _, u := range audio {
		n += sample + len(u.Data)
	}
	return n
}

func packInit(w io.WriteSeeker, p Parameters) error {
	codec, err := p.MP4()
	if err != nil {
		return err
	}
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: trackID, TimeScale: ClockRate, Codec: codec}}}
	if p.Audio != nil {
		if codec, err = p.Audio.MP4(); err != nil {
			return err
		}
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: audioTrackID, TimeScale: ClockRate, Codec: codec})
	}
	return init.Marshal(w)
}

func packVideo(units []AccessUnit, end int64) (*fmp4.PartTrack, error) {
	track := &fmp4.PartTrack{ID: trackID, BaseTime: uint64(units[0].DTS)}
	for i, u := range units {
		next := end
		if i+1 < len(units) {
			next = units[i+1].DTS
		}
		if next <= u.DTS {
			return nil, fmt.Errorf("access unit %d at %d ends at %d", i, u.DTS, next)
		}
		payload, err := h264.AVCC(u.NALUs).Marshal()
		if err != nil {
			return nil, fmt.Errorf("access unit %d: %w", i, err)
		}
		track.Samples = append(track.Samples, &fmp4.Sample{
			Duration:        uint32(next - u.DTS),
			PTSOffset:       int32(u.PTS - u.DTS),
			IsNonSyncSample: !u.Key,
			Payload:         payload,
		})
	}
	return track, nil
}

// Unpack reads what Pack wrote: the parameters (nil when the payload has no init segment), the access units, whose
// NAL units point into payload, and the decoding time at which the last of them ends.
func Unpack(payload []byte) (p *Parameters, units []AccessUnit, end int64, err error) {
	if len(payload) >= 8 && string(payload[4:8]) == "ftyp" {
		if p, err = readInit(payload); err != nil {
			return nil, nil, 0, fmt.Errorf("unpack init segment: %w", err)
		}
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(payload); err != nil {
		return nil, nil, 0, fmt.Errorf("unpack fragment: %w", err)
	}
	for _, part := range parts {
		for _, track := range part.Tracks {
			if track.ID == audioTrackID {
				continue
			}
			if units, end, err = readTrack(units, track); err != nil {
				return nil, nil, 0, fmt.Errorf("unpack: %w", err)
			}
		}
	}
	if len(units) == 0 {
		return nil, nil, 0, errors.New("unpack: no access units")
	}
	return p, units, end, nil
}

func readTrack(units []AccessUnit, track *fmp4.PartTrack) ([]AccessUnit, int64, error) {
	dts := int64(track.BaseTime)
	for _, s := range track.Samples {
		var nalus h264.AVCC
		if err := nalus.Unmarshal(s.Payload); err != nil {
			return nil, 0, fmt.Errorf("access unit %d: %w", len(units), err)
		}
		units = append(units, AccessUnit{
			PTS: dts + int64(s.PTSOffset), DTS: dts, Key: !s.IsNonSyncSample, NALUs: nalus,
		})
		dts += int64(s.Duration)
	}
	return units, dts, nil
}

func readInit(payload []byte) (*Parameters, error) {
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(payload)); err != nil {
		return nil, err
	}
	if n := len(init.Tracks); n < 1 || n > 2 || n == 2 && init.Tracks[1].ID != audioTrackID {
		return nil, fmt.Errorf("got %d tracks, want one, and at most audio as track %d", n, audioTrackID)
	}
	p, err := ParametersOf(init.Tracks[0].Codec)
	if err == nil && len(init.Tracks) == 2 {
		p.Audio = audioOf(init.Tracks[1].Codec)
	}
	return p, err
}

// ParametersOf reads the parameter sets out of an MP4 track's codec.
func ParametersOf(codec codecs.Codec) (*Parameters, error) {
	switch c := codec.(type) {
	case *codecs.H264:
		return &Parameters{Codec: H264, SPS: c.SPS, PPS: c.PPS}, nil
	case *codecs.H265:
		return &Parameters{Codec: H265, VPS: c.VPS, SPS: c.SPS, PPS: c.PPS}, nil
	default:
		return nil, fmt.Errorf("codec %T: want H.264 or H.265", codec)
	}
}

// MP4 returns the parameters as an MP4 track's codec (avc1 or hvc1).
func (p Parameters) MP4() (codecs.Codec, error) {
	if len(p.SPS) == 0 || len(p.PPS) == 0 {
		return nil, fmt.Errorf("%s without SPS or PPS", p.Codec)
	}
	switch p.Codec {
	case H264:
		return &codecs.H264{SPS: p.SPS, PPS: p.PPS}, nil
	case H265:
		if len(p.VPS) == 0 {
			return nil, errors.New("h265 without VPS")
		}
		return &codecs.H265{VPS: p.VPS, SPS: p.SPS, PPS: p.PPS}, nil
	default:
		return nil, fmt.Errorf("codec %q: want h264 or h265", p.Codec)
	}
}

// Size returns the picture's width and height in pixels, as displayed, from the SPS.
func (p Parameters) Size() (width, height int, err error) {
	switch p.Codec {
	case H264:
		var sps h264.SPS
		if err := sps.Unmarshal(p.SPS); err != nil {
			return 0, 0, fmt.Errorf("h264 SPS: %w", err)
		}
		return sps.Width(), sps.Height(), nil
	case H265:
		var sps h265.SPS
		if err := sps.Unmarshal(p.SPS); err != nil {
			return 0, 0, fmt.Errorf("h265 SPS: %w", err)
		}
		return sps.Width(), sps.Height(), nil
	default:
		return 0, 0, fmt.Errorf("codec %q: want h264 or h265", p.Codec)
	}
}
