package mp4

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	mp4ff "github.com/Eyevinn/mp4ff/mp4"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"vigil/frames"
)

// The test sounds have 3 s of silence, but for a beep from 1.0 s to 1.2 s, later by what the encoder delays.
const beep = time.Second

// tone reads a test sound. Its times are as a camera would give them, the first unit at 0.
func tone(t testing.TB, name string) (*frames.Audio, []frames.AudioUnit) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var p pmp4.Presentation
	if err := p.Unmarshal(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	var a *frames.Audio
	switch c := p.Tracks[0].Codec.(type) {
	case *codecs.MPEG4Audio:
		a, err = frames.NewAAC(c.Config)
	case *codecs.Opus:
		a, err = frames.NewOpus(c.ChannelCount)
	}
	if err != nil || a == nil {
		t.Fatal(a, err)
	}
	var units []frames.AudioUnit
	samples := int64(0)
	for _, s := range p.Tracks[0].Samples {
		data, err := s.GetPayload()
		if err != nil {
			t.Fatal(err)
		}
		n, err := a.Samples(data)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, frames.AudioUnit{PTS: a.Ticks(samples), Data: data})
		samples += n
	}
	return a, units
}

func soundOf(t testing.TB, channels uint8) *frames.Audio {
	t.Helper()
	a, err := frames.NewAAC(mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: channels,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// cutWith is cut with audio, which comes late by so many ticks.
func cutWith(t *testing.T, p frames.Parameters, units []frames.AccessUnit, audio []frames.AudioUnit, late int64) []*frames.Fragment {
	t.Helper()
	all := cut(t, p, units, "a", captured)
	for i, f := range all {
		part := units[i*fragmentSize : min((i+1)*fragmentSize, len(units))]
		end := part[len(part)-1].DTS + frameTicks
		n := 0
		for n < len(audio) && audio[n].PTS+late < end-units[0].DTS {
			n++
		}
		var err error
		// The epoch's zero is at its first decoding, as in the segmenter, so that no time is below it.
		zero := units[0].DTS
		moved, heard := slices.Clone(part), slices.Clone(audio[:n])
		for i := range moved {
			moved[i].PTS, moved[i].DTS = moved[i].PTS-zero, moved[i].DTS-zero
		}
		for i := range heard {
			heard[i].PTS -= zero
		}
		if f.Payload, err = frames.Pack(p, part[0].Key, f.Seq, moved, end-zero, heard...); err != nil {
			t.Fatal(err)
		}
		audio = audio[n:]
	}
	return all
}

// clipSound is the audio track of a written file.
type clipSound struct {
	file   []byte
	tag    string
	rate   int64
	pause  int64 // in front, in ms
	units  [][]byte
	length int64 // of the media, in ticks of rate
}

// String keeps the bytes out of a failure's message.
func (s *clipSound) String() string {
	if s == nil {
		return "no audio"
	}
	return fmt.Sprintf("%d units of %s, %d ticks at %d, after %d ms", len(s.units), s.tag, s.length, s.rate, s.pause)
}

func soundIn(t *testing.T, b []byte) *clipSound {
	t.Helper()
	file, err := mp4ff.DecodeFile(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Moov.Traks) == 1 {
		return nil
	}
	trak := file.Moov.Traks[1]
	s := &clipSound{file: b, tag: trak.Mdia.Minf.Stbl.Stsd.Children[0].Type(), rate: int64(trak.Mdia.Mdhd.Timescale)}
	if edits := trak.Edts.Elst[0].Entries; len(edits) == 2 {
		s.pause = int64(edits[0].SegmentDuration)
	}
	for i, n := range trak.Mdia.Minf.Stbl.Stts.SampleCount {
		s.length += int64(n) * int64(trak.Mdia.Minf.Stbl.Stts.SampleTimeDelta[i])
	}
	if got := int64(trak.Mdia.Mdhd.Duration); got != s.length {
		t.Errorf("the media header says %d ticks, the samples last %d", got, s.length)
	}
	var p pmp4.Presentation
	if err := p.Unmarshal(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	for _, sample := range p.Tracks[1].Samples {
		data, err := sample.GetPayload()
		if err != nil {
			t.Fatal(err)
		}
		s.units = append(s.units, data)
	}
	return s
}

// decode plays the file with FFmpeg, which must not complain, and returns when the beep begins.
func decode(t *testing.T, b []byte) time.Duration {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		t.Skip("ffmpeg is not installed")
	}
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var pcm, errs bytes.Buffer
	// Gaps are filled, and the start padded, so that a sample's place is its time.
	cmd := exec.Command("ffmpeg", "-v", "error", "-xerror", "-i", path, "-map", "0:v", "-f", "null", "-",
		"-map", "0:a", "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", "48000", "-f", "s16le", "pipe:1")
	cmd.Stdout, cmd.Stderr = &pcm, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, &errs)
	}
	samples := pcm.Bytes()
	for i := 0; i+1 < len(samples); i += 2 {
		if math.Abs(float64(int16(binary.LittleEndian.Uint16(samples[i:])))) > 4000 {
			return time.Duration(i/2) * time.Second / 48000
		}
	}
	return -1
}

