// Package rtsp ends RTSP: Client pulls from cameras, Server takes publishers, Publish is one. It hands access units
// to an ingest.Sink as they came off the wire. It decodes no picture, keeps no video and serves none. It imports
// ingest and frames, and gortsplib, which never leaves it.
package rtsp

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/pion/rtp"

	"vigil/frames"
	"vigil/ingest"
)

// errNoVideo says that the other side offers no video that Vigil takes.
var errNoVideo = errors.New("no H.264 or H.265 video in the stream")

// What a decoder may hold of an access unit that is not complete. It counts the bytes of NAL units alone and keeps
// packets whole, so that packets with next to nothing in them could fill the memory. An access unit has at most 8 MiB,
// which are 6000 packets of the usual size; over UDP each has a buffer of 1473 bytes, whatever it holds.
const (
	maxUnitPackets = 8 << 10
	maxUnitBytes   = 9 << 20
)

var errBacklog = fmt.Errorf("access unit is not complete after %d packets or %d bytes", maxUnitPackets, maxUnitBytes)

// track is the video of a stream and how its packets become access units.
type track struct {
	media   *description.Media
	format  format.Format
	params  frames.Parameters
	decoder func() (decode, error) // makes one that holds nothing
	decode  decode
	clock   clock
	sender  ingest.SenderClock
	packets int // that the decoder may hold
	bytes   int
	broken  bool  // the access unit of brokenAt lacks a part
	badTime int64 // when it is shown
	losses  losses
}

// decode takes packets and returns the NAL units of the access unit that one of them completes.
type decode func(*rtp.Packet) ([][]byte, error)

// findTrack returns the first video track that Vigil takes. Back channels are for what is sent to the camera.
func findTrack(desc *description.Session) (*track, error) {
	for _, media := range desc.Medias {
		if media.IsBackChannel {
			continue
		}
		var t *track
		var avc *format.H264
		var hevc *format.H265
		switch {
		case media.FindFormat(&avc):
			t = &track{
				media: media, format: avc, params: frames.Parameters{Codec: frames.H264, SPS: avc.SPS, PPS: avc.PPS},
				sender: ingest.SenderClock{Rate: frames.ClockRate},
				decoder: func() (decode, error) {
					d, err := avc.CreateDecoder()
					if err != nil {
						return nil, fmt.Errorf("h264 track: %w", err)
					}
					return d.Decode, nil
				},
			}
		case media.FindFormat(&hevc):
			t = &track{
				media: media, format: hevc,
				params: frames.Parameters{Codec: frames.H265, VPS: hevc.VPS, SPS: hevc.SPS, PPS: hevc.PPS},
				sender: ingest.SenderClock{Rate: frames.ClockRate},
				decoder: func() (decode, error) {
					d, err := hevc.CreateDecoder()
					if err != nil {
						return nil, fmt.Errorf("h265 track: %w", err)
					}
					return d.Decode, nil
				},
			}
		default:
			continue
		}
		var err error
		t.decode, err = t.decoder()
		return t, err
	}
	return nil, errNoVideo
}

// unit takes a packet and returns the access unit that it completes, if it does. Of one that lacks a part, which an
// error told, nothing is returned.
func (t *track) unit(pkt *rtp.Packet, now time.Time) (u ingest.Unit, ok bool, err error) {
	jumped := t.losses.packet(pkt.SequenceNumber, &t.clock)
	pts := t.clock.unwrap(pkt.Timestamp)
	nalus, err := t.decode(pkt)
	switch {
	case errors.Is(err, rtph264.ErrMorePacketsNeeded), errors.Is(err, rtph265.ErrMorePacketsNeeded):
		if !t.openEnd(pkt.Payload) {
			t.clock.pending(pts)
		}
		return ingest.Unit{}, false, t.hold(pkt, pts)
	case errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious), errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious):
		return ingest.Unit{}, false, nil // it joined in the middle of a picture
	case err != nil:
		return ingest.Unit{}, false, errors.Join(err, t.breakOff(pts))
	}
	t.packets, t.bytes = 0, 0
	u = ingest.Unit{PTS: t.clock.complete(pts), Received: now, NALUs: nalus}
	lacking := t.broken && u.PTS == t.badTime
	t.broken = false
	if !lacking {
		u.Missing, u.Partial = t.losses.unit(t.params.Codec, nalus)
	}
	if jumped && t.clock.open {
		t.losses.missing = true // in front of the unit that the packet begins
	}
	return u, !lacking, nil
}

// openEnd says whether the packet is a fragment with which its NAL unit does not end (RFC 6184, 5.8; RFC 7798, 4.4.3).
// The decoder puts NAL units into an access unit once they are whole, and forgets those of which the end is lost.
func (t *track) openEnd(payload []byte) bool {
	if t.params.Codec == frames.H265 {
		return len(payload) > 2 && payload[0]>>1&0x3f == 49 && payload[2]&0x40 == 0
	}
	return len(payload) > 1 && payload[0]&0x1f == 28 && payload[1]&0x40 == 0
}

// hold counts a packet that the decoder keeps, and begins anew when it keeps too many.
func (t *track) hold(pkt *rtp.Packet, pts int64) error {
	t.packets++
	t.bytes += pkt.MarshalSize()
	if t.packets <= maxUnitPackets && t.bytes <= maxUnitBytes {
		return nil
	}
	return errors.Join(errBacklog, t.breakOff(pts))
}

// breakOff forgets the access unit in the making. A decoder that failed may hold a part of it or not, so that the next
// one's time would be anybody's guess: it is replaced.
func (t *track) breakOff(pts int64) error {
	d, err := t.decoder()
	if err != nil {
		return err
	}
	t.decode = d
	t.clock.open = false
	t.packets, t.bytes = 0, 0
	t.broken, t.badTime = true, pts
	t.losses = t.losses.broken()
	return nil
}

// clock unwraps 32-bit RTP timestamps and knows which of them an access unit has: where the marker bit is not set,
// the unit is complete only with the first packet of the next.
type clock struct {
	started bool
	prev    uint32
	ticks   int64
	open    bool  // packets came that are in no access unit yet
	first   int64 // the time of the first of them
}

func (c *clock) unwrap(ts uint32) int64 {
	if c.started {
		c.ticks += int64(int32(ts - c.prev))
	}
	c.started, c.prev = true, ts
	return c.ticks
}

func (c *clock) pending(pts int64) {
	if !c.open {
		c.open, c.first = true, pts
	}
}

func (c *clock) complete(pts int64) int64 {
	c.pending(pts)
	done := c.first
	c.open = done != pts
	c.first = pts
	return done
}

// trouble counts what is wrong with packets, and says so once a second at most.
type trouble struct {
	log *slog.Logger

	mu        sync.Mutex
	lost, bad uint64
	last      error
	said      time.Time
}

func (t *trouble) packetsLost(n uint64) { t.add(n, 0, nil) }
func (t *trouble) undecodable(e error)  { t.add(0, 1, e) }

func (t *trouble) add(lost, bad uint64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lost += lost
	t.bad += bad
	if err != nil {
		t.last = err
	}
	if time.Since(t.said) >= time.Second {
		t.say()
	}
}

// flush says what was counted since.
func (t *trouble) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost+t.bad > 0 {
		t.say()
	}
}

func (t *trouble) say() {
	args := []any{"lost", t.lost, "undecodable", t.bad}
	if t.last != nil {
		args = append(args, "error", t.last)
	}
	t.log.Warn("rtp packets", args...)
	t.lost, t.bad, t.last, t.said = 0, 0, nil, time.Now()
}
