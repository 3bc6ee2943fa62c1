package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"vigil/frames"
)

const (
	trackID      = 1
	audioTrackID = 2
	// movieScale is pmp4's unit of the movie header and of edit lists: ticks per second.
	movieScale = 1000
)

// Facts says what a written file holds.
type Facts struct {
	Start  time.Time // capture time of the first picture
	End    time.Time // capture time at which the last picture stops being shown
	Codec  frames.Codec
	Width  int // pixels
	Height int
	Units  int          // access units
	Gaps   []frames.Gap // capture time between the fragments that the file lacks or shows damaged, oldest first
}

// Write writes the fragments, given in log order, as ftyp, moov and mdat: a track of avc1 or hvc1, and one of mp4a or
// Opus when they carry audio. It begins with a key access unit. A gap keeps its time: the picture before it is shown
// for as long. Where the parameters change, one sample description cannot hold both: the part that is shown at the
// time at is written, the rest is a gap. Of the tail, which are the fragments that follow, only the audio is taken
// that belongs to the pictures before.
func Write(w io.Writer, fragments, tail []*frames.Fragment, at time.Time) (Facts, error) {
	runs, lost, err := split(fragments)
	if err != nil {
		return Facts{}, fmt.Errorf("write mp4: %w", err)
	}
	chosen, gaps := choose(runs, at)
	t := chosen.timeline()
	chosen.trail(t, tail)
	width, height, err := chosen.parameters.Size()
	if err != nil {
		return Facts{}, fmt.Errorf("write mp4: %w", err)
	}
	shown, err := t.write(w, chosen.parameters)
	if err != nil {
		return Facts{}, fmt.Errorf("write mp4: %w", err)
	}
	gaps = append(gaps, lost...)
	slices.SortFunc(gaps, func(a, b frames.Gap) int { return a.From.Compare(b.From) })
	start := chosen.start().Add(-frames.Duration(t.units[0].PTS - shown.from))
	return Facts{
		Start: start, End: start.Add(frames.Duration(shown.to - shown.from)),
		Codec: chosen.parameters.Codec, Width: width, Height: height,
		Units: len(t.units), Gaps: gaps,
	}, nil
}

// span is a stretch of presentation time in ticks.
type span struct{ from, to int64 }

// shown is when the pictures are.
func (t *timeline) shown() span {
	s := span{from: t.units[0].PTS, to: lastShown(t.units, t.end)}
	for _, u := range t.units {
		s.from = min(s.from, u.PTS)
		s.to = max(s.to, u.PTS+1)
	}
	return s
}

func (t *timeline) write(w io.Writer, p frames.Parameters) (span, error) {
	codec, err := p.MP4()
	if err != nil {
		return span{}, err
	}
	shown := t.shown()
	track := &pmp4.Track{
		ID: trackID, TimeScale: frames.ClockRate, Codec: codec,
		// The edit list skips the time between the first decoding and the first presentation.
		TimeOffset: int32(t.units[0].DTS - shown.from),
	}
	if track.Samples, err = samples(t.units, shown.to); err != nil {
		return span{}, err
	}
	presentation := pmp4.Presentation{Tracks: []*pmp4.Track{track}}
	edits := &editWriter{w: w, ticks: shown.to - shown.from}
	if audio := t.soundtrack(shown); audio != nil {
		presentation.Tracks = append(presentation.Tracks, audio)
		edits.pause = uint32(audio.TimeOffset)
	}
	if err := fits(presentation); err != nil {
		return span{}, err
	}
	return shown, presentation.Marshal(edits)
}

// fits makes sure that the chunks' offsets have 32 bits.
func fits(p pmp4.Presentation) error {
	total := int64(0)
	for _, t := range p.Tracks {
		for _, s := range t.Samples {
			total += int64(s.PayloadSize)
		}
	}
	if total > math.MaxUint32-1<<24 {
		return fmt.Errorf("%d bytes do not fit into one file", total)
	}
	return nil
}

// samples makes the track's samples. The last one lasts until the last picture in presentation order has been shown:
// the edit list covers the sum of the durations, and with B-frames would cut that picture otherwise.
func samples(units []frames.AccessUnit, shownUntil int64) ([]*pmp4.Sample, error) {
	all := make([]*pmp4.Sample, len(units))
	for i, u := range units {
		next := shownUntil
		if i+1 < len(units) {
			next = units[i+1].DTS
		}
		if next <= u.DTS || next-u.DTS > math.MaxUint32 {
			return nil, fmt.Errorf("access unit %d at %d ends at %d", i, u.DTS, next)
		}
		size := 0
		for _, nalu := range u.NALUs {
			size += 4 + len(nalu)
		}
		all[i] = &pmp4.Sample{
			Duration: uint32(next - u.DTS), PTSOffset: int32(u.PTS - u.DTS), IsNonSyncSample: !u.Key,
			PayloadSize: uint32(size),
			GetPayload:  func() ([]byte, error) { return h264.AVCC(u.NALUs).Marshal() },
		}
	}
	return all, nil
}

// editWriter corrects the headers on their way out. In the video's edit list pmp4 adds the skipped lead to the edit's
// duration where it should leave it out, and so promises more than the media has (ISO/IEC 14496-12, 8.6.6); see
// trimMedia for the audio. It relies on pmp4 writing all boxes but mdat at once.
type editWriter struct {
	w     io.Writer
	ticks int64  // how long the video's edit lasts
	pause uint32 // in front of the audio, in its own ticks
	done  bool
}

// Write implements io.Writer.
func (e *editWriter) Write(b []byte) (int, error) {
	if !e.done {
		if err := e.correct(b); err != nil {
			return 0, err
		}
		e.done = true
	}
	return e.w.Write(b)
}

func (e *editWriter) correct(b []byte) error {
	moov, _ := find(b, "moov")
	video := true
	for bx, err := range boxes(moov) {
		if err != nil {
			return err
		}
		if bx.kind != "trak" {
			continue
		}
		if !video {
			return trimMedia(bx.body, e.pause)
		}
		video = false
		elst, ok := find(bx.body, "edts", "elst")
		if !ok || len(elst) != 20 {
			return errors.New("edit list not found where pmp4 writes it")
		}
		ms := (e.ticks*movieScale + frames.ClockRate - 1) / frames.ClockRate
		binary.BigEndian.PutUint32(elst[8:], uint32(ms))
	}
	return nil
}
