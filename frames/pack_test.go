package frames

import (
	"bytes"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Parameter sets of 160x96 pictures, as x264 and x265 write them.
var (
	avc  = fixture("plain")
	hevc = fixture("h265")
)

type stream struct {
	params Parameters
	units  []AccessUnit
	end    int64
	raw    []byte
}

func fixture(name string) func(t testing.TB) stream {
	return func(t testing.TB) stream {
		t.Helper()
		b, err := os.ReadFile("../ingest/testdata/" + name + ".mp4")
		if err != nil {
			t.Fatal(err)
		}
		p, units, end, err := Unpack(b)
		if err != nil {
			t.Fatal(err)
		}
		return stream{*p, units, end, b}
	}
}

func TestPackUnpack(t *testing.T) {
	for name, load := range map[string]func(testing.TB) stream{"h264": avc, "h265": hevc} {
		t.Run(name, func(t *testing.T) {
			s := load(t)
			for _, key := range []bool{true, false} {
				b, err := Pack(s.params, key, 7, s.units, s.end)
				if err != nil {
					t.Fatal(err)
				}
				p, units, end, err := Unpack(b)
				if err != nil {
					t.Fatal(err)
				}
				if (p != nil) != key {
					t.Errorf("key %v: got parameters %v", key, p)
				}
				if p != nil && (p.Codec != s.params.Codec || !bytes.Equal(p.VPS, s.params.VPS) ||
					!bytes.Equal(p.SPS, s.params.SPS) || !bytes.Equal(p.PPS, s.params.PPS)) {
					t.Errorf("got parameters %v, want %v", p, s.params)
				}
				if end != s.end || !slices.EqualFunc(units, s.units, sameUnit) {
					t.Errorf("key %v: access units differ, or end %d, want %d", key, end, s.end)
				}
			}
			if w, h, err := s.params.Size(); w != 160 || h != 96 || err != nil {
				t.Errorf("got size %dx%d, %v", w, h, err)
			}
		})
	}
}

func sameUnit(a, b AccessUnit) bool {
	return a.PTS == b.PTS && a.DTS == b.DTS && a.Key == b.Key && slices.EqualFunc(a.NALUs, b.NALUs, bytes.Equal)
}

// Whatever times and bytes the access units have, they come back.
func TestPackUnpackAny(t *testing.T) {
	s := avc(t)
	rapid.Check(t, func(t *rapid.T) {
		dts := rapid.Int64Range(0, math.MaxInt32*1000).Draw(t, "start")
		var units []AccessUnit
		for range rapid.IntRange(1, 20).Draw(t, "units") {
			units = append(units, AccessUnit{
				PTS: dts + rapid.Int64Range(0, ClockRate).Draw(t, "offset"), DTS: dts,
				Key:   rapid.Bool().Draw(t, "key"),
				NALUs: rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 300), 1, 50).Draw(t, "nalus"),
			})
			dts += rapid.Int64Range(1, ClockRate).Draw(t, "duration")
		}
		b, err := Pack(s.params, units[0].Key, 0, units, dts)
		if err != nil {
			t.Fatal(err)
		}
		_, got, end, err := Unpack(b)
		if err != nil {
			t.Fatal(err)
		}
		if end != dts || !slices.EqualFunc(got, units, sameUnit) {
			t.Fatalf("got %v ending at %d, want %v ending at %d", got, end, units, dts)
		}
	})
}

