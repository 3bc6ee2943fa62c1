package whip

import (
	"bytes"
	"testing"
	"time"

	"github.com/pion/rtp"

	"vigil/frames"
	"vigil/ingest"
)

func TestAudioArrivesAsSent(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, v := publish(t, e, true)
	p.sendUntilTaken(v, keyUnit(500), 0)
	if got := within(t, v.started, "start"); got.Audio == nil || got.Audio.Codec != frames.Opus || got.Audio.Channels != 2 {
		t.Fatalf("got audio %+v, want opus of two channels", got.Audio)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	const start = uint32(1<<32 - 3*960)
	send := func(n uint16) {
		packet := &rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: n, Timestamp: start + uint32(n)*960, PayloadType: 111},
			Payload: []byte{0xf8, byte(n >> 8), byte(n)},
		}
		if err := p.voice.WriteRTP(packet); err != nil {
			t.Fatal(err)
		}
	}
	var heard []ingest.Sound
	for n := uint16(0); len(heard) < 20; n++ { // a track is only read once its first packet has come
		send(n)
		select {
		case s := <-v.sounds:
			heard = append(heard, s)
		case <-tick.C:
		case <-deadline:
			t.Fatal("no audio within 20 s")
		}
	}
	number := func(s ingest.Sound) int { return int(s.Units[0][1])<<8 | int(s.Units[0][2]) }
	for i, s := range heard {
		if len(s.Units) != 1 || s.Received.IsZero() {
			t.Fatalf("got %+v, want one unit", s)
		}
		if at := int64(number(s)-number(heard[0])) * 1800; s.PTS-heard[0].PTS != at {
			t.Errorf("packet %d: got PTS %d, want %d", i, s.PTS-heard[0].PTS, at)
		}
		if i > 0 && number(s) <= number(heard[i-1]) {
			t.Errorf("packet %d follows packet %d", number(s), number(heard[i-1]))
		}
	}
}

func TestListener(t *testing.T) {
	type step struct {
		seq  uint16
		ts   uint32
		data string
		want int64 // ticks since the first, -1: dropped
	}
	for name, steps := range map[string][]step{
		"in order":       {{1, 960, "a", 0}, {2, 1920, "b", 1800}, {3, 2880, "c", 3600}},
		"twice":          {{1, 960, "a", 0}, {1, 960, "a", -1}, {2, 1920, "b", 1800}},
		"late":           {{1, 960, "a", 0}, {3, 2880, "c", 3600}, {2, 1920, "b", -1}, {4, 3840, "d", 5400}},
		"numbers wrap":   {{65535, 960, "a", 0}, {0, 1920, "b", 1800}},
		"times wrap":     {{1, 1<<32 - 480, "a", 0}, {2, 480, "b", 1800}},
		"silence":        {{1, 960, "a", 0}, {2, 48960, "b", 90000}},
		"padding":        {{1, 960, "a", 0}, {2, 960, "", -1}, {3, 1920, "b", 1800}},
		"another source": {{10000, 960, "a", 0}, {5000, 1920, "b", 1800}},
	} {
		t.Run(name, func(t *testing.T) {
			var l listener
			var first int64
			for i, s := range steps {
				got, ok := l.hear(&rtp.Packet{Header: rtp.Header{SequenceNumber: s.seq, Timestamp: s.ts}, Payload: []byte(s.data)}, time.Now())
				if i == 0 {
					first = got.PTS
				}
				if ok != (s.want >= 0) || ok && (got.PTS-first != s.want || !bytes.Equal(got.Units[0], []byte(s.data))) {
					t.Errorf("packet %d: got %+v, %v, want %d", i, got, ok, s.want)
				}
			}
		})
	}
}
