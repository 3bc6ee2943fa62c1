package whip

import (
	"errors"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/pion/rtp"

	"vigil/ingest"
)

// H.264 NAL unit types (ITU-T H.264, table 7-1).
const (
	naluSlice = 1
	naluIDR   = 5
	naluSPS   = 7
	naluPPS   = 8
	naluAUD   = 9
)

// Bounds of what is kept of one track.
const (
	reorderSpan    = 1024                   // packets held for one that is missing; farther apart is a new sequence
	reorderWait    = 300 * time.Millisecond // for a missing packet: two or three retransmission requests
	maxUnitPackets = 8192                   // of one access unit
	maxUnitBytes   = 8 << 20                // of one access unit
	maxHead        = 16                     // NAL units kept in front of the picture they belong to
)

// arrived is a packet and when it came.
type arrived struct {
	packet *rtp.Packet
	at     time.Time
}

// assembler makes access units of RTP packets that may come late, twice or never. What it gives out is complete:
// a unit that misses a packet is dropped, and so is everything after it until the next key frame. It is a pure
// function of packets and their times of arrival.
type assembler struct {
	wantKey bool   // a key frame must be asked for; the caller resets it
	lost    uint64 // packets that never came
	dropped uint64 // access units that came in part, or cannot be decoded without one that did

	started bool
	next    uint16
	held    map[uint16]arrived
	since   time.Time // when next was first missed; zero when nothing is held

	unit    []arrived // the access unit that is coming in
	bytes   int
	head    [][]byte // NAL units without a picture that were marked as a unit of their own
	unsure  bool     // the beginning of unit may be missing
	waiting bool     // for a key frame
	missing bool     // units are, in front of the next one

	tsKnown bool
	ts32    uint32
	ts      int64
}

// packet reads an RTP packet, nil when it is none. One that is not of the answer's payload type is empty: it keeps its
// place in the sequence.
func packet(raw []byte, payloadType uint8) *rtp.Packet {
	p := &rtp.Packet{}
	// The copy is kept for as long as its NAL units are, so it is no larger than they.
	if err := p.Unmarshal(append([]byte(nil), raw...)); err != nil {
		return nil
	}
	if p.PayloadType != payloadType {
		p.Payload = nil
	}
	return p
}

func newAssembler() *assembler {
	return &assembler{held: map[uint16]arrived{}, unsure: true, waiting: true}
}

// push takes the next packet and returns the access units it completes.
func (a *assembler) push(p *rtp.Packet, now time.Time) []ingest.Unit {
	if !a.started {
		a.started, a.next = true, p.SequenceNumber
	}
	var units []ingest.Unit
	switch ahead := int(int16(p.SequenceNumber - a.next)); {
	case ahead >= reorderSpan || ahead <= -reorderSpan:
		a.lose()
		clear(a.held)
		a.next = p.SequenceNumber
	case ahead < 0:
		return nil // a duplicate, or later than we waited
	}
	a.held[p.SequenceNumber] = arrived{p, now}
	for {
		units = append(units, a.drain()...)
		if len(a.held) == 0 {
			a.since = time.Time{}
			return units
		}
		if a.since.IsZero() {
			a.since = now
		}
		if now.Sub(a.since) < reorderWait {
			return units
		}
		a.skip()
	}
}

// drain takes in what is there in sequence.
func (a *assembler) drain() []ingest.Unit {
	var units []ingest.Unit
	for {
		p, ok := a.held[a.next]
		if !ok {
			return units
		}
		delete(a.held, a.next)
		a.next++
		a.since = time.Time{}
		units = append(units, a.take(p)...)
	}
}

// skip gives up on the packets in front of the first that is held.
func (a *assembler) skip() {
	for {
		if _, ok := a.held[a.next]; ok {
			break
		}
		a.next++
		a.lost++
	}
	a.since = time.Time{}
	a.lose()
}

