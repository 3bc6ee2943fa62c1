package rtsp

import (
	"bytes"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"vigil/frames"
	"vigil/ingest"
)

// fua is a fragment of an H.264 NAL unit (RFC 6184, 5.8).
func fua(start, end bool, data []byte) []byte {
	head := []byte{0x7c, 0x05}
	if start {
		head[1] |= 0x80
	}
	if end {
		head[1] |= 0x40
	}
	return append(head, data...)
}

// R12: what no decoder could use is dropped, is counted, and holds no memory; the next picture is fine.
func TestTrackBounds(t *testing.T) {
	const udpBuffer = 1473 // gortsplib's, of which a packet is a part
	chunk := bytes.Repeat([]byte{0x11}, 1400)
	for _, tt := range []struct {
		name    string
		packets int
		payload func(i int) []byte
	}{
		{"8 MiB and more", 8<<20/len(chunk) + 2, func(i int) []byte { return fua(i == 0, false, chunk) }},
		{"51 NAL units", 51, func(int) []byte { return []byte{0x65, 1, 2, 3} }},
		{"100,000 fragments of a byte", 100_000, func(i int) []byte { return fua(i == 0, false, []byte{1}) }},
		{"never-ending fragments of nothing", 300_000, func(i int) []byte { return fua(i == 0, false, nil) }},
		{"an end without a beginning", 3, func(i int) []byte { return fua(i == 0, true, nil)[:2] }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTrack(t, &format.H264{PayloadTyp: 96, PacketizationMode: 1})
			held := func() uint64 {
				runtime.GC()
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before := held()
			seq, failed := uint16(0), 0
			send := func(ts uint32, marker bool, payload []byte) (ingest.Unit, bool) {
				whole := append(make([]byte, 0, udpBuffer), payload...)
				u, ok, err := tr.unit(&rtp.Packet{
					Header: rtp.Header{Version: 2, PayloadType: 96, SequenceNumber: seq, Timestamp: ts, Marker: marker}, Payload: whole,
				}, time.Now())
				seq++
				if err != nil {
					failed++
				}
				return u, ok
			}
			for i := range tt.packets {
				if u, ok := send(1000, false, tt.payload(i)); ok {
					t.Fatalf("packet %d: got a unit of %d NAL units", i, len(u.NALUs))
				}
			}
			if now := held(); now > before+16<<20 {
				t.Errorf("%d MiB are held, want at most 16", (now-before)>>20)
			}
			if u, ok := send(1000, true, []byte{0x65, 9}); ok && failed > 0 {
				t.Errorf("got the rest of what was dropped, %d NAL units", len(u.NALUs))
			}
			if failed == 0 {
				t.Error("nothing was counted")
			}
			u, ok := send(4000, true, []byte{0x65, 1, 2, 3})
			if !ok || len(u.NALUs) != 1 || u.PTS != 3000 {
				t.Errorf("the next picture: got %v, %d NAL units at %d, want 1 at 3000", ok, len(u.NALUs), u.PTS)
			}
		})
	}
}

// A camera that sends what nobody can use stays connected, and its next picture is taken.
func TestPullSurvivesBadPackets(t *testing.T) {
	t.Parallel()
	s := &script{sdp: plainSDP, plays: func(c net.Conn, _ <-chan struct{}) {
		seq := uint16(0)
		send := func(ts uint32, marker bool, payload []byte) bool {
			_, err := c.Write(frame(seq, ts, marker, payload))
			seq++
			return err == nil
		}
		for i := range 20_000 {
			if !send(1000, false, fua(i == 0, false, nil)) {
				return
			}
		}
		_, _ = c.Write([]byte("$\x00\x00\x03abc"))        // shorter than RTP's header
		_, _ = c.Write([]byte("$\x09\x00\x03abc"))        // of no channel
		_, _ = c.Write([]byte("$\x01\x00\x04\x80\xc8ab")) // not quite RTCP
		for i := range 51 {
			send(2000, i == 50, []byte{0x65, 1})
		}
		send(3000, true, []byte{0x65, 0x77})
	}}
	said := &logged{}
	source := s.client(t, said, patience)
	w := &watcher{want: 1}
	if err := source.Run(t.Context(), w); err == nil || err.Error() != errEnough.Error() {
		t.Fatalf("got %v, want %v", err, errEnough)
	}
	if !bytes.Equal(w.units[0].NALUs[0], []byte{0x65, 0x77}) {
		t.Errorf("got %x, want the good picture", w.units[0].NALUs)
	}
	if !strings.Contains(said.String(), "undecodable=") {
		t.Errorf("nothing was counted: %s", said)
	}
}

