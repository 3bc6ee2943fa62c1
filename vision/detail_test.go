package vision

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"vigil/frames"
)

// keeping is a detail with a decoder that counts.
func keeping(t *testing.T, list []*frames.Fragment) (*detail, *atomic.Int64) {
	t.Helper()
	w, decoded := newWorld(t), new(atomic.Int64)
	d := &detail{guard: unguarded{}, trouble: &tally{log: w.config().Log}, open: func(frames.Parameters) (Decoder, error) {
		w.open++
		return mainDecoder{&fakeDecoder{w: w}, decoded}, nil
	}}
	for i, f := range list {
		f.Pos = uint64(i + 1)
		d.keep(f, time.Time{})
	}
	t.Cleanup(func() {
		if d.close(); w.open != 0 {
			t.Errorf("%d decoders left open", w.open)
		}
	})
	return d, decoded
}

func TestDetailPicture(t *testing.T) {
	d, decoded := keeping(t, record(t, "m1", t0, 6)) // key frames at 0, 2 and 4 s, ten pictures a second
	at := func(s float64) time.Time { return t0.Add(time.Duration(s * float64(time.Second))) }
	for _, step := range []struct {
		at, want float64
		units    int64 // decoded for it, one more than shown
	}{
		{2.53, 2.5, 8}, // from the key frame at 2 s on, and the one behind it
		{2.54, 2.5, 0},
		{2.78, 2.8, 2},
		{3.8, 3.8, 10},
		{3.6, 3.8, 0},  // near enough
		{2.1, 2.1, 3},  // back
		{5.1, 5.1, 13}, // of another group
		{6.1, 5.8, 0},
	} {
		before := decoded.Load()
		p, ok := d.picture(at(step.at))
		if !ok || p.Time.Sub(at(step.want)).Abs() > time.Millisecond {
			t.Errorf("at %.2f s: got the picture at %v, %v, want %.2f s", step.at, p.Time.Sub(t0), ok, step.want)
		}
		if n := decoded.Load() - before; n > step.units+8 || step.units == 0 && n > 8 {
			t.Errorf("at %.2f s: decoded %d access units, want some %d", step.at, n, step.units)
		}
	}
	for _, s := range []float64{-1, 6.5} {
		if p, ok := d.picture(at(s)); ok {
			t.Errorf("at %.1f s: got the picture at %v", s, p.Time.Sub(t0))
		}
	}
}

func TestDetailKeeps(t *testing.T) {
	list := record(t, "m1", t0, 20)
	d, _ := keeping(t, nil)
	for i, f := range list {
		f.Pos = uint64(i + 1)
		d.keep(f, f.Start.Add(-time.Second))
	}
	if first := d.kept[0]; !first.Key || first.Start.Sub(t0) != 18*time.Second {
		t.Errorf("keeps from %v, want from the key frame at 18 s", first.Start.Sub(t0))
	}
	gone := slices.Delete(slices.Clone(list), 30, 31) // inside the group from 14 s on
	d, _ = keeping(t, gone[:31])
	if last := d.kept[len(d.kept)-1]; last != list[29] {
		t.Errorf("keeps up to %s, want nothing behind the gap", last.ID())
	}
	large := record(t, "m2", t0, 20)
	for _, f := range large {
		f.Payload = append(f.Payload, make([]byte, 3<<20)...)
	}
	d, _ = keeping(t, large)
	if d.bytes > detailMostBytes || len(d.kept) == 0 {
		t.Errorf("keeps %d bytes in %d fragments, want some, at most %d bytes", d.bytes, len(d.kept), detailMostBytes)
	}
}
