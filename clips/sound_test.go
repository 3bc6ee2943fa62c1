package clips_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/pmp4"

	"vigil/frames"
)

const audioTicks = 1920 // 1024 samples at 48 kHz

// speak puts audio into the recording from one time to another, each unit so much later than it is heard.
func speak(t *testing.T, p frames.Parameters, video *recording, from, to, late time.Duration) {
	t.Helper()
	var err error
	p.Audio, err = frames.NewAAC(mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	at := frames.Ticks(from)
	for _, f := range video.fragments {
		_, units, end, err := frames.Unpack(f.Payload)
		if err != nil {
			t.Fatal(err)
		}
		var heard []frames.AudioUnit
		for ; at+frames.Ticks(late) < end && at < frames.Ticks(to); at += audioTicks {
			heard = append(heard, frames.AudioUnit{PTS: at, Data: []byte{1, 24, 32, 7}})
		}
		if f.Payload, err = frames.Pack(p, f.Key, f.Seq, units, end, heard...); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWaitsForTheAudio(t *testing.T) {
	const window = 2 * time.Second // 6 of the 9 fragments
	for _, tt := range []struct {
		name     string
		from, to time.Duration
		late     time.Duration
		enough   int           // fragments
		lasts    time.Duration // to where in the clip the audio is heard; 0: there is none
	}{
		{"in time", 0, time.Hour, 0, 6, window},
		{"a little late", 0, time.Hour, 200 * time.Millisecond, 7, window},
		{"later", 0, time.Hour, 600 * time.Millisecond, 8, window},
		{"it ended", 0, 1500 * time.Millisecond, 0, 9, 1500 * time.Millisecond},
		{"it ended long ago", 0, 700 * time.Millisecond, 0, 6, 700 * time.Millisecond},
		{"it has not begun", 2500 * time.Millisecond, time.Hour, 0, 6, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			p, _, video := record(t, "plain.mp4")
			speak(t, p, video, tt.from, tt.to, tt.late)
			all := video.fragments
			s.Video, s.job.End = video, captured.Add(window)
			for n := 5; n < tt.enough; n++ {
				video.fragments = all[:n]
				s.wantNotYet(t, 500*time.Millisecond)
			}
			video.fragments = all[:tt.enough]
			s.handle(t)
			s.wantClip(t)
			s.wantAudio(t, tt.lasts)
		})
	}
}

// A camera that went away before its last audio came has a clip all the same.
func TestDoesNotWaitForAudioForEver(t *testing.T) {
	s := newScene(t)
	p, _, video := record(t, "plain.mp4")
	speak(t, p, video, 0, time.Hour, 400*time.Millisecond)
	s.Video, s.job.End = video, captured.Add(3*time.Second)
	s.wantNotYet(t, 500*time.Millisecond)
	s.now = s.job.End.Add(6 * time.Second)
	s.handle(t)
	s.wantClip(t)
	s.wantAudio(t, 2600*time.Millisecond)
}

// wantAudio expects audio to be heard in the clip until it lasts, to a unit.
func (s *scene) wantAudio(t *testing.T, lasts time.Duration) {
	t.Helper()
	var clip pmp4.Presentation
	if err := clip.Unmarshal(bytes.NewReader(s.read(t, clipKey))); err != nil {
		t.Fatal(err)
	}
	if len(clip.Tracks) == 1 {
		if lasts != 0 {
			t.Errorf("got no audio, want it until %v", lasts)
		}
		return
	}
	got := time.Duration(clip.Tracks[1].TimeOffset) * time.Second / 48000
	for _, sample := range clip.Tracks[1].Samples {
		got += time.Duration(sample.Duration) * time.Second / 48000
	}
	if (got - lasts).Abs() > 22*time.Millisecond {
		t.Errorf("got audio until %v, want %v", got, lasts)
	}
}
