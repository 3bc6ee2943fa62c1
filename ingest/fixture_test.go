package ingest

import (
	"os"
	"testing"
	"time"

	"vigil/frames"
)

// fixture reads a stream of testdata: parameter sets, which are in no access unit, and access units.
func fixture(t testing.TB, name string) (frames.Parameters, []frames.AccessUnit) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".mp4")
	if err != nil {
		t.Fatal(err)
	}
	p, units, _, err := frames.Unpack(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range units { // the file's own key flags are per fragment, not per picture
		units[i].Key = inspect(p.Codec, units[i].NALUs).key()
	}
	return *p, units
}

var began = time.Date(2026, 11, 22, 20, 15, 30, 0, time.UTC)

// feed gives the units to the sink, received when their decoding time comes; offset moves the source's clock.
func feed(t testing.TB, s Sink, units []frames.AccessUnit, offset int64) {
	t.Helper()
	for i, u := range units {
		got := Unit{PTS: u.PTS + offset, Received: began.Add(frames.Duration(u.DTS)), NALUs: u.NALUs}
		if err := s.Unit(got); err != nil {
			t.Fatalf("unit %d: %v", i, err)
		}
	}
}

// opened is a fragment with its access units.
type opened struct {
	*frames.Fragment
	params *frames.Parameters
	units  []frames.AccessUnit
	end    int64
}

// check opens the fragment and holds it to what every fragment must be.
func check(t testing.TB, f *frames.Fragment) opened {
	t.Helper()
	if f.Duration > frames.MaxFragmentDuration || f.Duration <= 0 {
		t.Fatalf("%s: %v, want within bounds", f.ID(), f.Duration)
	}
	o := opened{Fragment: f}
	var err error
	if o.params, o.units, o.end, err = frames.Unpack(f.Payload); err != nil {
		t.Fatalf("%s: %v", f.ID(), err)
	}
	if len(f.Payload) > frames.MaxFragmentBytes && len(o.units) > 1 {
		t.Fatalf("%s: %d units in %d bytes", f.ID(), len(o.units), len(f.Payload))
	}
	if f.Key != (o.params != nil) || f.Key != o.units[0].Key {
		t.Fatalf("%s: key %v, init segment %v, first unit %v", f.ID(), f.Key, o.params != nil, o.units[0].Key)
	}
	if got := frames.Duration(o.end - o.units[0].DTS); got != f.Duration {
		t.Fatalf("%s: payload lasts %v, want %v", f.ID(), got, f.Duration)
	}
	last := int64(-1)
	for i, u := range o.units {
		if u.DTS <= last || u.DTS > u.PTS {
			t.Fatalf("%s: unit %d at DTS %d, PTS %d after DTS %d", f.ID(), i, u.DTS, u.PTS, last)
		}
		if u.Key && i > 0 {
			t.Fatalf("%s: key unit %d inside", f.ID(), i)
		}
		last = u.DTS
	}
	return o
}

// checkRun holds fragments of one connection to their order: within an epoch dense, with rising times.
func checkRun(t testing.TB, fs []*frames.Fragment) []opened {
	t.Helper()
	var all []opened
	for i, f := range fs {
		o := check(t, f)
		if i == 0 || fs[i-1].Epoch != f.Epoch {
			if f.Seq != 0 || !f.Key {
				t.Fatalf("%s: an epoch begins with seq %d, key %v", f.ID(), f.Seq, f.Key)
			}
		} else if prev := all[i-1]; f.Seq != prev.Seq+1 || o.units[0].DTS < prev.end {
			t.Fatalf("%s at %d follows %s that ends at %d", f.ID(), o.units[0].DTS, prev.ID(), prev.end)
		}
		all = append(all, o)
	}
	return all
}
