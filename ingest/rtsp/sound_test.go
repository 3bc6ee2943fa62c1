package rtsp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"vigil/frames"
	"vigil/ingest"
)

const audioType = 97

func aacFormat(change ...func(*mpeg4audio.AudioSpecificConfig)) *format.MPEG4Audio {
	c := &mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: 48000, ChannelConfig: 1}
	for _, f := range change {
		f(c)
	}
	return &format.MPEG4Audio{PayloadTyp: audioType, Config: c, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
}

func opusFormat(channels int) *format.Opus {
	return &format.Opus{PayloadTyp: audioType, ChannelCount: channels}
}

// voiced is a unit that says which it is. Its first byte is that of 20 ms of Opus.
func voiced(n int) []byte { return binary.BigEndian.AppendUint32([]byte{0xf8}, uint32(n)) }

// talk sends units of 20 ms by the given encoder, in real time.
func (c *camera) talk(encode func(unit []byte) ([]*rtp.Packet, error), samples int) {
	background(c.t, func(ctx context.Context) error {
		began := time.Now()
		for n := 0; sleep(ctx, max(1, time.Until(began.Add(time.Duration(n*samples)*time.Second/48000)))) == nil; n++ {
			pkts, err := encode(voiced(n))
			if err != nil {
				return err
			}
			for _, pkt := range pkts {
				pkt.Timestamp = uint32(n*samples) - 1000 // wraps soon after the beginning
				if err := c.stream.WritePacketRTP(c.stream.Desc.Medias[0], pkt); err != nil {
					return nil //nolint:nilerr // the camera is gone
				}
			}
		}
		return nil
	})
}

// listen returns the audio in the fragments.
func listen(t *testing.T, fs ...*frames.Fragment) (units []frames.AudioUnit) {
	t.Helper()
	for _, f := range fs {
		u, err := frames.UnpackAudio(f.Payload)
		if err != nil {
			t.Fatalf("%s: %v", f.ID(), err)
		}
		units = append(units, u...)
	}
	return units
}

func TestPullTakesAudio(t *testing.T) {
	avc := aacFormat()
	aacEncoder, err := avc.CreateEncoder()
	if err != nil {
		t.Fatal(err)
	}
	opusEncoder, err := opusFormat(2).CreateEncoder()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		codec   frames.Codec
		format  format.Format
		encode  func([]byte) ([]*rtp.Packet, error)
		samples int
	}{
		{frames.AAC, avc, func(u []byte) ([]*rtp.Packet, error) { return aacEncoder.Encode([][]byte{u}) }, 1024},
		{frames.Opus, opusFormat(2), func(u []byte) ([]*rtp.Packet, error) {
			pkt, err := opusEncoder.Encode(u)
			return []*rtp.Packet{pkt}, err
		}, 960},
	} {
		t.Run(string(tt.codec), func(t *testing.T) {
			t.Parallel()
			c := newCamera(t, "plain", speaking(tt.format))
			c.talk(tt.encode, tt.samples)
			said := &logged{}
			source, err := NewClient(ClientConfig{URL: c.url("admin", url.PathEscape(oddPassword)), Log: said.logger()})
			if err != nil {
				t.Fatal(err)
			}
			st := newStation(t, said, ingest.Camera{ID: "door", Source: source})
			fs := recorded(t, st.log, "door", func(fs []*frames.Fragment) bool { return len(listen(t, fs...)) >= 60 })
			st.stop()
			p, _, _, err := frames.Unpack(fs[0].Payload)
			if err != nil || p == nil || p.Audio == nil || p.Audio.Codec != tt.codec || p.Audio.Rate != 48000 {
				t.Fatalf("got parameters %+v, %v, want %s", p, err, tt.codec)
			}
			units := listen(t, fs...)
			first := int(binary.BigEndian.Uint32(units[0].Data[1:]))
			for i, u := range units {
				if !bytes.Equal(u.Data, voiced(first+i)) {
					t.Fatalf("audio unit %d: got % x, want % x", i, u.Data, voiced(first+i))
				}
				if i > 0 && u.PTS <= units[i-1].PTS {
					t.Errorf("audio unit %d at %d follows one at %d", i, u.PTS, units[i-1].PTS)
				}
			}
			if strings.Contains(said.String(), "only the video") || strings.Contains(said.String(), "undecodable") {
				t.Errorf("the log complains:\n%s", said)
			}
		})
	}
}

