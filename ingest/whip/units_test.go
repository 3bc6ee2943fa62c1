package whip

import (
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"vigil/ingest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// stream builds packets as a publisher does.
func stream() *publisher { return &publisher{seq: 65530} }

// pushAll pushes packets a millisecond apart.
func pushAll(a *assembler, at *time.Time, packets ...*rtp.Packet) []ingest.Unit {
	var units []ingest.Unit
	for _, p := range packets {
		*at = at.Add(time.Millisecond)
		units = append(units, a.push(p, *at)...)
	}
	return units
}

func pts(units []ingest.Unit) []int64 {
	var out []int64
	for _, u := range units {
		out = append(out, u.PTS)
	}
	return out
}

// The unit behind a loss says so, the one after it does not.
func TestAssemblerSaysWhatIsMissing(t *testing.T) {
	p, a, at := stream(), newAssembler(), noon
	first := slices.Concat(p.packets(keyUnit(50), 0), p.packets(deltaUnit(10), 3000))
	p.packets(deltaUnit(10), 6000) // never arrive
	then := slices.Concat(p.packets(deltaUnit(10), 9000), p.packets(keyUnit(50), 12000))
	units := pushAll(a, &at, slices.Concat(first, then)...)
	at = at.Add(reorderWait)
	units = append(units, pushAll(a, &at, p.packets(deltaUnit(10), 15000)...)...)
	if got, want := pts(units), []int64{0, 3000, 12000, 15000}; !slices.Equal(got, want) {
		t.Fatalf("got units at %v, want %v", got, want)
	}
	for _, u := range units {
		if want := u.PTS == 12000; u.Missing != want || u.Partial {
			t.Errorf("unit at %d: missing %v, partial %v, want %v and false", u.PTS, u.Missing, u.Partial, want)
		}
	}
}

func single(seq uint16, ts uint32, marker bool, payload []byte) *rtp.Packet {
	return &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: ts, Marker: marker}, Payload: payload}
}

func TestAssembler(t *testing.T) {
	for _, c := range []struct {
		name    string
		packets func(p *publisher) []*rtp.Packet
		want    []int64 // PTS of the units that come out
		wantKey bool
	}{
		{"in order", func(p *publisher) []*rtp.Packet {
			return slices.Concat(p.packets(keyUnit(5000), 0), p.packets(deltaUnit(3000), 3000), p.packets(deltaUnit(10), 6000))
		}, []int64{0, 3000, 6000}, false},
		{"reordered", func(p *publisher) []*rtp.Packet {
			tail := slices.Concat(p.packets(keyUnit(5000), 0)[1:], p.packets(deltaUnit(3000), 3000))
			slices.Reverse(tail)
			p.seq = 65530
			return slices.Concat(p.packets(keyUnit(5000), 0)[:1], tail)
		}, []int64{0, 3000}, false},
		{"every packet twice", func(p *publisher) []*rtp.Packet {
			var out []*rtp.Packet
			for _, q := range slices.Concat(p.packets(keyUnit(5000), 0), p.packets(deltaUnit(3000), 3000)) {
				out = append(out, q, q)
			}
			return out
		}, []int64{0, 3000}, false},
		{"begins with a delta", func(p *publisher) []*rtp.Packet {
			return slices.Concat(p.packets(deltaUnit(30), 0), p.packets(keyUnit(50), 3000))
		}, []int64{3000}, false},
		{"begins in the middle of a key frame", func(p *publisher) []*rtp.Packet {
			return slices.Concat(p.packets(keyUnit(5000), 0)[1:], p.packets(deltaUnit(10), 3000), p.packets(keyUnit(50), 6000))
		}, []int64{6000}, true},
		{"timestamps wrap", func(p *publisher) []*rtp.Packet {
			return slices.Concat(p.packets(keyUnit(50), 1<<32-3000), p.packets(deltaUnit(10), 0), p.packets(deltaUnit(10), 3000))
		}, []int64{1<<32 - 3000, 1 << 32, 1<<32 + 3000}, false},
		{"padding between fragments", func(p *publisher) []*rtp.Packet {
			out := p.packets(keyUnit(5000), 0)
			for i := range out[2:] {
				out[2+i].SequenceNumber++
			}
			return slices.Insert(out, 2, single(out[1].SequenceNumber+1, 77, false, nil))
		}, []int64{0}, false},
		{"no markers", func(p *publisher) []*rtp.Packet {
			out := slices.Concat(p.packets(keyUnit(5000), 0), p.packets(deltaUnit(3000), 3000), p.packets(deltaUnit(10), 6000))
			for _, q := range out {
				q.Marker = false
			}
			return out
		}, []int64{0, 3000}, false},
		{"markers on parameter sets", func(*publisher) []*rtp.Packet {
			return []*rtp.Packet{
				single(1, 0, true, nalu(0x67, 9)), single(2, 0, true, nalu(0x68, 9)), single(3, 0, true, nalu(0x65, 9)),
				single(4, 3000, true, nalu(0x41, 9)),
			}
		}, []int64{0, 3000}, false},
		{"slices", func(*publisher) []*rtp.Packet {
			return []*rtp.Packet{
				single(1, 0, false, nalu(0x09, 2)), single(2, 0, false, nalu(0x67, 9)), single(3, 0, false, nalu(0x68, 9)),
				single(4, 0, false, nalu(0x65, 9)), single(5, 0, true, nalu(0x65, 9)),
			}
		}, []int64{0}, false},
		{"a fragment without its end", func(p *publisher) []*rtp.Packet {
			whole := p.packets(keyUnit(5000), 0)
			cut := whole[:len(whole)-1]
			cut[len(cut)-1].Marker = true
			p.seq--
			return slices.Concat(cut, p.packets(deltaUnit(10), 3000), p.packets(keyUnit(10), 6000))
		}, []int64{6000}, true},
		{"a type that is not for WebRTC", func(p *publisher) []*rtp.Packet {
			return []*rtp.Packet{single(1, 0, true, nalu(29, 9)), single(2, 0, true, nalu(25, 9))} // FU-B, STAP-B
		}, nil, true},
		{"a sequence begun anew", func(p *publisher) []*rtp.Packet {
			one := slices.Concat(p.packets(keyUnit(50), 0), p.packets(deltaUnit(10), 3000))
			p.seq = 30000
			return slices.Concat(one, p.packets(keyUnit(50), 900000), p.packets(deltaUnit(10), 903000))
		}, []int64{0, 3000, 900000, 903000}, true},
		{"100,000 fragments without an end", func(p *publisher) []*rtp.Packet {
			var out []*rtp.Packet
			for i := range 100_000 {
				start := byte(0)
				if i == 0 {
					start = 0x80
				}
				out = append(out, single(uint16(i), 0, false, []byte{0x7c, start | 5, 1}))
			}
			return out
		}, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, at := newAssembler(), noon
			units := pushAll(a, &at, c.packets(stream())...)
			if got := pts(units); !slices.Equal(got, c.want) {
				t.Errorf("units: got PTS %v, want %v", got, c.want)
			}
			if a.wantKey != c.wantKey {
				t.Errorf("want a key frame: got %v, want %v", a.wantKey, c.wantKey)
			}
			if len(a.unit) > maxUnitPackets || len(a.held) > reorderSpan || len(a.head) > maxHead {
				t.Errorf("kept %d packets, %d held, %d NAL units", len(a.unit), len(a.held), len(a.head))
			}
		})
	}
}

