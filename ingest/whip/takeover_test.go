package whip

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"vigil/ingest"
)

func TestTakeover(t *testing.T) {
	e := newTestEndpoint(t, nil)
	first, one := publish(t, e, false)
	first.sendUntilTaken(one, keyUnit(100), 0)
	second, two := publish(t, e, false)
	if reason := within(t, one.ended, "end of the first session"); !errors.Is(reason, errTakenOver) {
		t.Errorf("reason: got %v, want %v", reason, errTakenOver)
	}
	second.sendUntilTaken(two, keyUnit(100), 0)
	resp, _ := request(t, http.MethodDelete, first.session, "", "Authorization", "Bearer right")
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("delete of the session that was taken over: got %d, want 404", resp.StatusCode)
	}
}

// A publisher that was let in and does not connect takes the camera from nobody.
func TestTakeoverNeedsConnection(t *testing.T) {
	e := newTestEndpoint(t, nil)
	first, one := publish(t, e, false)
	sent := first.sendUntilTaken(one, keyUnit(100), 0)
	second, offer := newPublisher(t, false, offeredFormat)
	second.post(e, "porch", "right", offer)
	first.sendUntilTaken(one, keyUnit(100), sent*3000)
	if len(e.door.admitted) != 0 || len(one.ended) != 0 {
		t.Fatal("the second publisher took the camera before it was connected")
	}
	second.connect()
	two := within(t, e.door.admitted, "admission")
	if reason := within(t, one.ended, "end of the first session"); !errors.Is(reason, errTakenOver) {
		t.Errorf("reason: got %v, want %v", reason, errTakenOver)
	}
	second.sendUntilTaken(two, keyUnit(100), 0)
}

// Of publishers that are not connected yet the newest may connect: W02's flood holds one place per camera.
func TestNewestPendingWins(t *testing.T) {
	e := newTestEndpoint(t, nil)
	first, offer := newPublisher(t, false, offeredFormat)
	first.post(e, "porch", "right", offer)
	s := e.only(first.session)
	second, offer := newPublisher(t, false, offeredFormat)
	second.post(e, "porch", "right", offer)
	within(t, s.done, "end of the first session")
	if reason := s.reason(); !errors.Is(reason, errSuperseded) {
		t.Errorf("reason: got %v, want %v", reason, errSuperseded)
	}
	second.connect()
	v := within(t, e.door.admitted, "admission")
	second.sendUntilTaken(v, keyUnit(100), 0)
}

// A camera that is gone from the configuration, or was given another token, between the answer and the connection.
func TestRefusedWhenConnected(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", offer)
	s := e.only(p.session)
	e.door.set("porch", "changed")
	// The session may end before the publisher sees that it was connected.
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.answer}); err != nil {
		t.Fatal(err)
	}
	within(t, s.done, "end of the session")
	if reason := s.reason(); !errors.Is(reason, ingest.ErrWrongToken) {
		t.Errorf("reason: got %v, want %v", reason, ingest.ErrWrongToken)
	}
}

// W06: ICE connects and DTLS never begins, for both sides wait for the other.
func TestHandshakeThatStopsIsFreed(t *testing.T) {
	e := newTestEndpoint(t, func(e *Endpoint) { e.timeouts.connect = time.Second })
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", strings.ReplaceAll(offer, "a=setup:actpass", "a=setup:active"))
	s := e.only(p.session)
	p.answer = strings.ReplaceAll(p.answer, "a=setup:passive", "a=setup:active")
	connected := make(chan struct{}, 8)
	p.pc.OnICEConnectionStateChange(func(state webrtc.ICEConnectionState) {
		if state == webrtc.ICEConnectionStateConnected {
			connected <- struct{}{}
		}
	})
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: p.answer}); err != nil {
		t.Fatal(err)
	}
	within(t, connected, "ICE connection")
	within(t, s.done, "end of the session")
	if reason := s.reason(); !errors.Is(reason, errNotConnected) || len(e.door.admitted) != 0 {
		t.Errorf("reason: got %v and %d admitted, want %v and none", reason, len(e.door.admitted), errNotConnected)
	}
}

// W02: a flood with the right token, whose sessions never connect, costs the live sessions no picture.
func TestFloodLeavesLiveSessionsAlone(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, v := publish(t, e, false)
	sent := p.sendUntilTaken(v, keyUnit(100), 0)
	handler := e.Handler()
	var flood sync.WaitGroup
	var refused, most atomic.Int64
	for range 8 {
		flood.Go(func() {
			for range 40 {
				// The live session's own camera, which is the harder case.
				r := httptest.NewRequest(http.MethodPost, "/whip/porch", strings.NewReader(offerText()))
				r.Header.Set(ct, typeSDP)
				r.Header.Set(auth, right)
				answer := httptest.NewRecorder()
				handler.ServeHTTP(answer, r)
				switch answer.Code {
				case http.StatusCreated:
				case http.StatusTooManyRequests:
					refused.Add(1)
				default:
					t.Errorf("flood: got %d", answer.Code)
				}
				e.mu.Lock()
				most.Store(max(most.Load(), int64(e.pending)))
				e.mu.Unlock()
			}
		})
	}
	const pictures = 60
	for i := range uint32(pictures) {
		p.send(p.packets(deltaUnit(3000), (sent+i)*3000)...)
	}
	for seen := 0; seen < pictures; {
		if u := within(t, v.units, "unit"); u.PTS >= int64(sent)*3000 {
			if want := int64(sent)*3000 + int64(seen)*3000; u.PTS != want {
				t.Fatalf("PTS: got %d, want %d", u.PTS, want)
			}
			seen++
		}
	}
	flood.Wait()
	if refused.Load() < 200 || most.Load() > maxPending || len(v.ended) != 0 {
		t.Errorf("got %d of 320 refused, %d pending at most, %d ended; want most of them, %d, none",
			refused.Load(), most.Load(), len(v.ended), maxPending)
	}
}