// A camera that has audio in its description, and does not give it, gives its video.
func TestPullWithoutTheAudioOffered(t *testing.T) {
	for name, refuse := range map[string]func(*gortsplib.ServerHandlerOnSetupCtx) *base.Response{
		"refuses": func(*gortsplib.ServerHandlerOnSetupCtx) *base.Response {
			return &base.Response{StatusCode: base.StatusNotAcceptable}
		},
		"hangs up": func(x *gortsplib.ServerHandlerOnSetupCtx) *base.Response {
			_ = x.Conn.NetConn().Close()
			return &base.Response{StatusCode: base.StatusOK}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCamera(t, "plain", speaking(aacFormat()))
			var asked atomic.Int32
			c.setup = func(x *gortsplib.ServerHandlerOnSetupCtx) *base.Response {
				if strings.HasSuffix(x.Request.URL.String(), "trackID=0") {
					asked.Add(1)
					return refuse(x)
				}
				return &base.Response{StatusCode: base.StatusOK}
			}
			said := &logged{}
			source, err := NewClient(ClientConfig{URL: c.url("admin", url.PathEscape(oddPassword)), Log: said.logger()})
			if err != nil {
				t.Fatal(err)
			}
			st := newStation(t, said, ingest.Camera{ID: "door", Source: source})
			fs := recorded(t, st.log, "door", func(fs []*frames.Fragment) bool { return len(fs) >= 4 })
			st.stop()
			if p, _, _, err := frames.Unpack(fs[0].Payload); err != nil || p.Audio != nil || len(listen(t, fs...)) != 0 {
				t.Errorf("got parameters %+v, %v, want no audio", p, err)
			}
			if got := asked.Load(); got != 1 || !strings.Contains(said.String(), "audio is dropped") {
				t.Errorf("asked %d times for the audio, want once and a warning:\n%s", got, said)
			}
			if strings.Contains(said.String(), oddPassword) {
				t.Error("the log shows the password")
			}
		})
	}
}

func TestFindSound(t *testing.T) {
	audio := func(formats ...format.Format) *description.Media {
		return &description.Media{Type: description.MediaTypeAudio, Formats: formats}
	}
	video := &track{format: &format.H264{PayloadTyp: 96, PacketizationMode: 1}}
	videoMedia := &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{video.format}}
	g711 := &format.G711{PayloadTyp: 0, MULaw: true, SampleRate: 8000, ChannelCount: 1}
	talkback := audio(aacFormat())
	talkback.IsBackChannel = true
	many := []*description.Media{videoMedia}
	for range 97 {
		many = append(many, audio(g711))
	}
	heAAC := aacFormat(func(c *mpeg4audio.AudioSpecificConfig) {
		c.ExtensionType, c.ExtensionSampleRate = mpeg4audio.ObjectTypeSBR, 96000
	})
	noLayout := aacFormat(func(c *mpeg4audio.AudioSpecificConfig) { c.ChannelConfig = 0 })
	for _, tt := range []struct {
		name    string
		media   []*description.Media
		want    frames.Codec
		ignored string
	}{
		{"none", []*description.Media{videoMedia}, "", ""},
		{"g711", []*description.Media{audio(g711), videoMedia}, "", "[audio PCMU/8000]"},
		{"aac", []*description.Media{videoMedia, audio(aacFormat())}, frames.AAC, ""},
		{"opus mono", []*description.Media{videoMedia, audio(opusFormat(1))}, frames.Opus, ""},
		{"surround opus", []*description.Media{videoMedia, audio(opusFormat(6))}, "", "[audio multiopus/48000/6]"},
		{"aac with sbr", []*description.Media{videoMedia, audio(heAAC)}, "", "[audio mpeg4-generic/96000/1]"},
		{"aac without a layout", []*description.Media{videoMedia, audio(noLayout)}, "", "[audio mpeg4-generic/48000/1]"},
		{"g711 before aac", []*description.Media{audio(g711), audio(aacFormat()), videoMedia}, frames.AAC, "[audio PCMU/8000]"},
		{"two formats", []*description.Media{audio(g711, opusFormat(2))}, frames.Opus, "[audio PCMU/8000]"},
		{"two tracks", []*description.Media{audio(aacFormat()), audio(opusFormat(2))}, frames.AAC, "[audio opus/48000/2]"},
		{"a back channel", []*description.Media{talkback, videoMedia}, "", "[audio mpeg4-generic/48000/1]"},
		{"a hundred", append(many, talkback, audio(aacFormat())), frames.AAC, "PCMU/8000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			desc := &description.Session{Medias: tt.media}
			s := findSound(desc)
			var got frames.Codec
			if a := s.track(); a != nil {
				got = a.Codec
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			said := &logged{}
			sayIgnored(said.logger().With("camera", "door"), desc, video, s)
			warned := strings.Contains(said.String(), "WARN") && strings.Contains(said.String(), "camera=door")
			if warned != (tt.ignored != "") || !strings.Contains(said.String(), tt.ignored) {
				t.Errorf("got log %q, want a warning of %s", said, tt.ignored)
			}
		})
	}
}

