package whip

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// publisher is a WHIP client: a pion peer that sends the packets it is given.
type publisher struct {
	t       *testing.T
	pc      *webrtc.PeerConnection
	track   *webrtc.TrackLocalStaticRTP
	voice   *webrtc.TrackLocalStaticRTP // nil without audio
	plis    chan struct{}
	answer  string
	session string // URL
	etag    string
	readers sync.WaitGroup
	seq     uint16
	payload codecs.H264Payloader
}

const offeredFormat = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"

// newPublisher makes a peer and its offer.
func newPublisher(t *testing.T, audio bool, format string, networks ...webrtc.NetworkType) (p *publisher, offer string) {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 102, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: format,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
	}}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
	}}, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	s := webrtc.SettingEngine{LoggerFactory: pionLogger{testLog(t)}}
	s.SetIncludeLoopbackCandidate(true)
	if networks == nil {
		networks = []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	}
	s.SetNetworkTypes(networks)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(s)).
		NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p = &publisher{t: t, pc: pc, plis: make(chan struct{}, 1000), seq: 65500}
	t.Cleanup(p.close)
	p.addTracks(audio)
	o, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(o); err != nil {
		t.Fatal(err)
	}
	within(t, gathered, "gathered candidates")
	return p, pc.LocalDescription().SDP
}

func (p *publisher) addTracks(audio bool) {
	var err error
	p.track, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264}, "v", "s")
	if err != nil {
		p.t.Fatal(err)
	}
	tr, err := p.pc.AddTransceiverFromTrack(p.track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		p.t.Fatal(err)
	}
	p.readers.Go(func() {
		for {
			packets, _, err := tr.Sender().ReadRTCP()
			if err != nil {
				return
			}
			for _, packet := range packets {
				if _, ok := packet.(*rtcp.PictureLossIndication); ok {
					p.plis <- struct{}{}
				}
			}
		}
	})
	if !audio {
		return
	}
	p.voice, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "a", "s")
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.pc.AddTransceiverFromTrack(p.voice, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *publisher) close() {
	if err := p.pc.GracefulClose(); err != nil {
		p.t.Error("close publisher:", err)
	}
	p.readers.Wait()
}

// post publishes the offer and takes the answer; connect waits for the connection too.
func (p *publisher) post(e *testEndpoint, camera, token, offer string) {
	p.t.Helper()
	resp, body := request(p.t, http.MethodPost, e.url+"/whip/"+camera, offer,
		"Content-Type", "application/sdp", "Authorization", "Bearer "+token)
	if resp.StatusCode != http.StatusCreated {
		p.t.Fatalf("publish: got %d %s, want 201", resp.StatusCode, body)
	}
	p.answer, p.session, p.etag = body, e.url+resp.Header.Get("Location"), resp.Header.Get("ETag")
}

func (p *publisher) connect() {
	p.t.Helper()
	connected := make(chan struct{})
	var once sync.Once
	p.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.answer}); err != nil {
		p.t.Fatal(err)
	}
	within(p.t, connected, "connection")
}

// over waits for the end of the publisher's session.
func (p *publisher) over(e *testEndpoint, want error) {
	p.t.Helper()
	s := e.only(p.session)
	if s == nil {
		p.t.Fatal("the session is gone already")
	}
	within(p.t, s.done, "end of the session")
	if reason := s.reason(); !errors.Is(reason, want) {
		p.t.Errorf("reason: got %v, want %v", reason, want)
	}
}

// publish is the whole of it.
func publish(t *testing.T, e *testEndpoint, audio bool) (*publisher, *visit) {
	t.Helper()
	p, offer := newPublisher(t, audio, offeredFormat)
	p.post(e, "porch", "right", offer)
	p.connect()
	return p, within(t, e.door.admitted, "admission")
}

// packets makes the RTP packets of one access unit.
func (p *publisher) packets(nalus [][]byte, ts uint32) []*rtp.Packet {
	var annexB []byte
	for _, n := range nalus {
		annexB = append(append(annexB, 0, 0, 0, 1), n...)
	}
	var out []*rtp.Packet
	for _, payload := range p.payload.Payload(1200, annexB) {
		out = append(out, &rtp.Packet{
			Header: rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: ts, PayloadType: 102}, Payload: payload,
		})
		p.seq++
	}
	out[len(out)-1].Marker = true
	return out
}

func (p *publisher) send(packets ...*rtp.Packet) {
	p.t.Helper()
	for _, packet := range packets {
		if err := p.track.WriteRTP(packet); err != nil && !errors.Is(err, webrtc.ErrConnectionClosed) {
			p.t.Fatal(err)
		}
	}
}

// sendUntilTaken sends whole key units until the endpoint has the first: a track is only read once its first
// packet has come. It returns the number it sent.
func (p *publisher) sendUntilTaken(v *visit, nalus [][]byte, ts uint32) uint32 {
	p.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for n := uint32(0); ; n++ {
		p.send(p.packets(nalus, ts+n*3000)...)
		select {
		case u := <-v.units:
			if u.PTS < int64(ts) {
				continue // sent before, and not waited for
			}
			sameNALUs(p.t, u.NALUs, nalus)
			return n + 1
		case <-tick.C:
		case <-deadline:
			p.t.Fatal("no access unit within 20 s")
		}
	}
}

// Hand-built NAL units: nothing here decodes them. Bytes are never zero, so no start code is in them.
func keyUnit(size int) [][]byte {
	return [][]byte{nalu(0x67, 20), nalu(0x68, 6), nalu(0x65, size)}
}

func deltaUnit(size int) [][]byte { return [][]byte{nalu(0x41, size)} }

func nalu(header byte, size int) []byte {
	n := make([]byte, size)
	for i := range n {
		n[i] = byte(1 + rand.IntN(255))
	}
	n[0] = header
	return n
}

func sameNALUs(t *testing.T, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d NAL units, want %d", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("NAL unit %d: got %d bytes %x..., want %d bytes %x...",
				i, len(got[i]), got[i][:min(8, len(got[i]))], len(want[i]), want[i][:min(8, len(want[i]))])
		}
	}
}