func TestAssemblerJoinsParameterSets(t *testing.T) {
	a, at := newAssembler(), noon
	want := [][]byte{nalu(0x67, 9), nalu(0x68, 9), nalu(0x65, 9)}
	units := pushAll(a, &at,
		single(1, 0, true, want[0]), single(2, 0, true, want[1]), single(3, 0, true, want[2]))
	if len(units) != 1 {
		t.Fatalf("got %d units, want 1", len(units))
	}
	sameNALUs(t, units[0].NALUs, want)
	if want := noon.Add(3 * time.Millisecond); !units[0].Received.Equal(want) {
		t.Errorf("received: got %v, want %v", units[0].Received, want)
	}
}

// A packet that comes back in time loses nothing; one that does not costs its unit and those that need it.
func TestAssemblerWaitsForTheMissing(t *testing.T) {
	for _, c := range []struct {
		name string
		wait time.Duration
		want []int64
	}{
		{"retransmitted in time", reorderWait - 50*time.Millisecond, []int64{0, 3000, 6000, 9000, 12000}},
		{"too late", reorderWait + 50*time.Millisecond, []int64{0, 12000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, a, at := stream(), newAssembler(), noon
			units := pushAll(a, &at, p.packets(keyUnit(50), 0)...)
			second := p.packets(deltaUnit(3000), 3000)
			missing := second[1]
			units = append(units, pushAll(a, &at, second[0], second[2])...)
			units = append(units, pushAll(a, &at, p.packets(deltaUnit(10), 6000)...)...)
			at = at.Add(c.wait)
			if c.wait < reorderWait {
				units = append(units, pushAll(a, &at, missing)...)
			}
			units = append(units, pushAll(a, &at, p.packets(deltaUnit(10), 9000)...)...)
			if c.wait > reorderWait {
				units = append(units, pushAll(a, &at, missing)...)
			}
			units = append(units, pushAll(a, &at, p.packets(keyUnit(50), 12000)...)...)
			if got := pts(units); !slices.Equal(got, c.want) {
				t.Errorf("units: got PTS %v, want %v", got, c.want)
			}
			if late := c.wait > reorderWait; a.wantKey != late || (a.lost == 1) != late {
				t.Errorf("got wantKey %v, %d lost; late is %v", a.wantKey, a.lost, late)
			}
		})
	}
}

// W07: what is no packet of the answer's payload type leaves nothing behind but its place in the sequence.
func TestPacket(t *testing.T) {
	head := func(first, pt byte) []byte { return []byte{first, pt, 0, 7, 0, 0, 0, 9, 0, 0, 0, 1} }
	for _, c := range []struct {
		name string
		raw  []byte
		want int // bytes of payload; -1: no packet
	}{
		{"whole", append(head(0x80, 102), 1, 2, 3), 3},
		{"marker", append(head(0x80, 0x80|102), 1, 2, 3), 3},
		{"another payload type", append(head(0x80, 96), 1, 2, 3), 0},
		{"no payload", head(0x80, 102), 0},
		{"padding", append(head(0xa0, 102), 1, 2, 3, 0, 2), 3},
		{"padding alone", append(head(0xa0, 102), 0, 0, 3), 0},
		{"padding of nothing", append(head(0xa0, 102), 1, 2, 0), -1},
		{"padding longer than the payload", append(head(0xa0, 102), 1, 2, 200), -1},
		{"cut header", head(0x80, 102)[:11], -1},
		{"sources that are not there", head(0x8f, 102), -1},
		{"an extension longer than the packet", append(head(0x90, 102), 0xbe, 0xde, 0xff, 0xff), -1},
		{"empty", nil, -1},
	} {
		p := packet(c.raw, 102)
		switch {
		case p == nil && c.want >= 0:
			t.Errorf("%s: got no packet", c.name)
		case p != nil && (len(p.Payload) != c.want || p.SequenceNumber != 7):
			t.Errorf("%s: got %d bytes of packet %d, want %d", c.name, len(p.Payload), p.SequenceNumber, c.want)
		}
	}
}
