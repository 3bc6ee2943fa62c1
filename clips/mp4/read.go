package mp4

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"vigil/frames"
)

// Bounds of what is read into memory at once.
const (
	maxMoov     = 64 << 20
	maxSample   = 16 << 20
	maxFragment = 64 << 20
)

// File is an MP4 file's video.
type File struct {
	Parameters frames.Parameters
	Width      int           // pixels, as displayed
	Height     int           // pixels, as displayed
	Duration   time.Duration // from the file's start to the end of the last picture

	units iter.Seq2[frames.AccessUnit, error]
}

// Units yields the access units in decoding order, reading each when its turn comes. Times are ticks of
// frames.ClockRate, PTS from the file's start as players count it; the first DTS is below zero when pictures are
// reordered. An error is yielded once, as the last step. The file must not be read by anybody else meanwhile.
func (f *File) Units() iter.Seq2[frames.AccessUnit, error] { return f.units }

// Read reads the head of an MP4 file, progressive or fragmented, and finds its first H.264 or H.265 track. The
// errors are ErrNotMP4, ErrNoVideo, both with the reason, or r's own.
func Read(r io.ReadSeeker) (*File, error) {
	length, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("read mp4: %w", err)
	}
	file, err := read(r, length)
	if err != nil {
		return nil, fmt.Errorf("read mp4: %w", err)
	}
	if file.Width, file.Height, err = file.Parameters.Size(); err != nil {
		return nil, fmt.Errorf("read mp4: %w: %w", ErrNotMP4, err)
	}
	return file, nil
}

func read(r io.ReadSeeker, length int64) (*File, error) {
	var moov *place
	first := true
	for p, err := range topLevel(r, length) {
		if err != nil {
			if moov != nil { // a recording that was cut off: what is whole can be read
				break
			}
			return nil, fmt.Errorf("%w: %w", ErrNotMP4, err)
		}
		if first && p.kind != "ftyp" {
			return nil, fmt.Errorf("%w: it begins with %q", ErrNotMP4, p.kind)
		}
		first = false
		if p.kind == "moov" {
			moov = &p
			break
		}
	}
	if moov == nil {
		return nil, fmt.Errorf("%w: it has no moov box", ErrNotMP4)
	}
	if moov.size > maxMoov {
		return nil, fmt.Errorf("%w: moov box of %d bytes, at most %d are read", ErrNotMP4, moov.size, maxMoov)
	}
	body, err := readAt(r, moov.offset+moov.head, moov.size-moov.head)
	if err != nil {
		return nil, err
	}
	if _, fragmented := find(body, "mvex"); fragmented {
		return readFragmented(r, length, *moov, body)
	}
	return readProgressive(r, length, body)
}

func readProgressive(r io.ReadSeeker, length int64, moov []byte) (*File, error) {
	if err := checkTables(moov, length); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotMP4, err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("seek: %w", err)
	}
	var presentation pmp4.Presentation
	if err := presentation.Unmarshal(r); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotMP4, err)
	}
	for _, track := range presentation.Tracks {
		parameters, err := frames.ParametersOf(track.Codec)
		if err != nil {
			continue
		}
		if len(track.Samples) == 0 {
			return nil, fmt.Errorf("%w: its video track is empty", ErrNoVideo)
		}
		clock := clock{scale: int64(track.TimeScale), offset: editOffset(moov, track.ID, int64(track.TimeScale))}
		var all extent
		dts := int64(0)
		for _, s := range track.Samples {
			all.add(dts, int64(s.PTSOffset), int64(s.Duration))
			dts += int64(s.Duration)
		}
		clock.early = all.early
		return &File{
			Parameters: *parameters, Duration: frames.Duration(max(0, clock.ticks(all.end()))),
			units: progressiveUnits(track.Samples, clock),
		}, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoVideo, describeTracks(moov))
}

// clock converts a track's media times to ticks from the file's start.
type clock struct {
	scale  int64 // the track's ticks per second
	offset int64 // added to media time, in the track's ticks: the edit list
	early  int64 // how far presentation precedes decoding where composition offsets are negative
}

func (c clock) ticks(media int64) int64 { return rescale(media+c.offset, c.scale) }

// rescale keeps the whole seconds apart, so that nothing overflows.
func rescale(v, scale int64) int64 {
	return v/scale*frames.ClockRate + v%scale*frames.ClockRate/scale
}

// extent collects what is known of a track only when all of its samples have been seen.
type extent struct {
	early    int64 // the lowest composition offset, when below zero
	latest   int64 // the highest presentation time
	previous int64 // the highest below it; the same when there is none
	last     int64 // the duration of the sample with it
	shortest int64 // the shortest duration above zero
	samples  int
	offset   int64 // the first composition offset
	reorders bool  // the offsets differ: pictures are reordered
}

func (e *extent) add(dts, offset, duration int64) {
	pts := dts + offset
	if e.samples == 0 {
		e.offset, e.latest, e.previous = offset, pts, pts
	}
	e.samples++
	e.reorders = e.reorders || offset != e.offset
	e.early = min(e.early, offset)
	switch {
	case pts > e.latest:
		e.previous, e.latest, e.last = e.latest, pts, duration
	case pts == e.latest:
		e.last = duration
	case pts > e.previous || e.previous == e.latest:
		e.previous = pts
	}
	if duration > 0 && (e.shortest == 0 || duration < e.shortest) {
		e.shortest = duration
	}
}

// end is when the last picture ends. Where pictures are reordered the samples' own durations do not tell: the last may
// reach from the last decoding to the last presentation, the first few are what the decoding times needed to settle.
// The last picture is then taken to be shown for as long as the one before it.
func (e *extent) end() int64 {
	switch {
	case !e.reorders && e.last > 0:
		return e.latest + e.last
	case e.previous < e.latest:
		return 2*e.latest - e.previous
	default:
		return e.latest + e.shortest
	}
}

func progressiveUnits(samples []*pmp4.Sample, c clock) iter.Seq2[frames.AccessUnit, error] {
	return func(yield func(frames.AccessUnit, error) bool) {
		media := int64(0)
		for i, s := range samples {
			u, err := unitOf(s, media, c)
			if err != nil {
				yield(frames.AccessUnit{}, fmt.Errorf("read mp4: sample %d: %w", i+1, err))
				return
			}
			if !yield(u, nil) {
				return
			}
			media += int64(s.Duration)
		}
	}
}

func unitOf(s *pmp4.Sample, media int64, c clock) (frames.AccessUnit, error) {
	if s.GetPayload == nil || s.PayloadSize > maxSample {
		return frames.AccessUnit{}, fmt.Errorf("%d bytes, want 1 to %d", s.PayloadSize, maxSample)
	}
	payload, err := s.GetPayload()
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return frames.AccessUnit{}, fmt.Errorf("the file ends early: %w", err)
	}
	return unit(payload, c.ticks(media+int64(s.PTSOffset)), c.ticks(media+c.early), !s.IsNonSyncSample)
}

func unit(payload []byte, pts, dts int64, key bool) (frames.AccessUnit, error) {
	var nalus h264.AVCC
	if err := nalus.Unmarshal(payload); err != nil {
		return frames.AccessUnit{}, err
	}
	return frames.AccessUnit{PTS: pts, DTS: dts, Key: key, NALUs: nalus}, nil
}
