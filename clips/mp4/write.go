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
	trackID = 1
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
	Gaps   []frames.Gap // capture time between the fragments that the file lacks, oldest first
}

// Write writes the fragments, given in log order, as ftyp, moov and mdat with one avc1 or hvc1 track. It begins with
// a key access unit. A gap keeps its time: the picture before it is shown for as long. Where the parameters change,
// one sample description cannot hold both: the part that is shown at the time at is written, the rest is a gap.
func Write(w io.Writer, fragments []*frames.Fragment, at time.Time) (Facts, error) {
	runs, lost, err := split(fragments)
	if err != nil {
		return Facts{}, fmt.Errorf("write mp4: %w", err)
	}
	chosen, gaps := choose(runs, at)
	units, end := chosen.timeline()
	width, height, err := chosen.parameters.Size()
	if err != nil {
		return Facts{}, fmt.Errorf("write mp4: %w", err)
	}
	shown, err := writeUnits(w, chosen.parameters, units, end)
	if err != nil {
		return Facts{}, fmt.Errorf("write mp4: %w", err)
	}
	gaps = append(gaps, lost...)
	slices.SortFunc(gaps, func(a, b frames.Gap) int { return a.From.Compare(b.From) })
	start := chosen.start().Add(-frames.Duration(units[0].PTS - shown.from))
	return Facts{
		Start: start, End: start.Add(frames.Duration(shown.to - shown.from)),
		Codec: chosen.parameters.Codec, Width: width, Height: height,
		Units: len(units), Gaps: gaps,
	}, nil
}

// span is a stretch of presentation time in ticks.
type span struct{ from, to int64 }

func writeUnits(w io.Writer, p frames.Parameters, units []frames.AccessUnit, end int64) (span, error) {
	codec, err := p.MP4()
	if err != nil {
		return span{}, err
	}
	shown := span{from: units[0].PTS, to: lastShown(units, end)}
	for _, u := range units {
		shown.from = min(shown.from, u.PTS)
		shown.to = max(shown.to, u.PTS+1)
	}
	track := &pmp4.Track{
		ID: trackID, TimeScale: frames.ClockRate, Codec: codec,
		// The edit list skips the time between the first decoding and the first presentation.
		TimeOffset: int32(units[0].DTS - shown.from),
	}
	if track.Samples, err = samples(units, shown.to); err != nil {
		return span{}, err
	}
	presentation := pmp4.Presentation{Tracks: []*pmp4.Track{track}}
	return shown, presentation.Marshal(&editWriter{w: w, ticks: shown.to - shown.from})
}

// samples makes the track's samples. The last one lasts until the last picture in presentation order has been shown:
// the edit list covers the sum of the durations, and with B-frames would cut that picture otherwise.
func samples(units []frames.AccessUnit, shownUntil int64) ([]*pmp4.Sample, error) {
	all := make([]*pmp4.Sample, len(units))
	total := int64(0)
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
		total += int64(size)
		all[i] = &pmp4.Sample{
			Duration: uint32(next - u.DTS), PTSOffset: int32(u.PTS - u.DTS), IsNonSyncSample: !u.Key,
			PayloadSize: uint32(size),
			GetPayload:  func() ([]byte, error) { return h264.AVCC(u.NALUs).Marshal() },
		}
	}
	if total > math.MaxUint32-1<<24 { // chunk offsets have 32 bits
		return nil, fmt.Errorf("%d bytes do not fit into one file", total)
	}
	return all, nil
}

// editWriter corrects the edit list on its way out: pmp4 adds the skipped lead to the edit's duration where it should
// leave it out, and so promises more than the media has (ISO/IEC 14496-12, 8.6.6). It relies on pmp4 writing all
// boxes but mdat at once.
type editWriter struct {
	w     io.Writer
	ticks int64 // how long the edit lasts
	done  bool
}

// Write implements io.Writer.
func (e *editWriter) Write(b []byte) (int, error) {
	if !e.done {
		elst, ok := find(b, "moov", "trak", "edts", "elst")
		if !ok || len(elst) != 20 {
			return 0, errors.New("edit list not found where pmp4 writes it")
		}
		ms := (e.ticks*movieScale + frames.ClockRate - 1) / frames.ClockRate
		binary.BigEndian.PutUint32(elst[8:], uint32(ms))
		e.done = true
	}
	return e.w.Write(b)
}
