// Package framestest holds every frames.Log to one contract, and has a log in memory that keeps it. It imports frames
// and nothing else of ours.
package framestest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"vigil/frames"
)

// FragmentDuration is the length of every fragment made here.
const FragmentDuration = frames.MaxFragmentDuration

// Start is the capture time of the contract's first fragments. It is in the past of any log's clock by little, as it
// is with cameras.
func Start() time.Time { return time.Now().UTC().Add(-10 * time.Second).Truncate(time.Millisecond) }

// Fragments returns n fragments of one epoch that follow each other without a gap from start on. Every gop-th is a key
// fragment. Their payloads are short, all different, and cannot be decoded; KeyPos is left to Append.
func Fragments(camera frames.CameraID, epoch string, start time.Time, n, gop int) []*frames.Fragment {
	fragments := make([]*frames.Fragment, n)
	for i := range fragments {
		fragments[i] = &frames.Fragment{
			Camera:   camera,
			Epoch:    epoch,
			Seq:      uint64(i),
			Key:      i%gop == 0,
			Start:    start.Add(time.Duration(i) * FragmentDuration),
			Duration: FragmentDuration,
			Codec:    frames.H264,
			Width:    1920,
			Height:   1080,
			Payload:  fmt.Appendf(nil, "%s/%s/%d", camera, epoch, i),
		}
	}
	return fragments
}

// Append appends the fragments in order, filling in KeyPos and Pos as a segmenter would.
func Append(t testing.TB, log frames.Log, fragments ...*frames.Fragment) {
	t.Helper()
	var key uint64
	for _, f := range fragments {
		if !f.Key {
			f.KeyPos = key
		}
		pos, err := log.Append(t.Context(), f)
		if err != nil {
			t.Fatalf("append %s: %v", f.ID(), err)
		}
		f.Pos = pos
		if f.Key {
			key = pos
		}
	}
}

// Equal reports whether two fragments are the same in every field, times compared as instants.
func Equal(a, b *frames.Fragment) bool {
	gaps := (a.Gap == nil) == (b.Gap == nil) && (a.Gap == nil ||
		a.Gap.From.Equal(b.Gap.From) && a.Gap.To.Equal(b.Gap.To) && a.Gap.Reason == b.Gap.Reason)
	return gaps && a.Loss == b.Loss && a.ID() == b.ID() && a.Key == b.Key && a.KeyPos == b.KeyPos && a.Pos == b.Pos &&
		a.Start.Equal(b.Start) && a.Duration == b.Duration && a.Codec == b.Codec &&
		a.Width == b.Width && a.Height == b.Height && bytes.Equal(a.Payload, b.Payload)
}
