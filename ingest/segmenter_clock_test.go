package ingest

import (
	"testing"
	"time"

	"vigil/frames"
)

// A camera whose clock stands still is recorded by the time its pictures arrive.
func TestSegmenterFrozenClock(t *testing.T) {
	p, units := fixture(t, "plain")
	const times = 5
	fs := checkRun(t, segment(t, func(s *Segmenter) {
		start(t, s, p)
		for i := range times * len(units) {
			u := Unit{PTS: 77, Received: began.Add(time.Duration(i) * 40 * time.Millisecond), NALUs: units[i%len(units)].NALUs}
			if err := s.Unit(u); err != nil {
				t.Fatal(err)
			}
		}
		if st := s.Stats(); st.Dropped != 0 || st.Epochs != 1 {
			t.Errorf("got %+v, want one epoch with every unit", st)
		}
	}))
	last := fs[len(fs)-1]
	want := began.Add(times * time.Duration(len(units)) * 40 * time.Millisecond)
	if off := last.End().Sub(want); off < -50*time.Millisecond || off > 50*time.Millisecond {
		t.Errorf("the recording ends %v from when the last unit came", off)
	}
	for _, f := range fs[1:] {
		if f.Duration > frames.MaxFragmentDuration {
			t.Errorf("%s lasts %v", f.ID(), f.Duration)
		}
	}
}

// The sender's clock says when a picture was captured, unless it is not set.
func TestSegmenterSenderClock(t *testing.T) {
	p, units := fixture(t, "plain")
	for ahead, want := range map[time.Duration]time.Duration{
		-300 * time.Millisecond: -300 * time.Millisecond, 900 * time.Millisecond: 900 * time.Millisecond, -3 * time.Second: 0, 25 * 365 * 24 * time.Hour: 0,
	} {
		fs := segment(t, func(s *Segmenter) {
			start(t, s, p)
			for _, u := range units {
				at := began.Add(frames.Duration(u.DTS))
				if err := s.Unit(Unit{PTS: u.PTS, Received: at, NTP: at.Add(ahead), NALUs: u.NALUs}); err != nil {
					t.Fatal(err)
				}
			}
		})
		if got := fs[0].Start.Sub(began.Add(frames.Duration(units[0].DTS))); got != want {
			t.Errorf("a clock %v ahead: got %v, want %v", ahead, got, want)
		}
	}
}

// A camera whose clock runs 1 % wrong is set right again and again, and nothing is lost.
func TestSegmenterDrift(t *testing.T) {
	p, units := fixture(t, "plain")
	for name, rate := range map[string]float64{"fast": 1.01, "slow": 0.99} {
		t.Run(name, func(t *testing.T) {
			var arrived time.Time
			worst := time.Duration(0)
			s := NewSegmenter("door", func(f *frames.Fragment) {
				worst = max(worst, f.End().Sub(arrived).Abs())
			})
			start(t, s, p)
			for i := range 25 * 20 * 60 { // twenty minutes
				at := time.Duration(i) * 40 * time.Millisecond
				arrived = began.Add(at)
				pts := frames.Ticks(time.Duration(float64(at) * rate))
				if err := s.Unit(Unit{PTS: pts, Received: arrived, NALUs: units[i%len(units)].NALUs}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			// It is noticed at the next key frame, and a fragment ends when the next unit comes.
			if st := s.Stats(); st.Dropped != 0 || st.Epochs != 3 || worst > maxDrift+2*time.Second {
				t.Errorf("got %+v, at most %v wrong, want 3 epochs and nothing dropped", st, worst)
			}
		})
	}
}
