//go:build !nocv

package decode

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"vigil/frames"
	"vigil/vision"
)

func TestTooLarge(t *testing.T) {
	_, units := read(t, "testdata/h264-b0.mp4")
	slices := units[0].NALUs[len(units[0].NALUs)-1:]
	for _, size := range [][2]uint32{{1024, 1024}, {600, 4}, {4, 600}, {65535, 65535}} {
		d, err := New(frames.Parameters{Codec: frames.H264, SPS: sps(size[0], size[1]), PPS: []byte{0x68, 0xce, 0x38, 0x80}})
		if errors.Is(err, ErrCorrupt) {
			continue // refused at once, as well
		}
		if err != nil {
			t.Fatal(err)
		}
		failed := false
		given := 0
		count := func(vision.Picture) error { given++; return nil }
		for pts := range int64(3) {
			err := d.Decode(frames.AccessUnit{PTS: pts, DTS: pts, Key: true, NALUs: slices}, always, count)
			failed = failed || errors.Is(err, ErrCorrupt)
		}
		if err := d.Drain(always, count); errors.Is(err, ErrCorrupt) {
			failed = true
		}
		if given > 0 || !failed {
			t.Errorf("%d×%d macroblocks: got %d pictures, failed %v", size[0], size[1], given, failed)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTooLargeTakesNoMemory shows 12,000×12,000 pixels, which would be 216 MB for each picture.
func TestTooLargeTakesNoMemory(t *testing.T) {
	_, units := read(t, "testdata/h264-b0.mp4")
	before := resident(t)
	d, err := New(frames.Parameters{Codec: frames.H264, SPS: sps(750, 750), PPS: []byte{0x68, 0xce, 0x38, 0x80}})
	if err == nil {
		err = d.Decode(frames.AccessUnit{Key: true, NALUs: units[0].NALUs[len(units[0].NALUs)-1:]}, always, func(vision.Picture) error { return nil })
		if cerr := d.Close(); cerr != nil {
			t.Error(cerr)
		}
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	if more := resident(t) - before; more > 64<<20 {
		t.Errorf("it took %d MiB", more>>20)
	}
}

// resident is the most memory that the process has had.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib := 0
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib << 10
}
