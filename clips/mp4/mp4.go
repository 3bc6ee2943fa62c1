// Package mp4 writes fragments as one progressive MP4 that every browser plays, and reads MP4 files back as access
// units. It neither decodes nor transcodes: the NAL and audio units that go in come out byte for byte. It is no general
// MP4 library: it writes one H.264 or H.265 track and at most one of AAC or Opus beside it, and of a file it reads the
// video. It imports frames and nothing else of ours.
package mp4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Errors of Read. They are wrapped with what was found instead.
var (
	// ErrNotMP4 says that the bytes are no MP4 file, or a broken one.
	ErrNotMP4 = errors.New("not an MP4 file")
	// ErrNoVideo says that the file has no H.264 or H.265 track.
	ErrNoVideo = errors.New("no H.264 or H.265 track")
)

// box is one box of a buffer (ISO/IEC 14496-12, 4.2).
type box struct {
	kind string
	body []byte
}

// boxes yields the boxes in b, in order. A size that does not fit is yielded as an error, as the last step.
func boxes(b []byte) iter.Seq2[box, error] {
	return func(yield func(box, error) bool) {
		for len(b) > 0 {
			head, size, err := boxSize(b, int64(len(b)))
			if err != nil {
				yield(box{}, err)
				return
			}
			if !yield(box{kind: string(b[4:8]), body: b[head:size]}, nil) {
				return
			}
			b = b[size:]
		}
	}
}

// boxSize reads a box's header at the start of b; room is how many bytes are left for the whole box.
func boxSize(b []byte, room int64) (head, size int64, err error) {
	if len(b) < 8 {
		return 0, 0, errors.New("box header cut short")
	}
	head, size = 8, int64(binary.BigEndian.Uint32(b))
	switch size {
	case 0: // to the end of the file
		size = room
	case 1: // 64 bits follow
		if len(b) < 16 {
			return 0, 0, errors.New("box header cut short")
		}
		head, size = 16, int64(binary.BigEndian.Uint64(b[8:]))
	}
	if size < head || size > room {
		return 0, 0, fmt.Errorf("box %q says it has %d bytes, %d are left", b[4:8], size, room)
	}
	return head, size, nil
}

// find returns the body of the first box at path, and whether there is one.
func find(b []byte, path ...string) ([]byte, bool) {
	for bx, err := range boxes(b) {
		if err != nil {
			return nil, false
		}
		if bx.kind != path[0] {
			continue
		}
		if len(path) == 1 {
			return bx.body, true
		}
		if body, ok := find(bx.body, path[1:]...); ok {
			return body, true
		}
	}
	return nil, false
}

// place is where a box of the file's top level lies.
type place struct {
	kind   string
	offset int64
	head   int64 // bytes of its header
	size   int64 // bytes with its header
}

// topLevel yields the places of the file's top-level boxes.
func topLevel(r io.ReadSeeker, length int64) iter.Seq2[place, error] {
	return func(yield func(place, error) bool) {
		for offset := int64(0); offset < length; {
			p, err := placeAt(r, offset, length)
			if !yield(p, err) || err != nil {
				return
			}
			offset += p.size
		}
	}
}

func placeAt(r io.ReadSeeker, offset, length int64) (place, error) {
	if _, err := r.Seek(offset, io.SeekStart); err != nil {
		return place{}, fmt.Errorf("seek: %w", err)
	}
	header := make([]byte, min(16, length-offset))
	if _, err := io.ReadFull(r, header); err != nil {
		return place{}, fmt.Errorf("read box header: %w", err)
	}
	head, size, err := boxSize(header, length-offset)
	if err != nil {
		return place{}, err
	}
	return place{kind: string(header[4:8]), offset: offset, head: head, size: size}, nil
}

// readAt reads n bytes; the caller has bounded n.
func readAt(r io.ReadSeeker, offset, n int64) ([]byte, error) {
	if _, err := r.Seek(offset, io.SeekStart); err != nil {
		return nil, fmt.Errorf("seek: %w", err)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return b, nil
}
