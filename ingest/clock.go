package ingest

import (
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"vigil/frames"
)

const (
	maxReorder   = 16                   // pictures, the most either standard allows in the buffer
	maxDecodeLag = 2 * frames.ClockRate // further behind its picture a decoding time is not believed
)

// decodeClock gives every access unit a decoding time, which RTP does not carry. The times rise by at least a tick
// and never pass the presentation time. They come from the stream's picture order counts; where those cannot be
// read (missing pictures, rare coding tools), from the order of the presentation times.
type decodeClock struct {
	params   frames.Parameters
	extract  func(nalus [][]byte, pts int64) (int64, error)
	broken   bool // the extractor failed; a new one starts with the next key unit
	window   reorderWindow
	prev     int64
	started  bool
	fallback uint64 // decoding times that are not the extractor's
}

func newDecodeClock(p frames.Parameters) *decodeClock {
	c := &decodeClock{params: p}
	c.restart()
	return c
}

func (c *decodeClock) restart() {
	c.broken = false
	if c.params.Codec == frames.H265 {
		var x h265.DTSExtractor
		x.Initialize()
		c.extract = x.Extract
		return
	}
	var x h264.DTSExtractor
	x.Initialize()
	c.extract = x.Extract
}

// miss says that access units are missing in front of the next one, which is a key unit.
func (c *decodeClock) miss() { c.broken = true }

// next returns the access unit's times. The presentation time differs from pts only where a picture comes later
// than its reordering allows: it then moves up to keep the decoding times rising.
func (c *decodeClock) next(nalus [][]byte, pts int64, key bool) (newPTS, dts int64) {
	ordered := c.window.add(pts)
	dts, ok := c.fromStream(nalus, pts, key)
	if !ok {
		dts = ordered
	}
	dts = min(dts, pts)
	if c.started && dts <= c.prev {
		dts = c.prev + 1
		if dts > pts {
			ok, pts = false, dts
		}
	}
	if !ok {
		c.fallback++
	}
	c.prev, c.started = dts, true
	return pts, dts
}

// fromStream asks the extractor. It needs the parameter sets in front of a key picture; where they came by
// signalling only, it is shown a copy with them, the stored unit stays as it came.
func (c *decodeClock) fromStream(nalus [][]byte, pts int64, key bool) (int64, bool) {
	if key {
		if c.broken {
			c.restart()
		}
		nalus = slices.Concat([][]byte{c.params.SPS, c.params.PPS}, nalus)
	}
	dts, err := c.extract(nalus, pts)
	if err != nil {
		c.broken = true
		return 0, false
	}
	return dts, dts >= pts-maxDecodeLag
}

// reorderWindow learns from presentation times in decoding order how far pictures are reordered. Behind a picture
// with depth later ones already seen, no earlier one than the window's last can follow.
type reorderWindow struct {
	latest []int64 // the latest presentation times, descending
	depth  int
}

// add takes the next presentation time and returns the earliest that can still follow it.
func (w *reorderWindow) add(pts int64) int64 {
	at, _ := slices.BinarySearchFunc(w.latest, pts, func(have, want int64) int {
		switch {
		case have > want:
			return -1
		case have < want:
			return 1
		default:
			return 0
		}
	})
	w.depth = min(max(w.depth, at), maxReorder)
	w.latest = slices.Insert(w.latest, at, pts)
	if len(w.latest) > maxReorder+1 {
		w.latest = w.latest[:maxReorder+1]
	}
	return w.latest[min(w.depth, len(w.latest)-1)]
}
