package mp4

import (
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
	slices.SortStableFunc(inside, func(a, b heard) int { return int(a.PTS - b.PTS) })
	rate := int64(track.Rate)
	out := &pmp4.Track{ID: audioTrackID, TimeScale: uint32(rate), Codec: codec}
	end := rescaleTo(shown.to-shown.from, rate)
	next := int64(0)
	for _, h := range inside {
		length, err := track.Samples(h.Data)
		if err != nil || !h.track.Same(track) {
			continue
		}
		at := rescaleTo(h.PTS-shown.from, rate)
		if len(out.Samples) == 0 {
			out.TimeOffset, next = int32(at), at
		}
		// Less than half a unit is the clocks' jitter: players must not hear it. More is a gap, which keeps its time.
		gap := at - next
		if gap < -length/2 {
			continue // something else is heard there
		}
		if gap <= length/2 {
			gap = 0
		}
		if next+gap+length > end {
			break
		}
		if gap > 0 {
			out.Samples[len(out.Samples)-1].Duration += uint32(gap)
		}
		next += gap + length
		out.Samples = append(out.Samples, &pmp4.Sample{
			Duration: uint32(length), PayloadSize: uint32(len(h.Data)),
			GetPayload: func() ([]byte, error) { return h.Data, nil },
		})
	}
	if len(out.Samples) == 0 {
		return nil
	}
	return out
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
