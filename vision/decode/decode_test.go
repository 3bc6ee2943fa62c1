//go:build !nocv

package decode

import (
	"bytes"
	"errors"
	"image"
	mathbits "math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"vigil/frames"
	"vigil/vision"
)

// read returns the video of an MP4: its parameters, and its access units on the 90 kHz clock.
func read(t testing.TB, path string) (frames.Parameters, []frames.AccessUnit) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file pmp4.Presentation
	if err := file.Unmarshal(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	for _, track := range file.Tracks {
		p, err := frames.ParametersOf(track.Codec)
		if err != nil {
			continue
		}
		var units []frames.AccessUnit
		dts := int64(track.TimeOffset)
		scale := int64(track.TimeScale)
		for _, s := range track.Samples {
			payload, err := s.GetPayload()
			if err != nil {
				t.Fatal(err)
			}
			var nalus h264.AVCC
			if err := nalus.Unmarshal(payload); err != nil {
				t.Fatal(err)
			}
			units = append(units, frames.AccessUnit{
				PTS: (dts + int64(s.PTSOffset)) * frames.ClockRate / scale, DTS: dts * frames.ClockRate / scale,
				Key: !s.IsNonSyncSample, NALUs: nalus,
			})
			dts += int64(s.Duration)
		}
		return *p, units
	}
	t.Fatalf("%s: no H.264 or H.265 track", path)
	return frames.Parameters{}, nil
}

func open(t testing.TB, p frames.Parameters) *Decoder {
	t.Helper()
	d, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func always(int64) bool { return true }

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		file  string
		delay int // pictures held back for reordering
	}{{"h264-b0.mp4", 0}, {"h264-b2.mp4", 2}, {"hevc.mp4", 2}} {
		t.Run(c.file, func(t *testing.T) {
			p, units := read(t, filepath.Join("testdata", c.file))
			if len(units) != 50 {
				t.Fatalf("got %d units, want 50", len(units))
			}
			d := open(t, p)
			var pts []int64
			got := func(p vision.Picture) error {
				if p.Width != 320 || p.Height != 180 || p.Pixels == nil || !p.Time.IsZero() {
					t.Errorf("got %d×%d with %v at %v", p.Width, p.Height, p.Pixels, p.Time)
				}
				pts = append(pts, p.PTS)
				return nil
			}
			for round := range 2 { // the second after a drain, as after a seek
				pts = nil
				for _, u := range units {
					if err := d.Decode(u, always, got); err != nil {
						t.Fatal(err)
					}
				}
				if len(pts) != 50-c.delay {
					t.Errorf("round %d: got %d pictures before the end, want %d", round, len(pts), 50-c.delay)
				}
				if err := d.Drain(always, got); err != nil {
					t.Fatal(err)
				}
				if len(pts) != 50 {
					t.Fatalf("round %d: got %d pictures, want 50", round, len(pts))
				}
				for i, v := range pts {
					if want := units[0].PTS + int64(i)*3600; v != want {
						t.Fatalf("picture %d: got PTS %d, want %d", i, v, want)
					}
				}
			}
		})
	}
}

