package ingest

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"pgregory.net/rapid"

	"vigil/frames"
)

const (
	pictureTicks = frames.ClockRate / 25
	soundTicks   = 1920 // 1024 samples at 48 kHz
)

func track(t testing.TB) *frames.Audio {
	t.Helper()
	a, err := frames.NewAAC(mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// event is a packet of either track; at is when it arrives.
type event struct {
	at    time.Time
	unit  *Unit
	sound *Sound
}

// studio plays pictures and audio that were captured together to a segmenter.
type studio struct {
	videoClock, audioClock int64 // what each track's clock shows when the scene begins
	late                   time.Duration
	together               int           // audio units in a packet
	reports                bool          // the sender's clock is known
	size                   int           // of an audio unit
	from, to               time.Duration // of the audio
}

var senderBegan = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// events returns the packets in order of arrival. The data of an audio unit begins with its number.
func (s studio) events(units []frames.AccessUnit) []event {
	var all []event
	first, last := units[0].PTS, int64(0)
	for _, u := range units {
		at := u.PTS - first
		last = max(last, at+pictureTicks)
		e := event{at: began.Add(frames.Duration(u.DTS - units[0].DTS))}
		e.unit = &Unit{PTS: at + s.videoClock, Received: e.at, NALUs: u.NALUs}
		if s.reports {
			e.unit.NTP = senderBegan.Add(frames.Duration(at))
		}
		all = append(all, e)
	}
	n := byte(0)
	for at := frames.Ticks(s.from); at < min(last, frames.Ticks(s.to)); {
		p := &Sound{PTS: at + s.audioClock}
		if s.reports {
			p.NTP = senderBegan.Add(frames.Duration(at))
		}
		for range s.together {
			p.Units = append(p.Units, append([]byte{n}, make([]byte, s.size)...))
			n++
			at += soundTicks
		}
		p.Received = began.Add(frames.Duration(at) + s.late)
		all = append(all, event{at: p.Received, sound: p})
	}
	slices.SortStableFunc(all, func(a, b event) int { return a.at.Compare(b.at) })
	return all
}

func play(t testing.TB, s *Segmenter, events []event) {
	t.Helper()
	for _, e := range events {
		if e.sound != nil {
			s.Audio(*e.sound)
		} else if err := s.Unit(*e.unit); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// heard is an audio unit and the capture time that its fragment gives it.
type heard struct {
	number byte
	at     time.Duration // since the scene began
	pts    int64
}

func listen(t testing.TB, fs []*frames.Fragment) (all []heard) {
	t.Helper()
	for _, o := range checkRun(t, fs) {
		audio, err := frames.UnpackAudio(o.Payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range audio {
			at := o.Start.Sub(began) + frames.Duration(u.PTS-o.units[0].PTS)
			all = append(all, heard{u.Data[0], at, u.PTS})
		}
	}
	return all
}

// Whatever origins the clocks have, and however late the audio comes, it lies beside the pictures that it was captured with.
func TestAudioBesidePictures(t *testing.T) {
	for _, tt := range []struct {
		name   string
		studio studio
		off    time.Duration // at most
		lost   int           // units at the beginning, at most: before the first picture, or until the next report
	}{
		{"clocks agree", studio{together: 1}, 40 * time.Millisecond, 2},
		{"clocks differ", studio{videoClock: 1 << 40, audioClock: -1 << 33, together: 1}, 40 * time.Millisecond, 2},
		{"eight units a packet", studio{audioClock: 12345, together: 8}, 50 * time.Millisecond, 8},
		{"a report, and 300 ms late", studio{audioClock: 777, together: 1, late: 300 * time.Millisecond, reports: true}, time.Millisecond, 0},
		{"a report, and a second a packet", studio{videoClock: 99, together: 47, reports: true}, time.Millisecond, 0},
		{"a report, and early", studio{together: 1, late: -100 * time.Millisecond, reports: true}, time.Millisecond, 6},
		{"it begins late", studio{together: 1, reports: true, from: time.Second}, time.Millisecond, 0},
		{"it ends early", studio{together: 1, reports: true, to: time.Second}, time.Millisecond, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, units := fixture(t, "plain")
			p.Audio = track(t)
			tt.studio.size = 100
			if tt.studio.to == 0 {
				tt.studio.to = time.Hour
			}
			events := tt.studio.events(units)
			var fs []*frames.Fragment
			s := NewSegmenter("door", func(f *frames.Fragment) { fs = append(fs, f) })
			if err := s.Start(p); err != nil {
				t.Fatal(err)
			}
			play(t, s, events)
			got := listen(t, fs)
			if len(got) == 0 || int(got[0].number) > tt.lost {
				t.Fatalf("got %d units from %v on, want those from %d on", len(got), got, tt.lost)
			}
			for i, h := range got {
				want := tt.studio.from + frames.Duration(int64(h.number)*soundTicks)
				if off := (h.at - want).Abs(); off > tt.off {
					t.Errorf("unit %d: at %v, want %v", h.number, h.at, want)
				}
				if i > 0 && (h.number != got[i-1].number+1 || h.pts != got[i-1].pts+soundTicks) {
					t.Errorf("unit %d at %d follows %d at %d", h.number, h.pts, got[i-1].number, got[i-1].pts)
				}
			}
			if st := s.Stats(); st.AudioDropped != 0 || int(st.Units) != len(units) || st.Dropped != 0 {
				t.Errorf("got %+v, want nothing dropped", st)
			}
		})
	}
}

// The pictures are in the same fragments with audio and without, whatever the audio does.
func TestAudioLeavesPicturesAlone(t *testing.T) {
	for _, name := range []string{"plain", "bframes", "h265"} {
		p, units := fixture(t, name)
		silent := record(t, p, studio{to: -1}.events(units))
		p.Audio = track(t)
		rapid.Check(t, func(rt *rapid.T) {
			s := studio{
				videoClock: rapid.Int64Range(-1<<50, 1<<50).Draw(rt, "video clock"),
				audioClock: rapid.Int64Range(-1<<60, 1<<60).Draw(rt, "audio clock"),
				late:       time.Duration(rapid.Int64Range(-int64(time.Second), int64(3*time.Second)).Draw(rt, "late")),
				together:   rapid.IntRange(1, 50).Draw(rt, "together"), size: rapid.IntRange(0, 17<<10).Draw(rt, "size"),
				reports: rapid.Bool().Draw(rt, "reports"), to: time.Hour,
			}
			events := s.events(units)
			for _, e := range events { // some packets are broken, some come from a clock that is
				if e.sound != nil && rapid.IntRange(0, 9).Draw(rt, "fault") == 0 {
					e.sound.PTS = rapid.Int64().Draw(rt, "time")
					e.sound.Units[0] = nil
				}
			}
			got := record(t, p, events)
			if len(got) != len(silent) {
				rt.Fatalf("%s: got %d fragments, want %d", name, len(got), len(silent))
			}
			for i, o := range checkRun(t, got) {
				if o.Key != silent[i].Key || o.Duration != silent[i].Duration || !o.Start.Equal(silent[i].Start) {
					rt.Fatalf("%s: got fragment %+v, want %+v", name, o.Fragment, silent[i])
				}
				want := check(t, silent[i])
				if !slices.EqualFunc(o.units, want.units, func(a, b frames.AccessUnit) bool {
					return a.PTS == b.PTS && a.DTS == b.DTS && slices.EqualFunc(a.NALUs, b.NALUs, bytes.Equal)
				}) {
					rt.Fatalf("%s: pictures of %s differ", name, o.ID())
				}
			}
			times := listen(t, got)
			if !slices.IsSortedFunc(times, func(a, b heard) int { return int(a.pts - b.pts) }) {
				rt.Fatalf("%s: audio goes back in time: %v", name, times)
			}
		})
	}
}

func record(t testing.TB, p frames.Parameters, events []event) (fs []*frames.Fragment) {
	t.Helper()
	s := NewSegmenter("door", func(f *frames.Fragment) { fs = append(fs, f) })
	if err := s.Start(p); err != nil {
		t.Fatal(err)
	}
	play(t, s, events)
	return fs
}

func TestAudioBounds(t *testing.T) {
	p, units := fixture(t, "plain")
	p.Audio = track(t)
	for _, tt := range []struct {
		name    string
		size    int
		dropped bool
	}{
		{"what cameras send", 300, false},
		{"at the limit of a unit", frames.MaxAudioUnitBytes - 1, true}, // 11 a fragment, of which 3 or 4 fit
		{"beyond it", frames.MaxAudioUnitBytes, true},
	} {
		var fs []*frames.Fragment
		s := NewSegmenter("door", func(f *frames.Fragment) { fs = append(fs, f) })
		if err := s.Start(p); err != nil {
			t.Fatal(err)
		}
		play(t, s, studio{together: 1, size: tt.size, to: time.Hour}.events(units))
		if got := s.Stats().AudioDropped > 0; got != tt.dropped {
			t.Errorf("%s: got dropped %v, want %v", tt.name, got, tt.dropped)
		}
		for _, o := range checkRun(t, fs) {
			size := 0
			audio, err := frames.UnpackAudio(o.Payload)
			for _, u := range audio {
				size += len(u.Data)
			}
			if err != nil || size > frames.MaxFragmentAudioBytes {
				t.Errorf("%s: got %d bytes of audio, %v", tt.name, size, err)
			}
		}
	}
}

// A picture that fills a fragment leaves its audio to the next one.
func TestAudioMakesRoom(t *testing.T) {
	p, units := fixture(t, "plain")
	p.Audio = track(t)
	events := studio{together: 1, size: 2000, to: time.Hour}.events(units[:20])
	head := headBytes + len(p.SPS) + len(p.PPS) + sampleBytes
	first := events[0].unit
	for _, n := range first.NALUs {
		head += naluLengthSize + len(n)
	}
	filler := append([]byte{0x0c}, make([]byte, frames.MaxFragmentBytes-head-naluLengthSize-1)...) // H.264, 7.3.2.7
	first.NALUs = append(slices.Clone(first.NALUs), filler)
	fs := record(t, p, events)
	audio, err := frames.UnpackAudio(fs[0].Payload)
	if err != nil || len(audio) != 0 || len(fs[0].Payload) < frames.MaxFragmentBytes-2*headBytes {
		t.Errorf("got %d bytes with %d audio units, %v, want a full fragment", len(fs[0].Payload), len(audio), err)
	}
	if got := listen(t, fs); len(got) == 0 || got[0].at > 40*time.Millisecond {
		t.Errorf("got audio %v, want all of it", got)
	}
}

// Audio that is always later than it says is moved to where it belongs, and so is one that the clock leaves.
func TestLipSyncFollows(t *testing.T) {
	var l lipSync
	at := func(i int) (int64, time.Time) {
		return int64(i) * 1800, began.Add(time.Duration(i) * 20 * time.Millisecond)
	}
	place := func(i int, s Sound) time.Duration {
		pts, now := at(i)
		l.picture(Unit{PTS: pts, Received: now})
		return frames.Duration(l.place(s, 1800) + 1800 - pts)
	}
	for i := range 600 {
		pts, now := at(i)
		late := time.Duration(0)
		if i >= 10 { // it began with a burst
			late = 300 * time.Millisecond
		}
		if i%7 == 0 {
			late += 50 * time.Millisecond
		}
		off := place(i, Sound{PTS: pts - frames.Ticks(late), Received: now})
		if limit := 90 * time.Millisecond; i > 150 && off.Abs() > limit {
			t.Fatalf("packet %d: off by %v, want at most %v", i, off, limit)
		}
	}
	pts, now := at(600)
	if off := place(600, Sound{PTS: pts + 100*frames.ClockRate, Received: now}); off.Abs() > time.Millisecond {
		t.Errorf("after a jump: off by %v", off)
	}
	if off := place(600, Sound{PTS: pts, Received: now, NTP: time.Unix(1, 0)}); off.Abs() > 100*time.Millisecond {
		t.Errorf("a report of one track alone: off by %v", off)
	}
}

// The camera's audio comes from its own goroutine in some adapters; what is lost is said once.
func TestConnectionSaysWhatAudioIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said bytes.Buffer
		p, units := fixture(t, "plain")
		p.Audio = track(t)
		l := newLane(Camera{ID: "door"}, nil, nil, slog.New(slog.NewTextHandler(&said, nil)))
		c, _ := l.begin(t.Context(), "rtsp pull")
		if err := c.Start(p); err != nil {
			t.Fatal(err)
		}
		feed(t, c, units[:10], 0)
		for range 3 {
			c.Audio(Sound{Units: [][]byte{make([]byte, frames.MaxAudioUnitBytes+1)}, Received: began})
		}
		_ = c.close(errLeft)
		c.Audio(Sound{Units: [][]byte{nil}, Received: began})
		if got := said.String(); strings.Count(got, "audio is lost") != 1 || !strings.Contains(got, "camera=door") ||
			!strings.Contains(got, "dropped_audio_units=3") {
			t.Errorf("got %s", got)
		}
	})
}

func TestSenderClock(t *testing.T) {
	c := &SenderClock{Rate: 48000}
	if got := c.At(5); !got.IsZero() {
		t.Errorf("got %v before a report, want none", got)
	}
	const second = 2208988800 + 1000 // NTP counts from 1900
	c.Report(second<<32|1<<31, 1<<32-24000)
	for ts, want := range map[uint32]time.Time{
		1<<32 - 24000: time.Unix(1000, 5e8), 24000: time.Unix(1001, 5e8), 1<<32 - 72000: time.Unix(999, 5e8),
	} {
		if got := c.At(ts); !got.Equal(want) {
			t.Errorf("timestamp %d: got %v, want %v", ts, got, want)
		}
	}
}