// R14: whatever stands beside the video in a description, the video is taken, and what is not taken is named.
func TestPullDescriptions(t *testing.T) {
	const head = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n"
	audio := func(pt, rest string) string {
		return "m=audio 0 RTP/AVP " + pt + "\r\n" + rest + "a=control:audio\r\n"
	}
	for _, tt := range []struct{ name, sdp, named string }{
		{"video alone", head + videoSDP, ""},
		{"G.711", head + audio("8", "") + videoSDP, "audio PCMA/8000"},
		{"Speex", head + audio("97", "a=rtpmap:97 speex/16000\r\n") + videoSDP, "audio speex/16000"},
		{"unknown codec", head + audio("97", "a=rtpmap:97 MYSTERY/1234\r\n") + videoSDP, "MYSTERY"},
		{"dynamic type without a name", head + audio("97", "") + videoSDP, "m=audio 0 RTP/AVP 97"},
		{"AAC without a configuration", head + audio("97", "a=rtpmap:97 MPEG4-GENERIC/16000\r\n") + videoSDP, "m=audio 0 RTP/AVP 97"},
		{"100 media", head + strings.Repeat(audio("97", "a=rtpmap:97 MYSTERY/1234\r\n"), 100) + videoSDP, "and 92 more"},
		{"1000 media that are wrong", head + videoSDP + strings.Repeat(audio("97", ""), 1000), "and 992 more"},
		{"ONVIF metadata", head + "m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\n" + videoSDP, "vnd.onvif.metadata"},
		{"an image", head + "m=image 0 RTP/AVP 26\r\n" + videoSDP, "m=image"},
		{"a data channel", head + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n" + videoSDP, "m=application"},
		{"back channel of audio", head + videoSDP + audio("0", "a=sendonly\r\n"), "audio PCMU"},
		{"back channel of video first", head + strings.Replace(videoSDP, "streamid=0", "back\r\na=sendonly", 1) + videoSDP, "video H264"},
		{"VP8 first", head + "m=video 0 RTP/AVP 98\r\na=rtpmap:98 VP8/90000\r\na=control:vp8\r\n" + videoSDP, "video VP8"},
		{"parameter sets that are not base64", head +
			strings.Replace(videoSDP, "mode=1", "mode=1; sprop-parameter-sets=!!!,zz", 1), ""},
		{"media ids here and there", head + "m=audio 0 RTP/AVP 0\r\na=mid:a\r\n" + videoSDP, "PCMU"},
		{"lines of something else", head + "hello\r\nx\r\n" + videoSDP + "\x00\x01\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{sdp: tt.sdp, plays: func(c net.Conn, _ <-chan struct{}) { _, _ = c.Write(frame(1, 1, true, []byte{0x65, 1})) }}
			said := &logged{}
			w := &watcher{want: 1}
			if err := s.client(t, said, patience).Run(t.Context(), w); err == nil || err.Error() != errEnough.Error() {
				t.Fatalf("got %v, want %v", err, errEnough)
			}
			if w.params.Codec != frames.H264 {
				t.Errorf("got codec %q", w.params.Codec)
			}
			setups := s.requests("SETUP")
			if len(setups) != 1 || !strings.HasSuffix(setups[0], "/streamid=0") {
				t.Errorf("got SETUP of %v, want of the video", setups)
			}
			if (tt.named == "") == strings.Contains(said.String(), "level=WARN") || !strings.Contains(said.String(), tt.named) {
				t.Errorf("got log %s, want a warning that names %q", said, tt.named)
			}
		})
	}
}

// R11: absurd parameter sets end the connection with a reason that the camera's state shows.
func TestPullRefusesAbsurdSizes(t *testing.T) {
	t.Parallel()
	p, units := fixture(t, "plain")
	for name, tt := range map[string]struct {
		sps  []byte
		want string
	}{
		"65536 wide":   {[]byte{0x67, 66, 0, 30, 0xdc, 0x00, 0x10, 0x00, 0xc4}, "picture size 65536x16"},
		"0 wide":       {[]byte{0x67, 66, 0, 30, 0xdd, 0xd1, 0x3d}, "picture size 0x16"}, // all of it cropped
		"half an SPS":  {p.SPS[:4], "read parameter sets"},
		"PPS as SPS":   {p.PPS, "read parameter sets"},
		"nothing left": {[]byte{0x67}, "read parameter sets"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := p
			bad.SPS = tt.sps
			c := newCameraOf(t, bad, units)
			said := &logged{}
			st := newStation(t, said, ingest.Camera{ID: "door", Source: newTestClient(t, said, c, Auto)})
			eventually(t, "the state says why", func() bool { return strings.Contains(st.states.of("door").LastError, tt.want) })
			if st.states.of("door").Online {
				t.Error("the camera is online")
			}
		})
	}
}

// R11: parameter sets that change begin a new epoch; that they come in the description alone, TestPull shows.
func TestPullTakesNewParameters(t *testing.T) {
	t.Parallel()
	p, units := fixture(t, "plain")
	other, more := fixture(t, "bframes")
	if bytes.Equal(p.SPS, other.SPS) {
		t.Fatal("want streams that differ")
	}
	mixed := append([]frames.AccessUnit(nil), units...)
	for _, u := range more {
		u.PTS, u.DTS = u.PTS+int64(len(units))*frames.ClockRate/25, u.DTS+int64(len(units))*frames.ClockRate/25
		mixed = append(mixed, u)
	}
	for i, u := range mixed {
		if set := p; u.Key {
			if i >= len(units) {
				set = other
			}
			mixed[i].NALUs = append([][]byte{set.SPS, set.PPS}, u.NALUs...)
		}
	}
	c := newCameraOf(t, frames.Parameters{Codec: frames.H264}, mixed) // whose description says nothing
	said := &logged{}
	st := newStation(t, said, ingest.Camera{ID: "door", Source: newTestClient(t, said, c, Auto)})
	recorded(t, st.log, "door", func(fs []*frames.Fragment) bool {
		begun := 0
		for _, f := range fs {
			if f.Seq == 0 {
				begun++
			}
		}
		return begun >= 3 // back to the first
	})
	if strings.Contains(said.String(), "connection ended") {
		t.Errorf("the connection ended: %s", said)
	}
}
