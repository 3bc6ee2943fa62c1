package whep

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"vigil/frames"
	"vigil/frames/framestest"
	"vigil/internal/mediatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loopback is a transport of one socket on this machine.
type loopback struct{ settings webrtc.SettingEngine }

func newLoopback(t *testing.T) loopback {
	t.Helper()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	mux := webrtc.NewICEUDPMux(nil, udp)
	t.Cleanup(func() { _ = mux.Close() })
	l := loopback{}
	l.settings.SetICEUDPMux(mux)
	l.settings.SetIncludeLoopbackCandidate(true)
	return l
}

func (l loopback) Settings() webrtc.SettingEngine { return l.settings }

func (loopback) Advertise(_ context.Context, answer string) (string, error) { return answer, nil }

// record puts a clip into a log, as if its last picture had just come, and returns what a player gets: the units from the last
// key frame on, each as a stream with start codes.
func record(t *testing.T, clip string) (log *framestest.Log, want [][]byte) {
	t.Helper()
	parameters, units, err := mediatest.Camera{Clip: clip}.Units()
	if err != nil {
		t.Fatal(err)
	}
	var all []frames.AccessUnit
	for u, err := range units {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	log = framestest.NewLog()
	start := time.Now().Add(-frames.Duration(all[len(all)-1].PTS))
	var key uint64
	for seq := uint64(0); len(all) > 0; seq++ {
		n := 1
		for n < len(all) && n < 6 && !all[n].Key {
			n++
		}
		part := all[:n]
		end := part[n-1].DTS + frames.ClockRate/25
		payload, err := frames.Pack(parameters, part[0].Key, seq, part, end)
		if err != nil {
			t.Fatal(err)
		}
		f := &frames.Fragment{
			Camera: "door", Epoch: "e1", Seq: seq, Key: part[0].Key, KeyPos: key, Start: start.Add(frames.Duration(part[0].PTS)),
			Duration: frames.Duration(end - part[0].DTS), Codec: parameters.Codec, Width: 64, Height: 64, Payload: payload,
		}
		if f.Key {
			f.KeyPos, want = 0, nil
		}
		pos, err := log.Append(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if f.Key {
			key = pos
		}
		for _, u := range part {
			nalus := u.NALUs
			if u.Key {
				nalus = append([][]byte{parameters.SPS, parameters.PPS}, nalus...)
			}
			want = append(want, bytes.Join(append([][]byte{nil}, nalus...), []byte{0, 0, 0, 1}))
		}
		all = all[n:]
	}
	return log, want
}

func begin(t *testing.T, log frames.Log) *Server {
	t.Helper()
	s := New(log, newLoopback(t), slog.New(slog.NewTextHandler(t.Output(), nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// viewer is a player that nobody here wrote the transport of.
type viewer struct {
	pc    *webrtc.PeerConnection
	units chan []byte // with start codes
	gone  chan struct{}
}

func newViewer(t *testing.T) *viewer {
	t.Helper()
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{pc: pc, units: make(chan []byte, 1000), gone: make(chan struct{})}
	t.Cleanup(func() { _ = pc.GracefulClose() })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		defer close(v.gone)
		var depacketizer codecs.H264Packet
		var unit []byte
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			part, err := depacketizer.Unmarshal(p.Payload)
			if err != nil {
				t.Errorf("packet: %v", err)
			}
			unit = append(unit, part...)
			if p.Marker {
				v.units <- unit
				unit = nil
			}
		}
	})
	return v
}

func (v *viewer) offer(t *testing.T) string {
	t.Helper()
	offer, err := v.pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return v.pc.LocalDescription().SDP
}

func (v *viewer) play(t *testing.T, s *Server) (session string) {
	t.Helper()
	session, answer, err := s.Play(t.Context(), "door", v.offer(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	return session
}

func TestPlayerGetsEachUnitAsItWasRecorded(t *testing.T) {
	log, want := record(t, "solo")
	v := newViewer(t)
	session := v.play(t, begin(t, log))
	for i, unit := range want {
		select {
		case got := <-v.units:
			if !bytes.Equal(got, unit) {
				t.Fatalf("unit %d of %d: got %d bytes, want %d as recorded", i, len(want), len(got), len(unit))
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("unit %d of %d did not come", i, len(want))
		}
	}
	if session == "" {
		t.Error("no session")
	}
}

func TestStopEndsThePlayer(t *testing.T) {
	log, _ := record(t, "solo")
	s := begin(t, log)
	v := newViewer(t)
	session := v.play(t, s)
	<-v.units
	if s.Stop("yard", session) || s.Stop("door", "other") {
		t.Error("a session was stopped that is not there")
	}
	if !s.Stop("door", session) {
		t.Error("the session is not there")
	}
	select {
	case <-v.gone:
	case <-time.After(20 * time.Second):
		t.Error("the player did not notice")
	}
}

func TestPlayRefuses(t *testing.T) {
	log, _ := record(t, "solo")
	hevc := framestest.NewLog()
	f := &frames.Fragment{Camera: "door", Epoch: "e1", Key: true, Start: time.Now(), Duration: time.Second, Codec: frames.H265, Payload: []byte("x")}
	if _, err := hevc.Append(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	offer := newViewer(t).offer(t)
	for name, c := range map[string]struct {
		log    frames.Log
		camera frames.CameraID
		offer  string
		want   error
	}{
		"a camera without video": {log, "yard", offer, ErrNoVideo},
		"H.265":                  {hevc, "door", offer, ErrCodec},
		"no offer":               {log, "door", "v=0", ErrOffer},
		"no H.264":               {log, "door", strings.ReplaceAll(offer, "H264/90000", "VP8/90000"), ErrOffer},
		"not an offer at all":    {log, "door", "H264/90000", ErrOffer},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := begin(t, c.log).Play(t.Context(), c.camera, c.offer); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// TestClock: what was there before is sent at once, what comes then in step, and after a pause at the latest.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		c := newClock(now, now)
		fragment := func(start time.Duration, key bool) *frames.Fragment {
			return &frames.Fragment{Start: now.Add(start), Duration: 250 * time.Millisecond, Key: key}
		}
		if c.begin(time.Now(), fragment(-3*time.Second, true)) {
			t.Error("the first key frame is passed over")
		}
		if due := c.due(now.Add(-3 * time.Second)); due.After(now) {
			t.Errorf("what is past is due in %s", due.Sub(now))
		}
		var stamps []uint32
		for range 3 {
			stamps = append(stamps, c.stamp(now.Add(-time.Second), 0))
		}
		if !slices.IsSorted(stamps) || stamps[2]-stamps[0] > frames.ClockRate/100 {
			t.Errorf("got %v, want times that hardly rise", stamps)
		}
		time.Sleep(250 * time.Millisecond)
		if c.begin(time.Now(), fragment(0, false)) || c.due(now).Sub(now) != reserve {
			t.Errorf("what comes now is due in %s", c.due(now).Sub(now))
		}
		time.Sleep(time.Minute) // the bus is away
		if !c.begin(time.Now(), fragment(250*time.Millisecond, false)) {
			t.Error("what comes a minute late is played")
		}
		if c.begin(time.Now(), fragment(time.Minute, true)) {
			t.Error("the next key frame is passed over")
		}
	})
}