// lose drops what is coming in and waits for a key frame.
func (a *assembler) lose() {
	if len(a.unit) > 0 {
		a.dropped++
	}
	a.reset()
	a.head = nil
	a.unsure, a.waiting, a.wantKey, a.missing = true, true, true, true
}

func (a *assembler) reset() {
	a.unit, a.bytes = nil, 0
}

// take adds the next packet in sequence. A unit ends with the marker, or with the timestamp where senders forget
// the marker.
func (a *assembler) take(p arrived) []ingest.Unit {
	if len(p.packet.Payload) == 0 {
		return nil // padding, to probe for bandwidth
	}
	var units []ingest.Unit
	if len(a.unit) > 0 && a.unit[0].packet.Timestamp != p.packet.Timestamp {
		units = a.finish(units)
	}
	a.unit = append(a.unit, p)
	a.bytes += len(p.packet.Payload)
	if len(a.unit) > maxUnitPackets || a.bytes > maxUnitBytes {
		a.lose()
		return units
	}
	if p.packet.Marker {
		units = a.finish(units)
	}
	return units
}

// finish appends the collected unit to units, if it is whole and can be decoded.
func (a *assembler) finish(units []ingest.Unit) []ingest.Unit {
	nalus, err := depacketize(a.unit)
	if err != nil {
		a.lose()
		return units
	}
	first := a.unit[0].packet.Timestamp
	received := a.unit[0].at
	for _, p := range a.unit {
		if p.at.After(received) {
			received = p.at
		}
	}
	a.reset()
	nalus = append(a.head, nalus...)
	a.head = nil
	picture, key := kind(nalus)
	if !picture {
		// Some encoders put the marker on parameter sets too.
		if len(nalus) <= maxHead {
			a.head = nalus
		}
		return units
	}
	// After a gap the front may be missing, unless it is what a key frame begins with.
	whole := !a.unsure || key && (naluType(nalus[0]) == naluSPS || naluType(nalus[0]) == naluAUD)
	a.unsure = false
	if !whole || a.waiting && !key {
		a.dropped++
		a.wantKey = a.wantKey || key
		return units
	}
	a.waiting = false
	u := ingest.Unit{PTS: a.unwrap(first), Received: received, NALUs: nalus, Missing: a.missing}
	a.missing = false
	return append(units, u)
}

// unwrap follows the 32-bit RTP timestamp across its wrap.
func (a *assembler) unwrap(ts uint32) int64 {
	if !a.tsKnown {
		a.tsKnown, a.ts = true, int64(ts)
	} else {
		a.ts += int64(int32(ts - a.ts32))
	}
	a.ts32 = ts
	return a.ts
}

var errPartial = errors.New("access unit ends within a NAL unit")

// depacketize returns the NAL units of a unit's packets, which are without gaps.
func depacketize(packets []arrived) ([][]byte, error) {
	d := rtph264.Decoder{PacketizationMode: 1}
	if err := d.Init(); err != nil {
		return nil, err
	}
	last := len(packets) - 1
	for i, p := range packets {
		// Numbered anew: padding between them is gone. Only the last is to end the unit.
		nalus, err := d.Decode(&rtp.Packet{
			Header: rtp.Header{
				SequenceNumber: uint16(i), Timestamp: p.packet.Timestamp, Marker: i == last,
			},
			Payload: p.packet.Payload,
		})
		switch {
		case err == nil && i == last:
			return nalus, nil
		case !errors.Is(err, rtph264.ErrMorePacketsNeeded):
			return nil, err
		}
	}
	return nil, errPartial
}

// kind says whether nalus hold a picture, and whether decoding can start with it.
func kind(nalus [][]byte) (picture, key bool) {
	for _, n := range nalus {
		if t := naluType(n); t >= naluSlice && t <= naluIDR {
			picture = true
			key = key || t == naluIDR
		}
	}
	return picture, key
}

func naluType(n []byte) byte {
	if len(n) == 0 {
		return 0
	}
	return n[0] & 0x1f
}
