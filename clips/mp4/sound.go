package mp4

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"vigil/frames"
)

// heard is an audio unit on a run's timeline, and the track that it is of.
type heard struct {
	track *frames.Audio
	frames.AudioUnit
}

// trail adds the audio of the fragments that follow the run: it may have come later than the pictures it belongs to.
func (r *run) trail(t *timeline, tail []*frames.Fragment) {
	last := r.pieces[len(r.pieces)-1]
	for _, f := range tail {
		if f.Epoch != last.Epoch || f.Seq <= last.Seq {
			continue
		}
		audio, err := frames.UnpackAudio(f.Payload)
		if err != nil {
			return // the pictures do not need it
		}
		t.add(last.track, audio, t.shift)
	}
}

func (t *timeline) add(track *frames.Audio, audio []frames.AudioUnit, shift int64) {
	if track == nil {
		return
	}
	for _, u := range audio {
		u.PTS += shift
		t.audio = append(t.audio, heard{track, u})
	}
}

// soundtrack returns the audio that is heard while the pictures are shown, as whole units; nil when there is none. One
// sample description cannot hold two tracks: of several the one with most units is taken.
func (t *timeline) soundtrack(shown span) *pmp4.Track {
	inside := slices.DeleteFunc(slices.Clone(t.audio), func(h heard) bool { return h.PTS < shown.from || h.PTS >= shown.to })
	track := mostHeard(inside)
	if track == nil {
		return nil
	}
	codec, err := track.MP4()
	if err != nil {
		return nil
	}
	slices.SortStableFunc(inside, func(a, b heard) int { return cmp.Compare(a.PTS, b.PTS) })
	rate := int64(track.Rate)
	s := strip{track: track, end: rescaleTo(shown.to-shown.from, rate)}
	s.silence, s.pause = silence(track)
	for _, h := range inside {
		if h.track.Same(track) && !s.add(rescaleTo(h.PTS-shown.from, rate), h.Data) {
			break
		}
	}
	if len(s.samples) == 0 {
		return nil
	}
	return &pmp4.Track{
		ID: audioTrackID, TimeScale: uint32(rate), Codec: codec, TimeOffset: int32(s.from), Samples: s.samples,
	}
}

// strip lays audio units end to end. Times are in samples since the first picture.
type strip struct {
	track      *frames.Audio
	from, next int64 // where the first unit begins, and the last ends
	end        int64 // where nothing is heard any more
	silence    []byte
	pause      int64 // how long silence lasts
	samples    []*pmp4.Sample
}

// add puts a unit where it belongs, and says whether there is room for more. Less than half a unit beside it is the
// clocks' jitter, which must not be heard. A gap is filled with silence: browsers count what they have played, and
// would play what follows the gap too early. Where none is known, the unit in front of the gap lasts for longer.
func (s *strip) add(at int64, data []byte) bool {
	length, err := s.track.Samples(data)
	if err != nil {
		return true
	}
	if len(s.samples) == 0 {
		s.from, s.next = at, at
	}
	gap := at - s.next
	switch {
	case gap < -length/2:
		return true // something else is heard there
	case gap <= length/2:
	case s.silence != nil:
		for range (gap + s.pause/2) / s.pause {
			if !s.put(s.silence, s.pause) {
				return false
			}
		}
	default:
		s.samples[len(s.samples)-1].Duration += uint32(min(gap, s.end-s.next))
		s.next += min(gap, s.end-s.next)
	}
	return s.put(data, length)
}

func (s *strip) put(data []byte, length int64) bool {
	if s.next+length > s.end {
		return false
	}
	s.next += length
	s.samples = append(s.samples, &pmp4.Sample{
		Duration: uint32(length), PayloadSize: uint32(len(data)), GetPayload: func() ([]byte, error) { return data, nil },
	})
	return true
}

// silence returns a unit in which nothing is heard, as encoders write it, and how many samples it has. For AAC it is
// one without spectral bands (ISO/IEC 14496-3, 4.4.2.1), for Opus 20 ms of the wide band (RFC 6716, 3.1).
func silence(track *frames.Audio) ([]byte, int64) {
	var data []byte
	switch {
	case track.Codec == frames.AAC && track.Channels == 1:
		data = []byte{0x01, 0x18, 0x20, 0x07}
	case track.Codec == frames.AAC && track.Channels == 2:
		data = []byte{0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c}
	case track.Codec == frames.Opus:
		data = []byte{0xf8 | byte(track.Channels-1)<<2, 0xff, 0xfe}
	}
	length, err := track.Samples(data)
	if err != nil {
		return nil, 0
	}
	return data, length
}

// mostHeard is the track with most units.
func mostHeard(all []heard) *frames.Audio {
	var best *frames.Audio
	most := 0
	for i, h := range all {
		if i > 0 && h.track.Same(all[i-1].track) {
			continue
		}
		n := 0
		for _, other := range all {
			if other.track.Same(h.track) {
				n++
			}
		}
		if n > most {
			best, most = h.track, n
		}
	}
	return best
}

// rescaleTo converts ticks of frames.ClockRate, at least zero, to the nearest of rate.
func rescaleTo(ticks, rate int64) int64 {
	return ticks/frames.ClockRate*rate + (ticks%frames.ClockRate*rate+frames.ClockRate/2)/frames.ClockRate
}

// trimMedia corrects the media's duration of a track that begins late: pmp4 adds the pause in front (ISO/IEC 14496-12,
// 8.4.2.2).
func trimMedia(trak []byte, pause uint32) error {
	mdhd, ok := find(trak, "mdia", "mdhd")
	if !ok || len(mdhd) < 20 || mdhd[0] != 0 {
		return errors.New("media header not found where pmp4 writes it")
	}
	binary.BigEndian.PutUint32(mdhd[16:], binary.BigEndian.Uint32(mdhd[16:])-pause)
	return nil
}
