package frames

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"pgregory.net/rapid"
)

// AudioSpecificConfigs: AAC-LC at 48 kHz with one channel, and at 44.1 kHz with two and frames of 960 samples.
var (
	configMono   = mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 1}
	configStereo = mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 44100, ChannelConfig: 2, FrameLengthFlag: true,
	}
)

func aac(t testing.TB, config mpeg4audio.AudioSpecificConfig) *Audio {
	t.Helper()
	a, err := NewAAC(config)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func opusOf(t testing.TB, channels int) *Audio {
	t.Helper()
	a, err := NewOpus(channels)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// tracks are audio tracks, and a unit of each.
func tracks(t testing.TB) map[*Audio][]byte {
	return map[*Audio][]byte{
		aac(t, configMono): {1, 2, 3}, aac(t, configStereo): {4, 5}, opusOf(t, 1): {0xf8, 0xff, 0xfe}, opusOf(t, 2): {0xfc, 1},
	}
}

func TestPackUnpackAudio(t *testing.T) {
	s := avc(t)
	for a, data := range tracks(t) {
		p := s.params
		p.Audio = a
		// Earlier than the pictures, after a gap, and at the end.
		audio := []AudioUnit{{PTS: 0, Data: data}, {PTS: 2089, Data: data}, {PTS: 9000, Data: data}}
		for _, key := range []bool{true, false} {
			b, err := Pack(p, key, 7, s.units, s.end, audio...)
			if err != nil {
				t.Fatal(err)
			}
			got, units, end, err := Unpack(b)
			if err != nil {
				t.Fatal(err)
			}
			if end != s.end || !slices.EqualFunc(units, s.units, sameUnit) {
				t.Errorf("%s, key %v: the pictures differ", a.Codec, key)
			}
			if key && !got.Audio.Same(a) {
				t.Errorf("got track %+v, want %+v", got.Audio, a)
			}
			heard, err := UnpackAudio(b)
			if err != nil || !slices.EqualFunc(heard, audio, sameAudio) {
				t.Errorf("%s, key %v: got %v, %v, want %v", a.Codec, key, heard, err, audio)
			}
			f := Fragment{Start: time.Unix(1000, 0).Add(Duration(s.units[0].PTS)), Payload: b}
			if at, ok := f.Heard(); !ok || !at.Equal(time.Unix(1000, 1e8)) {
				t.Errorf("got the last audio at %v, %v, want 100 ms after the epoch began", at, ok)
			}
		}
	}
}

func sameAudio(a, b AudioUnit) bool { return a.PTS == b.PTS && bytes.Equal(a.Data, b.Data) }

// Fragments without audio, as they always were, have none; nor does a track that is silent yet.
func TestUnpackAudioOfNone(t *testing.T) {
	s := avc(t)
	for _, a := range []*Audio{nil, aac(t, configMono)} {
		p := s.params
		p.Audio = a
		b, err := Pack(p, true, 0, s.units, s.end)
		if err != nil {
			t.Fatal(err)
		}
		got, err := UnpackAudio(b)
		if _, heard := (&Fragment{Payload: b}).Heard(); err != nil || len(got) != 0 || heard {
			t.Errorf("got %v, %v, heard %v, want no audio", got, err, heard)
		}
		if again, _, _, err := Unpack(b); err != nil || !again.Audio.Same(a) {
			t.Errorf("got %+v, %v, want %+v", again, err, a)
		}
	}
}

// Whatever times and bytes the audio has, it comes back, and the pictures with it.
func TestPackUnpackAnyAudio(t *testing.T) {
	s := avc(t)
	s.params.Audio = aac(t, configStereo)
	rapid.Check(t, func(t *rapid.T) {
		pts := rapid.Int64Range(0, 1<<45).Draw(t, "start")
		var audio []AudioUnit
		for range rapid.IntRange(1, 60).Draw(t, "units") {
			audio = append(audio, AudioUnit{PTS: pts, Data: rapid.SliceOfN(rapid.Byte(), 1, 900).Draw(t, "data")})
			pts += rapid.Int64Range(1, ClockRate).Draw(t, "duration")
		}
		b, err := Pack(s.params, true, 0, s.units, s.end, audio...)
		if err != nil {
			t.Fatal(err)
		}
		_, units, end, err := Unpack(b)
		if err != nil || end != s.end || !slices.EqualFunc(units, s.units, sameUnit) {
			t.Fatalf("the pictures differ, %v", err)
		}
		if got, err := UnpackAudio(b); err != nil || !slices.EqualFunc(got, audio, sameAudio) {
			t.Fatalf("got %v, %v, want %v", got, err, audio)
		}
	})
}

func TestSamples(t *testing.T) {
	for _, tt := range []struct {
		name    string
		track   *Audio
		data    []byte
		samples int64 // 0: refused
		ticks   int64
	}{
		{"aac", aac(t, configMono), []byte{1}, 1024, 1920},
		{"aac with short frames", aac(t, configStereo), []byte{1}, 960, 1959},
		{"opus of 20 ms", opusOf(t, 2), []byte{0xfc, 0xff, 0xfe}, 960, 1800},
		{"opus of 2.5 ms", opusOf(t, 1), []byte{0xe0, 0}, 120, 225},
		{"opus of two frames", opusOf(t, 1), []byte{0xf9, 0}, 1920, 3600},
		{"opus of 120 ms", opusOf(t, 1), []byte{0x1b, 2}, 5760, 10800},
		{"opus of more than there can be", opusOf(t, 1), []byte{0x1b, 63}, 0, 0},
		{"opus of no frames", opusOf(t, 1), []byte{0x1b, 0}, 0, 0},
		{"opus cut short", opusOf(t, 1), []byte{0x1b}, 0, 0},
		{"nothing", aac(t, configMono), nil, 0, 0},
		{"too large", aac(t, configMono), make([]byte, MaxAudioUnitBytes+1), 0, 0},
	} {
		got, err := tt.track.Samples(tt.data)
		if got != tt.samples || (err == nil) != (tt.samples > 0) || tt.track.Ticks(got) != tt.ticks {
			t.Errorf("%s: got %d samples, %d ticks, %v, want %d and %d", tt.name, got, tt.track.Ticks(got), err, tt.samples, tt.ticks)
		}
	}
}

func TestAudioRefuses(t *testing.T) {
	change := func(f func(*mpeg4audio.AudioSpecificConfig)) error {
		c := configMono
		f(&c)
		_, err := NewAAC(c)
		return err
	}
	_, noChannel := NewOpus(0)
	_, surround := NewOpus(6)
	_, unknown := (&Audio{Codec: "g711"}).MP4()
	_, noConfig := (&Audio{Codec: AAC}).MP4()
	s := avc(t)
	_, noTrack := Pack(s.params, true, 0, s.units, s.end, AudioUnit{Data: []byte{1}})
	s.params.Audio = aac(t, configMono)
	_, notRising := Pack(s.params, true, 0, s.units, s.end, AudioUnit{PTS: 5, Data: []byte{1}}, AudioUnit{PTS: 5, Data: []byte{1}})
	_, negative := Pack(s.params, true, 0, s.units, s.end, AudioUnit{PTS: -5, Data: []byte{1}})
	_, empty := Pack(s.params, true, 0, s.units, s.end, AudioUnit{})
	s.params.Audio = &Audio{Codec: "g711"}
	_, badInit := Pack(s.params, true, 0, s.units, s.end)
	for name, err := range map[string]error{
		"only AAC-LC": change(func(c *mpeg4audio.AudioSpecificConfig) {
			c.ExtensionType, c.ExtensionSampleRate = mpeg4audio.ObjectTypeSBR, 48000
		}),
		"channel configuration 0": change(func(c *mpeg4audio.AudioSpecificConfig) { c.ChannelConfig = 0 }),
		"0 samples a second":      change(func(c *mpeg4audio.AudioSpecificConfig) { c.SampleRate = 0 }),
		"0 channels":              noChannel, "6 channels": surround, `codec "g711"`: unknown, "aac: ": noConfig,
		"without an audio track": noTrack, "at 5 ends at 5": notRising, "at -5 ends": negative, "audio unit of 0 bytes": empty,
		"init segment: codec": badInit,
	} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want an error that says %q", err, name)
		}
	}
}

func FuzzUnpackAudio(f *testing.F) {
	s := avc(f)
	for a, data := range tracks(f) {
		s.params.Audio = a
		for _, key := range []bool{true, false} {
			b, err := Pack(s.params, key, 1, s.units[:3], s.units[3].DTS, AudioUnit{Data: data}, AudioUnit{PTS: 1920, Data: data})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		units, err := UnpackAudio(in)
		if err != nil {
			return
		}
		if len(units) > len(in) {
			t.Errorf("%d units of %d bytes", len(units), len(in))
		}
		p, _, _, err := Unpack(in)
		if err != nil || p == nil || p.Audio == nil {
			return
		}
		if _, err := p.Audio.MP4(); err != nil {
			t.Errorf("a track that was read cannot be written: %v", err)
		}
		for _, u := range units {
			_, _ = p.Audio.Samples(u.Data) // must not panic
		}
	})
}
