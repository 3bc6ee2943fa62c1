package ingest

import (
	"testing"

	"vigil/frames"
)

func TestRecoveryPoint(t *testing.T) {
	tests := map[string]struct {
		sei  []byte
		want bool
	}{
		"a recovery point":          {[]byte{6, 1, 0xc4, 0x80}, true},
		"behind another message":    {[]byte{5, 2, 1, 2, 6, 1, 0xc4, 0x80}, true},
		"a long type and size":      {append(append([]byte{255, 1, 255, 45}, make([]byte, 300)...), 6, 1, 0xc4, 0x80), true},
		"another message":           {[]byte{5, 2, 6, 1, 0x80}, false},
		"a type of 261":             {[]byte{255, 6, 1, 0, 0x80}, false},
		"larger than the unit":      {[]byte{6, 9, 0xc4, 0x80}, false},
		"a size that does not end":  {[]byte{6, 255, 255}, false},
		"a type that does not end":  {[]byte{255, 255, 255}, false},
		"cut off":                   {[]byte{6}, false},
		"nothing":                   {nil, false},
		"nothing but trailing bits": {[]byte{0x80}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := recoveryPoint(tt.sei); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// A camera that refreshes the picture gradually sends one IDR picture, if any: what joins later begins at a recovery point.
func TestGradualRefresh(t *testing.T) {
	p, units := fixture(t, "refresh")
	keys := 0
	for _, u := range units {
		if u.Key {
			keys++
		}
	}
	if keys != 4 {
		t.Fatalf("got %d places to begin at in three seconds, want 4", keys)
	}
	joined := units[5:]
	fs := checkRun(t, segment(t, func(s *Segmenter) {
		start(t, s, p)
		feed(t, s, joined, 0)
		if st := s.Stats(); st.Dropped != 15 || st.Epochs != 1 {
			t.Errorf("got %+v, want the 15 units in front of the first recovery point dropped", st)
		}
	}))
	wantSame(t, fs, joined[15:])
	keyed := 0
	for _, f := range fs {
		if f.Key {
			keyed++
		}
	}
	if keyed != 3 {
		t.Errorf("got %d key fragments, want one for each recovery point", keyed)
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(true, []byte{6, 6, 1, 0xc4, 0x80}, []byte{0x41, 1})
	f.Add(false, []byte{0x4e, 1, 6, 1, 0x80, 0x80}, []byte{2, 1, 3})
	f.Fuzz(func(t *testing.T, h264 bool, first, second []byte) {
		codec := frames.H265
		if h264 {
			codec = frames.H264
		}
		p := inspect(codec, withoutEmpty([][]byte{first, second}))
		if p.key() && !p.coded {
			t.Error("a picture without a slice is a place to begin at")
		}
	})
}
