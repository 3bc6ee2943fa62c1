package ingest

import (
	"testing"
	"time"

	"vigil/frames"
)

// R06: what was decoded from something that never came is marked, up to the next key unit that came whole, and in front of
// that one a gap says what is missing.
func TestSegmenterLoss(t *testing.T) {
	p, units := fixture(t, "plain") // key units at 0, 20 and 40
	const none = -1
	for _, tt := range []struct {
		name    string
		missing map[int]bool // unit -> is partial
		without int          // unit that never came
		from    int          // units that are in fragments with a mark
		to      int
		gap     int // unit in front of which a gap is told
	}{
		{"nothing", nil, none, none, none, none},
		{"inside", map[int]bool{26: false}, 25, 26, 40, none},
		{"a part of one", map[int]bool{26: true}, none, 26, 40, none},
		{"in front of a key unit", map[int]bool{40: false}, 39, none, none, 40},
		{"a part of a key unit", map[int]bool{20: true}, none, 20, 40, none},
		{"again and again", map[int]bool{23: true, 30: false, 40: false}, none, 23, 40, 40},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := checkRun(t, segment(t, func(s *Segmenter) {
				start(t, s, p)
				for i, u := range units {
					partial, missing := tt.missing[i]
					got := Unit{PTS: u.PTS, Received: began.Add(frames.Duration(u.PTS)), NALUs: u.NALUs, Missing: missing, Partial: partial}
					if i == tt.without {
						continue
					}
					if err := s.Unit(got); err != nil {
						t.Fatal(err)
					}
				}
			}))
			at, gap := 0, none
			for i, f := range fs {
				if at == tt.without {
					at++
				}
				if f.Gap != nil {
					gap = at
					lasts := time.Second / 25
					if tt.without == none {
						lasts = 0
					}
					if f.Gap.Reason != GapLoss || !f.Gap.From.Equal(fs[i-1].End()) || f.Gap.To.Sub(f.Gap.From) != lasts {
						t.Errorf("%s: gap %+v, want one of %s", f.ID(), f.Gap, lasts)
					}
				}
				next := at + len(f.units)
				if want := next > tt.from && at < tt.to && tt.from != none; f.Loss != want {
					t.Errorf("units %d to %d: loss %v, want %v", at, next-1, f.Loss, want)
				}
				at = next
			}
			if gap != tt.gap {
				t.Errorf("got a gap in front of unit %d, want %d", gap, tt.gap)
			}
		})
	}
}