func TestWant(t *testing.T) {
	p, units := read(t, "testdata/h264-b2.mp4")
	d := open(t, p)
	asked, given := 0, 0
	for _, u := range units {
		err := d.Decode(u, func(pts int64) bool { asked++; return pts%18000 == 0 }, func(p vision.Picture) error {
			given++
			if p.PTS%18000 != 0 {
				t.Errorf("got the unwanted picture at %d", p.PTS)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if asked != 48 || given < 9 || given > 10 {
		t.Errorf("asked %d times, gave %d; want 48 and 9 or 10", asked, given)
	}
}

func TestGotFails(t *testing.T) {
	p, units := read(t, "testdata/h264-b0.mp4")
	d := open(t, p)
	stop := errors.New("stop")
	if err := d.Decode(units[0], always, func(vision.Picture) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("got %v, want the callback's error", err)
	}
	n := 0
	if err := d.Decode(units[1], always, func(vision.Picture) error { n++; return nil }); err != nil || n != 1 {
		t.Fatalf("got %v and %d pictures, want the decoder to go on", err, n)
	}
}

// TestColour decodes one flat colour, written with each matrix and range, tagged and not.
func TestColour(t *testing.T) {
	for _, name := range []string{
		"flat-601-tv", "flat-601-pc", "flat-709-tv", "flat-709-pc", "flat-none", "flat-none-720", "flat-odd",
	} {
		t.Run(name, func(t *testing.T) {
			p, units := read(t, filepath.Join("testdata", name+".mp4"))
			d := open(t, p)
			n := 0
			got := func(p vision.Picture) error {
				n++
				red(t, "whole", p.Width, whole(t, p))
				red(t, "small", p.Width/3, scaled(t, p, p.Width/3, p.Height/3))
				red(t, "large", p.Width+7, scaled(t, p, p.Width+7, p.Height+5))
				return nil
			}
			for _, u := range units {
				if err := d.Decode(u, always, got); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.Drain(always, got); err != nil || n != 3 {
				t.Fatalf("got %d pictures, %v, want 3", n, err)
			}
		})
	}
}

func TestCorruptUnitsAreSurvived(t *testing.T) {
	p, units := read(t, "testdata/h264-b0.mp4")
	d := open(t, p)
	corrupt, pictures := 0, 0
	for i, u := range units {
		switch i {
		case 3:
			u.NALUs = [][]byte{bytes.Repeat([]byte{0x65, 0xff}, 200)}
		case 4:
			u.NALUs = nil
		case 5:
			u.NALUs = [][]byte{make([]byte, maxUnit)}
		}
		err := d.Decode(u, always, func(vision.Picture) error { pictures++; return nil })
		if errors.Is(err, ErrCorrupt) {
			corrupt++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if corrupt < 3 || pictures < 40 {
		t.Errorf("got %d corrupt units and %d pictures, want at least 3 and 40", corrupt, pictures)
	}
}

func TestRefuses(t *testing.T) {
	p, units := read(t, "testdata/h264-b0.mp4")
	if _, err := New(frames.Parameters{Codec: "av1"}); err == nil || !strings.Contains(err.Error(), "av1") {
		t.Errorf("got %v, want an error that names av1", err)
	}
	d := open(t, p)
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Decode(units[0], always, nil); err == nil {
		t.Error("decoding after Close: got no error")
	}
	if err := d.Drain(always, nil); err == nil {
		t.Error("draining after Close: got no error")
	}
}

// bits writes what parameter sets are made of.
type bits struct {
	b []byte
	n int
}

func (w *bits) put(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		w.b[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// ue is Exp-Golomb coding (H.264, 9.1).
func (w *bits) ue(v uint32) { w.put(v+1, 2*mathbits.Len32(v+1)-1) }

// sps is a baseline sequence parameter set (H.264, 7.3.2.1.1) of that many macroblocks.
func sps(width, height uint32) []byte {
	w := &bits{b: []byte{0x67, 66, 0, 62}, n: 32}
	w.ue(0) // seq_parameter_set_id
	w.ue(0) // log2_max_frame_num_minus4
	w.ue(2) // pic_order_cnt_type
	w.ue(1) // max_num_ref_frames
	w.put(0, 1)
	w.ue(width - 1)
	w.ue(height - 1)
	w.put(0b1100, 4) // frame_mbs_only, direct_8x8_inference, no cropping, no VUI
	w.put(0x80, 8)
	return w.b
}

func TestNoAllocations(t *testing.T) {
	p, units := read(t, "testdata/h264-b0.mp4")
	d := open(t, p)
	i := 0
	small, face := make([]byte, 160*90*3), make([]byte, 50*50*3)
	got := func(p vision.Picture) error {
		return errors.Join(p.Pixels.Scale(small, 160*3, 160, 90), p.Pixels.Crop(face, image.Rect(101, 51, 151, 101)))
	}
	step := func() {
		if err := d.Decode(units[i%len(units)], always, got); err != nil {
			t.Fatal(err)
		}
		i++
	}
	step()
	if n := testing.AllocsPerRun(200, step); n > 0 {
		t.Errorf("got %v allocations a unit, want none", n)
	}
}

func FuzzDecode(f *testing.F) {
	p, units := read(f, "testdata/h264-b2.mp4")
	hp, hunits := read(f, "testdata/hevc.mp4")
	f.Add(false, uint8(1), units[1].NALUs[0])
	f.Add(false, uint8(0), units[5].NALUs[0])
	f.Add(true, uint8(1), hunits[1].NALUs[0])
	f.Add(false, uint8(2), p.SPS)
	f.Add(true, uint8(3), hp.SPS)
	f.Add(true, uint8(3), hp.VPS)
	f.Fuzz(func(t *testing.T, hevc bool, at uint8, nalu []byte) {
		params, all := p, units
		if hevc {
			params, all = hp, hunits
		}
		d, err := New(params)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close() //nolint:errcheck // never fails
		got := func(p vision.Picture) error {
			if p.Width > MaxSide || p.Height > MaxSide {
				t.Errorf("got %d×%d", p.Width, p.Height)
			}
			whole(t, p)
			scaled(t, p, 64, 32)
			return nil
		}
		for i, u := range all[:6] {
			if i == int(at)%6 {
				u.NALUs = append([][]byte{nalu}, u.NALUs...)
			}
			if err := d.Decode(u, always, got); err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		}
		if err := d.Drain(always, got); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

// BenchmarkDecode reads VIGIL_VIDEO_DIR/doorway-1080p25.mp4 and scales 5 of its 25 pictures a second for a detector.
func BenchmarkDecode(b *testing.B) {
	dir := os.Getenv("VIGIL_VIDEO_DIR")
	if dir == "" {
		b.Skip("VIGIL_VIDEO_DIR is not set")
	}
	p, units := read(b, filepath.Join(dir, "doorway-1080p25.mp4"))
	d := open(b, p)
	small := make([]byte, 640*360*3)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		err := d.Decode(units[i%len(units)], func(pts int64) bool { return pts/3600%5 == 0 }, func(p vision.Picture) error {
			return p.Pixels.Scale(small, 640*3, 640, 360)
		})
		if err != nil {
			b.Fatal(err)
		}
		i++
	}
}
