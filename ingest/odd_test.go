package ingest

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/frames/framestest"
)

// pocType1 is a baseline SPS of 320 x 240 pixels with pic_order_cnt_type 1 (H.264, 7.3.2.1.1), which no encoder at hand writes.
func pocType1() []byte {
	const bits = "1" + "1" + "010" + // ids, log2_max_frame_num; pic_order_cnt_type 1
		"0" + "1" + "1" + "1" + // delta_pic_order_always_zero_flag, both offsets, an empty cycle
		"010" + "0" + "000010100" + "0001111" + "1" + "0" + "0" + "0" + // frames, 20 x 15 macroblocks, no interlace, cropping or VUI
		"1" + "000000" // trailing bits
	sps := []byte{0x67, 66, 0, 30}
	for i := 0; i+8 <= len(bits); i += 8 {
		b := byte(0)
		for _, c := range bits[i : i+8] {
			b = b<<1 | byte(c-'0')
		}
		sps = append(sps, b)
	}
	return sps
}

// R10: whatever a stream does to the order of its pictures, every unit is recorded, with decoding times that rise and lie below
// the pictures'.
func TestSegmenterOddOrders(t *testing.T) {
	const frame = frames.ClockRate / 25
	// reversed shows groups of n pictures backwards, so that n-1 are reordered.
	reversed := func(n int) func(int) int64 {
		return func(i int) int64 { return int64(i/n*n+n-1-i%n) * frame }
	}
	for _, tt := range []struct {
		name   string
		stream string
		sps    []byte
		pts    func(i int) int64 // nil: the stream's own
	}{
		{"picture order count of type 1", "plain", pocType1(), nil},
		{"picture order count of type 2", "plain", nil, nil}, // what x264 writes without B-frames
		{"12 reordered", "bframes", nil, reversed(13)},
		{"20 reordered, more than either standard allows", "bframes", nil, reversed(21)},
		{"presentation that goes back again and again", "plain", nil, func(i int) int64 { return int64(i-i%5*2) * frame }},
		{"two pictures at a time", "plain", nil, func(i int) int64 { return int64(i/2) * frame }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, units := fixture(t, tt.stream)
			if tt.sps != nil {
				p.SPS = tt.sps
			}
			var st SegmenterStats
			fs := checkRun(t, segment(t, func(s *Segmenter) {
				start(t, s, p)
				for i, u := range units {
					if tt.pts != nil {
						u.PTS = tt.pts(i)
					}
					if err := s.Unit(Unit{PTS: u.PTS, Received: began.Add(time.Duration(i) * 40 * time.Millisecond), NALUs: u.NALUs}); err != nil {
						t.Fatal(err)
					}
				}
				st = s.Stats()
			}))
			wantSame(t, fs, units)
			if st.Dropped != 0 || st.Epochs != 1 {
				t.Errorf("got %+v, want one epoch and nothing dropped", st)
			}
		})
	}
}

// R09: a camera that sends nothing but key frames.
func TestSegmenterKeyFramesAlone(t *testing.T) {
	p, units := fixture(t, "plain")
	var sent []frames.AccessUnit
	fs := checkRun(t, segment(t, func(s *Segmenter) {
		start(t, s, p)
		for i := range int64(50) {
			u := frames.AccessUnit{PTS: i * 3600, DTS: i * 3600, NALUs: units[0].NALUs}
			sent = append(sent, u)
			feed(t, s, []frames.AccessUnit{u}, 0)
		}
	}))
	wantSame(t, fs, sent)
	if len(fs) != len(sent) || !fs[49].Start.Equal(began.Add(49*40*time.Millisecond)) {
		t.Errorf("got %d fragments, the last at %v", len(fs), fs[len(fs)-1].Start)
	}
}

// R08: a camera that is given another codec comes back with it: an epoch of its own, after a gap, in the camera's state too.
func TestCodecChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, framestest.NewLog(), false, Camera{ID: "door", OpenPublish: true})
		for _, name := range []string{"plain", "h265", "bframes"} {
			p, units := fixture(t, name)
			s, err := r.Admit(t.Context(), "door", "", "test")
			if err != nil {
				t.Fatal(err)
			}
			start(t, s, p)
			for _, u := range units {
				if err := s.Unit(Unit{PTS: u.PTS, Received: time.Now(), NALUs: u.NALUs}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(40 * time.Millisecond)
			}
			synctest.Wait()
			w, h, err := p.Size()
			if err != nil {
				t.Fatal(err)
			}
			if st := r.states.last(); st.Codec != p.Codec || st.Width != w || st.Height != h {
				t.Errorf("%s: got state %+v", name, st)
			}
			s.End(errors.New("restarted"))
			time.Sleep(3 * time.Second)
		}
		epochs := 0
		for _, o := range checkRun(t, stored(t, r.log, "door")) {
			if o.Seq > 0 {
				continue
			}
			epochs++
			if o.params == nil || o.params.Codec != o.Codec || (o.Gap == nil) != (epochs == 1) {
				t.Errorf("%s: codec %s, gap %+v, parameters %+v", o.ID(), o.Codec, o.Gap, o.params)
			}
		}
		if epochs != 3 {
			t.Errorf("got %d epochs, want one of each codec", epochs)
		}
	})
}

// R12: the largest pictures there can be, while the bus is away.
func TestMemoryOfACamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &flaky{Log: framestest.NewLog(), away: true}
		r := newRig(t, log, false, Camera{ID: "door", OpenPublish: true})
		p, units := fixture(t, "plain")
		s, err := r.Admit(t.Context(), "door", "", "test")
		if err != nil {
			t.Fatal(err)
		}
		start(t, s, p)
		before, most := heap(), uint64(0)
		for i := range int64(20) {
			large := append(bytes.Clone(units[0].NALUs[0]), make([]byte, 7<<20+i<<10)...)
			if err := s.Unit(Unit{PTS: i * 3600, Received: time.Now(), NALUs: [][]byte{large}}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(40 * time.Millisecond)
			if i%5 == 4 {
				most = max(most, heap())
			}
		}
		if held := (most - before) >> 20; most > before && held > 64 {
			t.Errorf("%d MiB are held, want at most 64", held)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
