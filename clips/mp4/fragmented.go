package mp4

import (
	"bytes"
	"fmt"
	"io"
	"iter"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"vigil/frames"
)

// fragmented is an fMP4 file (ISO/IEC 14496-12, 8.8): fragments of moof and mdat behind the moov.
type fragmented struct {
	r      io.ReadSeeker
	length int64
	track  int
	clock  clock
}

func readFragmented(r io.ReadSeeker, length int64, moov place, body []byte) (*File, error) {
	head, err := readAt(r, 0, min(moov.offset+moov.size, maxMoov))
	if err != nil {
		return nil, err
	}
	var init fmp4.Init
	if err := init.Unmarshal(bytes.NewReader(head)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotMP4, err)
	}
	for _, track := range init.Tracks {
		parameters, err := frames.ParametersOf(track.Codec)
		if err != nil {
			continue
		}
		scale := int64(track.TimeScale)
		f := &fragmented{
			r: r, length: length, track: track.ID,
			clock: clock{scale: scale, offset: editOffset(body, track.ID, scale)},
		}
		end, err := f.scan()
		if err != nil {
			return nil, err
		}
		return &File{Parameters: *parameters, Duration: frames.Duration(end), units: f.units}, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrNoVideo, describeTracks(body))
}

// parts yields the track's part of each fragment, with its payloads.
func (f *fragmented) parts() iter.Seq2[*fmp4.PartTrack, error] {
	return func(yield func(*fmp4.PartTrack, error) bool) {
		var moof *place
		for p, err := range topLevel(f.r, f.length) {
			if err != nil {
				return // cut off in the middle of a box: what is whole has been yielded
			}
			if p.kind == "moof" {
				moof = &p
			}
			if p.kind != "mdat" || moof == nil {
				continue
			}
			tracks, err := f.read(moof.offset, p.offset+p.size-moof.offset)
			moof = nil
			if err != nil {
				yield(nil, err)
				return
			}
			for _, t := range tracks {
				if !yield(t, nil) {
					return
				}
			}
		}
	}
}

func (f *fragmented) read(offset, size int64) ([]*fmp4.PartTrack, error) {
	if size > maxFragment {
		return nil, fmt.Errorf("%w: fragment of %d bytes, at most %d are read", ErrNotMP4, size, maxFragment)
	}
	b, err := readAt(f.r, offset, size)
	if err != nil {
		return nil, err
	}
	var parts fmp4.Parts
	if err := parts.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: fragment at byte %d: %w", ErrNotMP4, offset, err)
	}
	var tracks []*fmp4.PartTrack
	for _, part := range parts {
		for _, t := range part.Tracks {
			if t.ID != f.track {
				continue
			}
			if !plausible(int64(t.BaseTime)) {
				return nil, fmt.Errorf("%w: fragment at byte %d begins at %d", ErrNotMP4, offset, t.BaseTime)
			}
			tracks = append(tracks, t)
		}
	}
	return tracks, nil
}

// scan looks at every sample, to know how far decoding has to be put earlier, and returns when the last picture ends.
func (f *fragmented) scan() (end int64, err error) {
	found := false
	var all extent
	for t, err := range f.parts() {
		if err != nil {
			return 0, err
		}
		dts := int64(t.BaseTime)
		for _, s := range t.Samples {
			found = true
			all.add(dts, int64(s.PTSOffset), int64(s.Duration))
			dts += int64(s.Duration)
		}
	}
	if !found {
		return 0, fmt.Errorf("%w: its video track is empty", ErrNoVideo)
	}
	f.clock.early = all.early
	return max(0, f.clock.ticks(all.end())), nil
}

func (f *fragmented) units(yield func(frames.AccessUnit, error) bool) {
	n := 0
	for t, err := range f.parts() {
		if err != nil {
			yield(frames.AccessUnit{}, fmt.Errorf("read mp4: %w", err))
			return
		}
		media := int64(t.BaseTime)
		for _, s := range t.Samples {
			n++
			pts, dts := f.clock.ticks(media+int64(s.PTSOffset)), f.clock.ticks(media+f.clock.early)
			u, err := unit(s.Payload, pts, dts, !s.IsNonSyncSample)
			if err != nil {
				yield(frames.AccessUnit{}, fmt.Errorf("read mp4: sample %d: %w", n, err))
				return
			}
			if !yield(u, nil) {
				return
			}
			media += int64(s.Duration)
		}
	}
}