func TestClipHasSound(t *testing.T) {
	for _, tt := range []struct{ video, audio, tag string }{
		{"plain.mp4", "beep-aac.mp4", "mp4a"},
		{"bframes.mp4", "beep-aac.mp4", "mp4a"},
		{"hevc.mp4", "beep-aac.mp4", "mp4a"},
		{"bframes.mp4", "beep-opus.mp4", "Opus"},
	} {
		t.Run(tt.video+" "+tt.tag, func(t *testing.T) {
			file, units := open(t, tt.video)
			silentFacts, silent := write(t, cut(t, file.Parameters, units, "a", captured), captured)
			var audio []frames.AudioUnit
			file.Parameters.Audio, audio = tone(t, tt.audio)
			facts, b := write(t, cutWith(t, file.Parameters, units, audio, 0), captured)
			if facts.Units != silentFacts.Units || !facts.Start.Equal(silentFacts.Start) || !facts.End.Equal(silentFacts.End) {
				t.Errorf("got %+v, want %+v as without audio", facts, silentFacts)
			}
			again, got := readAll(t, bytes.NewReader(b))
			_, want := readAll(t, bytes.NewReader(silent))
			wantSameUnits(t, got, want)
			if again.Duration != 3*time.Second {
				t.Errorf("got %v of video, want 3 s", again.Duration)
			}
			s := soundIn(t, b)
			if s == nil || s.tag != tt.tag || s.rate != 48000 || s.pause != 0 {
				t.Fatalf("got %s, want %s", s, tt.tag)
			}
			wantUnits(t, s.units, audio[:len(s.units)])
			length, err := file.Parameters.Audio.Samples(audio[0].Data)
			if left := 3*s.rate - s.length; err != nil || left < 0 || left >= length {
				t.Errorf("the audio is shorter by %d samples, want less than a unit of %d", left, length)
			}
			p := ffprobe(t, b)
			if len(p.Streams) != 2 || p.Streams[0].Frames != "45" || p.Streams[0].Duration != "3.000000" ||
				p.Format.Duration != "3.000000" || p.Streams[1].Frames != strconv.Itoa(len(s.units)) {
				t.Errorf("got %+v, want 45 pictures in 3 s and %d audio units", p, len(s.units))
			}
			if at := decode(t, b); (at - beep).Abs() > 40*time.Millisecond {
				t.Errorf("the beep is at %v, want %v", at, beep)
			}
		})
	}
}

func wantUnits(t *testing.T, got [][]byte, want []frames.AudioUnit) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a []byte, b frames.AudioUnit) bool { return bytes.Equal(a, b.Data) }) {
		t.Errorf("got %d audio units, want %d, or they differ", len(got), len(want))
	}
}