func TestPackRefuses(t *testing.T) {
	s := avc(t)
	two := s.units[:2]
	noVPS := hevc(t).params
	noVPS.VPS = nil
	for name, pack := range map[string]func() ([]byte, error){
		"no access units": func() ([]byte, error) { return Pack(s.params, true, 0, nil, 1) },
		"without SPS":     func() ([]byte, error) { return Pack(Parameters{Codec: H264}, true, 0, two, s.end) },
		"without VPS":     func() ([]byte, error) { return Pack(noVPS, true, 0, two, s.end) },
		`codec "vp8"`: func() ([]byte, error) {
			return Pack(Parameters{Codec: "vp8", SPS: []byte{1}, PPS: []byte{1}}, true, 0, two, s.end)
		},
		"access unit 1":     func() ([]byte, error) { return Pack(s.params, true, 0, two, two[1].DTS) },
		"access unit 0 at ": func() ([]byte, error) { return Pack(s.params, true, 0, []AccessUnit{two[1], two[0]}, s.end) },
	} {
		if _, err := pack(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %q", err, name)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	s := avc(t)
	b, err := Pack(s.params, true, 0, s.units, s.end)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string][]byte{
		"empty": nil, "text": []byte("hello, world"), "init segment alone": b[:bytes.Index(b, []byte("moof"))-4],
		"cut": b[:len(b)-1], "cut in the head": b[:40],
	} {
		if _, _, _, err := Unpack(in); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

func TestSizeRefuses(t *testing.T) {
	for _, p := range []Parameters{{}, {Codec: H264}, {Codec: H265}, {Codec: H264, SPS: []byte{0x67}}, {Codec: H265, SPS: []byte{0x42, 1}}} {
		if w, h, err := p.Size(); err == nil {
			t.Errorf("%v: got %dx%d and no error", p, w, h)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	for _, load := range []func(testing.TB) stream{avc, hevc} {
		s := load(f)
		for _, key := range []bool{true, false} {
			b, err := Pack(s.params, key, 1, s.units[:3], s.units[3].DTS)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		p, units, _, err := Unpack(in)
		if err != nil {
			return
		}
		if len(units) == 0 {
			t.Error("no access units and no error")
		}
		if p != nil {
			_, _, _ = p.Size() // must not panic
		}
		size := 0
		for _, u := range units {
			for _, n := range u.NALUs {
				size += len(n)
			}
		}
		if size > len(in) {
			t.Errorf("got %d bytes of NAL units out of %d", size, len(in))
		}
	})
}

func TestParseCameraID(t *testing.T) {
	for _, ok := range []string{"a", "door", "front-door-2", "0", strings.Repeat("x", 63)} {
		if id, err := ParseCameraID(ok); err != nil || string(id) != ok {
			t.Errorf("%q: got %q, %v", ok, id, err)
		}
	}
	for _, bad := range []string{"", "Door", "a b", "a.b", "a/b", "a*", "ü", "door\n", strings.Repeat("x", 64)} {
		if _, err := ParseCameraID(bad); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestTicks(t *testing.T) {
	for d, want := range map[time.Duration]int64{
		0: 0, time.Second: 90000, 40 * time.Millisecond: 3600, -time.Second: -90000, -40 * time.Millisecond: -3600,
		1000 * time.Hour: 1000 * 3600 * 90000, 500 * time.Millisecond: 45000,
	} {
		if got := Ticks(d); got != want {
			t.Errorf("Ticks(%v): got %d, want %d", d, got, want)
		}
		if got := Duration(want); got != d {
			t.Errorf("Duration(%d): got %v, want %v", want, got, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ticks := rapid.Int64Range(-1<<45, 1<<45).Draw(t, "ticks")
		if got := Ticks(Duration(ticks)); got < ticks-1 || got > ticks+1 {
			t.Errorf("got %d after a round trip of %d", got, ticks)
		}
	})
}

func TestFragmentWords(t *testing.T) {
	f := Fragment{Camera: "door", Epoch: "01J", Seq: 12, Start: time.Unix(100, 0), Duration: 250 * time.Millisecond}
	if f.ID() != "door/01J/12" || !f.End().Equal(time.Unix(100, 250e6)) {
		t.Errorf("got %s ending at %v", f.ID(), f.End())
	}
}

// A fragment takes hardly more memory than it has bytes: a minute of them is kept while the bus is away.
func TestPackWastesNothing(t *testing.T) {
	for name, load := range map[string]func(testing.TB) stream{"h264": avc, "h265": hevc} {
		s := load(t)
		for i := range s.units { // as large as a camera's
			s.units[i].NALUs = append(slices.Clip(s.units[i].NALUs), bytes.Repeat([]byte{1}, 20_000))
		}
		for _, key := range []bool{true, false} {
			b, err := Pack(s.params, key, 7, s.units, s.end)
			if err != nil {
				t.Fatal(err)
			}
			if waste := cap(b) - len(b); waste > len(b)/8 {
				t.Errorf("%s, key %v: %d bytes take %d", name, key, len(b), cap(b))
			}
		}
	}
}