// FFmpeg sends several audio units in a packet, and reports of both clocks from the first on.
func TestFFmpegPublishesAudio(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	for _, tt := range []struct {
		encoder string
		codec   frames.Codec
		length  int64 // of a unit, in ticks
	}{
		{"aac", frames.AAC, 1920},
		{"libopus", frames.Opus, 1800},
	} {
		t.Run(tt.encoder, func(t *testing.T) {
			t.Parallel()
			st := newStation(t, &logged{}, ingest.Camera{ID: "porch", PublishToken: "secret"})
			s := serve(t, st, "")
			_, units := fixture(t, "bframes")
			end := units[0].PTS
			for _, u := range units {
				end = max(end, u.PTS)
			}
			end += frames.ClockRate/25 - units[0].PTS
			args := strings.Fields("-v error -re -i ../testdata/bframes.mp4 -re -f lavfi -i sine=sample_rate=48000 -map 0:v -map 1:a" +
				" -c:v copy -strict -2 -ac 1 -b:a 64k -t " + fmt.Sprintf("%.3f", frames.Duration(end).Seconds()) + " -f rtsp -rtsp_transport tcp")
			args = append(args, "-c:a", tt.encoder, at(s, "x:secret", "porch"))
			if out, err := exec.CommandContext(t.Context(), ffmpeg, args...).CombinedOutput(); err != nil {
				t.Fatalf("ffmpeg: %v\n%s\n%s", err, out, st.said)
			}
			eventually(t, "publisher gone", func() bool { return strings.Contains(st.said.String(), "publisher gone") })
			st.stop()
			fs := recorded(t, st.log, "porch", func(fs []*frames.Fragment) bool { return len(unpack(t, fs...)) >= len(units) })
			audio, video := listen(t, fs...), unpack(t, fs...)
			if len(audio) == 0 {
				t.Fatalf("no audio was recorded:\n%s", st.said)
			}
			first := video[0].PTS
			const tolerance = frames.ClockRate / 10
			// The first packet may come before the first picture, and then is of no epoch: it has 8 units or so.
			if off := audio[0].PTS - first; off < -tolerance || off > 3*tolerance {
				t.Errorf("audio begins %v after the video", frames.Duration(off))
			}
			for i, u := range audio[1:] {
				if d := u.PTS - audio[i].PTS; d < tt.length-1 || d > tt.length+1 {
					t.Errorf("audio unit %d lasts %d ticks, want %d", i, d, tt.length)
				}
			}
			last := audio[len(audio)-1].PTS + tt.length - first
			t.Logf("video %v, audio from %v to %v in %d units", frames.Duration(end), frames.Duration(audio[0].PTS-first), frames.Duration(last), len(audio))
			if last > end+tolerance || last < end-tolerance {
				t.Errorf("audio ends at %v, the video at %v", frames.Duration(last), frames.Duration(end))
			}
			if strings.Contains(st.said.String(), "only the video") || strings.Contains(st.said.String(), "dropped_audio_units") {
				t.Errorf("the log complains:\n%s", st.said)
			}
		})
	}
}

func FuzzHear(f *testing.F) {
	e, err := aacFormat().CreateEncoder()
	if err != nil {
		f.Fatal(err)
	}
	pkts, err := e.Encode([][]byte{voiced(1), make([]byte, 3000)})
	if err != nil {
		f.Fatal(err)
	}
	for _, pkt := range pkts {
		f.Add(pkt.Payload, uint32(1), pkt.Marker, false)
	}
	f.Add(voiced(1), uint32(1<<31), true, true)
	f.Fuzz(func(t *testing.T, payload []byte, step uint32, marker, isOpus bool) {
		var s *sound
		if isOpus {
			s = soundOf(opusFormat(2))
		} else {
			s = soundOf(aacFormat())
		}
		s.sender.Rate = 48000
		g := ingest.NewSegmenter("door", func(*frames.Fragment) {})
		p, units := fixture(t, "plain")
		p.Audio = s.audio
		if err := g.Start(p); err != nil {
			t.Fatal(err)
		}
		now := time.Now()
		for i := range 3 {
			u := units[i]
			if err := g.Unit(ingest.Unit{PTS: u.PTS, Received: now.Add(frames.Duration(u.PTS)), NALUs: u.NALUs}); err != nil {
				t.Fatal(err)
			}
			pkt := &rtp.Packet{Header: rtp.Header{SequenceNumber: uint16(i), Timestamp: uint32(i) * step, Marker: marker}, Payload: payload}
			a, ok, err := s.hear(pkt, now)
			if ok && err != nil {
				t.Error("audio and an error")
			}
			if ok {
				g.Audio(a)
			}
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
}
