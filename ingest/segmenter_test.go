package ingest

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/frames"
)

func segment(t testing.TB, run func(s *Segmenter)) []*frames.Fragment {
	t.Helper()
	var out []*frames.Fragment
	s := NewSegmenter("door", func(f *frames.Fragment) { out = append(out, f) })
	run(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

func start(t testing.TB, s Sink, p frames.Parameters) {
	t.Helper()
	if err := s.Start(p); err != nil {
		t.Fatal(err)
	}
}

func nalusOf(units []frames.AccessUnit) (all [][]byte) {
	for _, u := range units {
		all = append(all, u.NALUs...)
	}
	return all
}

func wantSame(t testing.TB, got []opened, want []frames.AccessUnit) {
	t.Helper()
	var units []frames.AccessUnit
	for _, o := range got {
		units = append(units, o.units...)
	}
	if len(units) != len(want) {
		t.Fatalf("got %d access units, want %d", len(units), len(want))
	}
	for i := range units {
		if !slices.EqualFunc(units[i].NALUs, want[i].NALUs, bytes.Equal) {
			t.Fatalf("access unit %d differs", i)
		}
	}
}

func TestSegmenterKeepsEveryByte(t *testing.T) {
	for _, name := range []string{"plain", "bframes", "h265"} {
		t.Run(name, func(t *testing.T) {
			p, units := fixture(t, name)
			fs := checkRun(t, segment(t, func(s *Segmenter) {
				start(t, s, p)
				feed(t, s, units, 1<<33)
				if st := s.Stats(); st.Guessed != 0 || st.Dropped != 0 || st.Epochs != 1 {
					t.Errorf("stats %+v, want nothing guessed or dropped in one epoch", st)
				}
			}))
			wantSame(t, fs, units)
			var all []frames.AccessUnit
			for _, f := range fs {
				all = append(all, f.units...)
				if f.Width != 160 || f.Height != 96 || f.Codec != p.Codec || f.Camera != "door" {
					t.Errorf("%s: %s %dx%d", f.ID(), f.Codec, f.Width, f.Height)
				}
				if f.Duration > FragmentTarget {
					t.Errorf("%s lasts %v", f.ID(), f.Duration)
				}
				wantStart := began.Add(frames.Duration(units[len(all)-len(f.units)].PTS - units[0].PTS))
				if d := f.Start.Sub(wantStart); d < -time.Microsecond || d > time.Microsecond {
					t.Errorf("%s starts %v, want %v", f.ID(), f.Start, wantStart)
				}
			}
			for i, u := range all {
				if got, want := u.PTS-all[0].PTS, units[i].PTS-units[0].PTS; got != want {
					t.Errorf("unit %d: got PTS %d, want %d", i, got, want)
				}
			}
			if all[0].DTS != 0 || all[0].PTS > frames.ClockRate {
				t.Errorf("first unit at DTS %d, PTS %d, want near 0", all[0].DTS, all[0].PTS)
			}
		})
	}
}

func TestSegmenterParametersInBand(t *testing.T) {
	p, units := fixture(t, "plain")
	tail := units[2:] // joins in the middle
	var key int
	for i, u := range tail {
		if u.Key {
			tail[i].NALUs = append([][]byte{p.SPS, p.PPS}, u.NALUs...)
			if key == 0 {
				key = i
			}
		}
	}
	fs := checkRun(t, segment(t, func(s *Segmenter) {
		start(t, s, frames.Parameters{Codec: frames.H264})
		feed(t, s, tail, 0)
		if got := s.Stats().Dropped; got != uint64(key) {
			t.Errorf("got %d dropped in front of the first key unit, want %d", got, key)
		}
	}))
	wantSame(t, fs, tail[key:])
}

// Some cameras send parameter sets as an access unit of their own.
func TestSegmenterParametersAlone(t *testing.T) {
	p, units := fixture(t, "plain")
	var sent []frames.AccessUnit
	for _, u := range units {
		if u.Key {
			sent = append(sent, frames.AccessUnit{PTS: u.PTS, DTS: u.DTS, NALUs: [][]byte{p.SPS, {}}},
				frames.AccessUnit{PTS: u.PTS, DTS: u.DTS, NALUs: [][]byte{p.PPS}})
		}
		sent = append(sent, u)
	}
	fs := checkRun(t, segment(t, func(s *Segmenter) {
		start(t, s, frames.Parameters{Codec: frames.H264})
		feed(t, s, sent, 0)
	}))
	var got [][]byte
	for _, f := range fs {
		got = append(got, nalusOf(f.units)...)
	}
	want := slices.DeleteFunc(nalusOf(sent), func(n []byte) bool { return len(n) == 0 })
	if !slices.EqualFunc(got, want, bytes.Equal) {
		t.Error("NAL units differ from those sent")
	}
}

func TestSegmenterEpochs(t *testing.T) {
	p, units := fixture(t, "plain") // key units at 0, 20 and 40
	other := p
	other.PPS = append(slices.Clone(p.PPS), 0x80)
	shift := func(from int, ticks int64, arrival time.Duration) func(int, *Unit) {
		return func(i int, u *Unit) {
			if i >= from {
				u.PTS += ticks
				u.Received = u.Received.Add(arrival)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		change func(i int, u *Unit)
		epochs uint64
		lost   uint64
		gap    string
	}{
		{"steady", func(int, *Unit) {}, 1, 0, ""},
		{"forward at a key unit", shift(20, 3600*frames.ClockRate, 0), 2, 0, GapJump},
		{"backward at a key unit", shift(20, -3600*frames.ClockRate, 0), 2, 0, GapJump},
		{"forward inside", shift(25, 3600*frames.ClockRate, 0), 2, 15, GapJump},
		{"a second's loss", shift(25, 2*frames.ClockRate, 2*time.Second), 1, 0, ""},
		{"arrival ahead", shift(15, 0, -7*time.Second), 2, 0, ""},
		{"arrival hesitates", func(i int, u *Unit) {
			if i >= 25 && i < 30 {
				u.Received = u.Received.Add(7 * time.Second)
			}
		}, 1, 0, ""},
		{"new parameters", func(i int, u *Unit) {
			if i == 20 {
				u.NALUs = append([][]byte{other.SPS, other.PPS}, u.NALUs...)
			}
		}, 2, 0, ""},
		{"the same parameters again", func(i int, u *Unit) {
			if i == 20 {
				u.NALUs = append([][]byte{p.SPS, p.PPS}, u.NALUs...)
			}
		}, 1, 0, ""},
		{"too large", func(i int, u *Unit) {
			if i == 25 {
				u.NALUs = [][]byte{append([]byte{0x41}, make([]byte, frames.MaxUnitBytes)...)}
			}
		}, 1, 15, GapTooLarge},
		{"large", func(i int, u *Unit) {
			if i == 25 {
				u.NALUs = [][]byte{append([]byte{0x41}, make([]byte, 2*frames.MaxFragmentBytes)...)}
			}
		}, 1, 0, ""},
		{"too many", func(i int, u *Unit) {
			if i == 25 {
				u.NALUs = slices.Repeat([][]byte{{0x41, 1}}, 51)
			}
		}, 1, 15, GapTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var st SegmenterStats
			fs := checkRun(t, segment(t, func(s *Segmenter) {
				start(t, s, p)
				for i, u := range units {
					got := Unit{PTS: u.PTS, Received: began.Add(frames.Duration(u.PTS)), NALUs: u.NALUs}
					tt.change(i, &got)
					if err := s.Unit(got); err != nil {
						t.Fatal(err)
					}
				}
				st = s.Stats()
			}))
			if st.Epochs != tt.epochs || st.Dropped != tt.lost {
				t.Errorf("got %d epochs and %d dropped, want %d and %d", st.Epochs, st.Dropped, tt.epochs, tt.lost)
			}
			var gaps []string
			for i, f := range fs {
				if f.Gap != nil {
					gaps = append(gaps, f.Gap.Reason)
					if f.Gap.To.Before(f.Gap.From) || i == 0 || !f.Key || !f.Gap.From.Equal(fs[i-1].End()) {
						t.Errorf("%s, key %v: gap from %v to %v", f.ID(), f.Key, f.Gap.From, f.Gap.To)
					}
				}
			}
			if got := strings.Join(gaps, ";"); got != tt.gap {
				t.Errorf("got gaps %q, want %q", got, tt.gap)
			}
		})
	}
}

// The capture clock goes on when only the parameter sets change.
func TestSegmenterKeepsClockOverNewParameters(t *testing.T) {
	p, units := fixture(t, "plain")
	fs := segment(t, func(s *Segmenter) {
		start(t, s, p)
		feed(t, s, units[:20], 0)
		units[20].NALUs = append([][]byte{p.SPS, append(slices.Clone(p.PPS), 0x80)}, units[20].NALUs...)
		late := units[20]
		late.DTS += frames.ClockRate
		feed(t, s, []frames.AccessUnit{late}, 0)
	})
	last := fs[len(fs)-1]
	if want := began.Add(800 * time.Millisecond); last.Seq != 0 || !last.Start.Equal(want) {
		t.Errorf("got %s at %v, want a new epoch at %v", last.ID(), last.Start, want)
	}
}

func TestSegmenterSlowCamera(t *testing.T) {
	p, units := fixture(t, "plain")
	fs := checkRun(t, segment(t, func(s *Segmenter) {
		start(t, s, p)
		for i, u := range units[:6] { // one picture a second
			at := time.Duration(i) * time.Second
			if err := s.Unit(Unit{PTS: frames.Ticks(at), Received: began.Add(at), NALUs: u.NALUs}); err != nil {
				t.Fatal(err)
			}
		}
	}))
	if len(fs) != 6 {
		t.Fatalf("got %d fragments, want one a picture", len(fs))
	}
	for i, f := range fs {
		if want := began.Add(time.Duration(i) * time.Second); !f.Start.Equal(want) || f.Duration > frames.MaxFragmentDuration {
			t.Errorf("fragment %d at %v for %v, want at %v", i, f.Start, f.Duration, want)
		}
	}
}

// Field cases for the decoding times: they rise and stay below the pictures whatever the stream says.
func TestSegmenterGuessesDecodingTimes(t *testing.T) {
	p, units := fixture(t, "bframes")
	for name, change := range map[string]func(i int, u *Unit) bool{
		"frozen clock":   func(_ int, u *Unit) bool { u.PTS = 0; return true },
		"every 3rd lost": func(i int, _ *Unit) bool { return i%3 != 2 },
		"slices unreadable": func(i int, u *Unit) bool {
			if !inspect(frames.H264, u.NALUs).key() {
				u.NALUs = [][]byte{{0x41}}
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []frames.AccessUnit
			var st SegmenterStats
			fs := checkRun(t, segment(t, func(s *Segmenter) {
				start(t, s, p)
				for i, u := range units {
					got := Unit{PTS: u.PTS, Received: began.Add(frames.Duration(u.PTS)), NALUs: u.NALUs}
					if !change(i, &got) {
						continue
					}
					sent = append(sent, frames.AccessUnit{NALUs: got.NALUs})
					if err := s.Unit(got); err != nil {
						t.Fatal(err)
					}
				}
				st = s.Stats()
			}))
			wantSame(t, fs, sent)
			if st.Epochs != 1 || st.Dropped != 0 {
				t.Errorf("stats %+v, want one epoch without loss", st)
			}
		})
	}
}

func TestSegmenterRefuses(t *testing.T) {
	p, units := fixture(t, "plain")
	s := NewSegmenter("door", func(*frames.Fragment) { t.Error("a fragment came out") })
	if err := s.Start(frames.Parameters{Codec: "vp8"}); err == nil {
		t.Error("vp8: got no error")
	}
	if err := s.Unit(Unit{NALUs: units[0].NALUs}); err == nil {
		t.Error("unit before Start: got no error")
	}
	// A baseline SPS of 65,536 x 16 pixels: pic_width_in_mbs_minus1 4095.
	p.SPS = []byte{0x67, 66, 0, 30, 0xfe, 0x00, 0x80, 0x01, 0xc0}
	start(t, s, p)
	err := s.Unit(Unit{NALUs: units[0].NALUs, Received: began})
	if err == nil {
		t.Error("absurd SPS: got no error")
	}
	t.Log(err)
	if err := s.Unit(Unit{PTS: maxPTS + 1, NALUs: units[0].NALUs}); err == nil {
		t.Error("absurd time: got no error")
	}
}

func FuzzSegmenter(f *testing.F) {
	for _, name := range []string{"plain", "bframes", "h265"} {
		p, units := fixture(f, name)
		var stream []byte
		for i, u := range units[:8] {
			if i == 0 {
				u.NALUs = append([][]byte{p.VPS, p.SPS, p.PPS}, u.NALUs...)
			}
			for _, n := range u.NALUs {
				n = n[:min(len(n), 200)]
				stream = append(append(stream, byte(u.PTS/360), byte(len(n))), n...)
			}
		}
		f.Add(name == "h265", stream)
	}
	f.Fuzz(func(t *testing.T, hevc bool, data []byte) {
		codec := frames.H264
		if hevc {
			codec = frames.H265
		}
		var out []*frames.Fragment
		s := NewSegmenter("door", func(f *frames.Fragment) { out = append(out, f) })
		start(t, s, frames.Parameters{Codec: codec})
		at := began
		for len(data) >= 2 { // a unit is: time, length, bytes; a time of 255 leaps, a length of 255 is a large NAL unit
			pts, n := int64(int8(data[0]))*360*10, int(data[1])
			if data[0] == 0xff {
				pts *= 1 << 40
			}
			data = data[2:]
			n = min(n, len(data))
			nalus := [][]byte{data[:n]}
			if n == 255 {
				nalus = append(nalus, slices.Repeat(data[:n], 400))
			}
			data = data[n:]
			at = at.Add(time.Duration(pts) * time.Microsecond)
			if s.Unit(Unit{PTS: pts, Received: at, NALUs: nalus}) != nil {
				break
			}
		}
		if s.Close() != nil {
			return
		}
		checkRun(t, out)
	})
}