// Whatever the audio does, the clip plays, the pictures are all there, and the beep is where it was.
func TestClipWithOddSound(t *testing.T) {
	aac, all := tone(t, "beep-aac.mp4")
	opus, other := tone(t, "beep-opus.mp4")
	jittery := slices.Clone(all)
	for i := range jittery {
		jittery[i].PTS += int64(i%3) * 300
	}
	slow := slices.Clone(all) // its clock lags by a percent
	for i := range slow {
		slow[i].PTS += slow[i].PTS / 100
	}
	twice := slices.Clone(all)
	for i := range twice[1:] {
		if i%10 == 0 {
			twice[i+1].PTS = twice[i].PTS + 1
		}
	}
	var holes []frames.AudioUnit
	for i := range all {
		if i%5 != 3 {
			holes = append(holes, all[i])
		}
	}
	surround := soundOf(t, 6)
	file, units := open(t, "bframes.mp4")
	with := func(a *frames.Audio, audio []frames.AudioUnit, late int64) []*frames.Fragment {
		p := file.Parameters
		p.Audio = a
		return cutWith(t, p, units, audio, late)
	}
	inner := with(aac, all, 0)[3:]
	broken := with(aac, all, 0)
	broken[4].Payload = bytes.Clone(broken[4].Payload)
	copy(broken[4].Payload[bytes.LastIndex(broken[4].Payload, []byte("tfdt"))+8:], "\xff\xff\xff\xff\xff\xff\xff\xff")
	second := cut(t, file.Parameters, units, "b", captured.Add(2999*time.Millisecond))
	for i, f := range second {
		f.Payload = with(opus, other[:20], 0)[i].Payload
	}
	const anywhere = -2 // or not to be decoded
	for _, tt := range []struct {
		name      string
		fragments []*frames.Fragment
		tail      []*frames.Fragment
		units     int // at least
		pause     int64
		beep      time.Duration
	}{
		{"begins late", with(aac, all[30:], 0), nil, 100, 640, beep},
		{"begins after the beep", with(aac, all[80:], 0), nil, 50, 1706, -1},
		{"ends early", with(aac, all[:100], 0), nil, 100, 0, beep},
		{"a gap in front of the beep", with(aac, append(all[:20:20], all[40:]...), 0), nil, 139, 0, beep},
		{"a gap of another codec", with(opus, append(other[:20:20], other[40:]...), 0), nil, 149, 0, beep},
		{"gaps everywhere", with(aac, holes, 0), nil, 137, 0, beep},
		{"a gap in surround sound", with(surround, append(all[:20:20], all[40:]...), 0), nil, 119, 0, anywhere},
		{"a unit alone", with(aac, all[50:51], 0), nil, 1, 1066, anywhere},
		{"jitter", with(aac, jittery, 0), nil, 139, 0, beep},
		{"a clock that lags", with(aac, slow, 0), nil, 130, 0, beep},
		{"units over each other", with(aac, twice, 0), nil, 120, 0, beep},
		{"comes late", with(aac, all, 13000), nil, 130, 0, beep},
		{"comes late, with what follows", with(aac, all, 13000)[:8], with(aac, all, 13000)[8:], 124, 0, beep},
		{"the clip is a part", inner, nil, 92, 0, anywhere},
		{"another track takes over", append(with(aac, all, 0), second...), nil, 139, 0, beep},
		{"times that cannot be", broken, nil, 100, 0, anywhere},
		{"a track without a unit", with(aac, nil, 0), nil, 0, 0, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var buf bytes.Buffer
			facts, err := Write(&buf, tt.fragments, tt.tail, captured)
			if err != nil {
				t.Fatal(err)
			}
			again, got := readAll(t, bytes.NewReader(buf.Bytes()))
			if want := len(tt.fragments) * fragmentSize; facts.Units != want || len(got) != want {
				t.Errorf("got %d pictures, want %d", len(got), want)
			}
			if len(facts.Gaps) != 0 {
				t.Errorf("got gaps %+v, want none", facts.Gaps)
			}
			s := soundIn(t, buf.Bytes())
			if tt.units == 0 {
				if s != nil {
					t.Errorf("got an audio track of %d units, want none", len(s.units))
				}
				return
			}
			if s == nil || len(s.units) < tt.units || s.pause < tt.pause || s.pause > tt.pause+22 {
				t.Fatalf("got %s, want %d units after %d ms", s, tt.units, tt.pause)
			}
			lasts := time.Duration(s.pause)*time.Millisecond + time.Duration(s.length)*time.Second/time.Duration(s.rate)
			if lasts > again.Duration {
				t.Errorf("the audio ends at %v, the video at %v", lasts, again.Duration)
			}
			if tt.beep == anywhere {
				return
			}
			if at := decode(t, buf.Bytes()); (at - tt.beep).Abs() > 50*time.Millisecond {
				t.Errorf("the beep is at %v, want %v", at, tt.beep)
			}
		})
	}
}

// With what follows the clip, audio that came late lasts as long as the pictures.
func TestLateSoundLastsAsLong(t *testing.T) {
	file, units := open(t, "plain.mp4")
	var audio []frames.AudioUnit
	file.Parameters.Audio, audio = tone(t, "beep-aac.mp4")
	all := cutWith(t, file.Parameters, units, audio, 50000) // more than half a second
	for _, tail := range [][]*frames.Fragment{all[6:], append(all[:6:6], all[6:]...)} {
		var buf bytes.Buffer
		if _, err := Write(&buf, all[:6], tail, captured); err != nil {
			t.Fatal(err)
		}
		s := soundIn(t, buf.Bytes())
		if left := 2*s.rate - s.length; left < 0 || left >= 1024 {
			t.Errorf("the audio is shorter by %d samples, want less than a unit of 1024", left)
		}
		wantUnits(t, s.units, audio[:len(s.units)])
	}
}

// Silence is what decoders take for it, whatever the track.
func TestSilence(t *testing.T) {
	file, units := open(t, "plain.mp4")
	opus1, err := frames.NewOpus(1)
	if err != nil {
		t.Fatal(err)
	}
	opus2, err := frames.NewOpus(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*frames.Audio{soundOf(t, 1), soundOf(t, 2), opus1, opus2} {
		data, length := silence(a)
		file.Parameters.Audio = a
		audio := []frames.AudioUnit{{Data: data}, {PTS: 2 * frames.ClockRate, Data: data}}
		_, b := write(t, cutWith(t, file.Parameters, units, audio, 0), captured)
		s := soundIn(t, b)
		if s == nil || s.length < 2*s.rate || s.length > 2*s.rate+2*length {
			t.Fatalf("%s with %d channels: got %s, want 2 s", a.Codec, a.Channels, s)
		}
		for i, u := range s.units {
			if !bytes.Equal(u, data) {
				t.Errorf("%s: unit %d is % x, want silence", a.Codec, i, u)
			}
		}
		if at := decode(t, b); at >= 0 {
			t.Errorf("%s with %d channels: something is heard at %v", a.Codec, a.Channels, at)
		}
	}
	if data, _ := silence(soundOf(t, 6)); data != nil {
		t.Errorf("got silence % x of six channels, want none", data)
	}
}
