package ingest

import (
	"fmt"
	"slices"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/oklog/ulid/v2"

	"vigil/frames"
)

// FragmentTarget is how long a fragment gets before the next one begins. It is half of what is allowed, for the
// sake of what waits behind: analysis starts when a fragment is complete.
const FragmentTarget = 250 * time.Millisecond

// Why a fragment's Gap is there.
const (
	GapTooLarge = "access unit too large"
	GapJump     = "timestamps jumped"
	GapAway     = "camera away"
	GapLoss     = "packets lost"
	GapBusAway  = "bus away"
)

const (
	maxJump        = 5 * frames.ClockRate // forward, between two access units
	maxBack        = 1 * frames.ClockRate // backward, further than pictures are reordered
	maxDrift       = 5 * time.Second      // between the source's clock and arrival
	maxClock       = 2 * time.Second      // between a sender's clock that is set and arrival
	maxPTS         = 1 << 52              // beyond it the arithmetic of times overflows
	maxSide        = 8192                 // pixels
	maxHeldBytes   = 64 << 10             // of NAL units that wait for their picture
	frameTicks     = frames.ClockRate / 25
	headBytes      = 2048 // more than a fragment's boxes take, without samples and parameter sets; with audio, too
	sampleBytes    = 16   // a sample's entry in trun (ISO/IEC 14496-12, 8.8.8)
	naluLengthSize = 4
)

// Segmenter makes fragments of one connection's access units. An epoch begins with a key unit whose parameter sets
// are known, and again when these change, when timestamps jump, or when the source's clock and arrival drift apart.
// NAL units are kept byte for byte and in order; those that come without a picture travel with the next one.
// It is not safe for concurrent use.
type Segmenter struct {
	camera frames.CameraID
	emit   func(*frames.Fragment)
	params frames.Parameters // as known by now
	epoch  *epoch            // nil until the first key unit
	held   [][]byte          // NAL units without a picture yet
	bytes  int               // of held
	skip   bool              // up to the next key unit
	clock  arrival           // in place of the source's, when that stands still
	gap    string            // reason of what is missing in front of the next unit
	lossy  bool              // packets were lost since the latest key unit that came whole
	end    time.Time         // of the last fragment
	sound  soundtrack
	stats  SegmenterStats
}

// SegmenterStats counts what a Segmenter did.
type SegmenterStats struct {
	Units     uint64 // access units taken
	Dropped   uint64 // access units that are in no fragment
	Guessed   uint64 // decoding times that the stream did not tell
	Epochs    uint64
	Fragments uint64

	AudioDropped uint64 // audio units that are in no fragment, though its time was recorded
}

// epoch is a run of fragments with one clock and one set of parameters.
type epoch struct {
	id            string
	seq           uint64
	params        frames.Parameters
	width, height int
	anchor        anchor
	clock         *decodeClock
	base          int64 // source ticks at the epoch's zero
	lastPTS       int64 // source ticks
	lag           lagRange

	units []frames.AccessUnit // of the fragment in the making
	bytes int
	gap   string // reason of what is missing in front of it
	lossy bool   // pictures of it may be damaged
	last  int64  // ticks the last unit but one took
}

// anchor ties the source's clock to the wall clock.
type anchor struct {
	pts  int64
	wall time.Time
}

func (a anchor) at(pts int64) time.Time { return a.wall.Add(frames.Duration(pts - a.pts)) }

// lagRange is how far arrival was behind the capture clock since the last key unit.
type lagRange struct {
	low  time.Duration
	seen bool
}

func (l *lagRange) add(d time.Duration) {
	if !l.seen || d < l.low {
		l.low, l.seen = d, true
	}
}

// drifted holds when even the promptest unit came too late, or one came before it can have been captured. A late
// unit alone is only a network that hesitated.
func (l *lagRange) drifted() bool { return l.seen && (l.low > maxDrift || l.low < -maxDrift) }

// NewSegmenter returns the segmenter of one connection of the camera. It hands each fragment to emit, in order,
// from inside Unit and Close.
func NewSegmenter(camera frames.CameraID, emit func(*frames.Fragment)) *Segmenter {
	return &Segmenter{camera: camera, emit: emit}
}

var _ Sink = (*Segmenter)(nil)

// Start implements Sink.
func (s *Segmenter) Start(p frames.Parameters) error {
	if p.Codec != frames.H264 && p.Codec != frames.H265 {
		return fmt.Errorf("codec %q: want h264 or h265", p.Codec)
	}
	s.params = p
	return nil
}

// Lost implements Sink. What was lost shows in the units that come.
func (s *Segmenter) Lost(uint64) {}

// Stats returns the counters.
func (s *Segmenter) Stats() SegmenterStats {
	st := s.stats
	if s.epoch != nil {
		st.Guessed += s.epoch.clock.fallback
	}
	return st
}

// Unit implements Sink. It returns an error for a picture size that nobody has, and for parameter sets that no
// decoder could use; everything else that is wrong with a unit is counted and passed over.
func (s *Segmenter) Unit(u Unit) error {
	s.stats.Units++
	if s.params.Codec == "" {
		return fmt.Errorf("access unit before the track's codec is known")
	}
	if u.PTS > maxPTS || u.PTS < -maxPTS {
		return fmt.Errorf("presentation time %d is out of range", u.PTS)
	}
	s.clock.set(&u)
	s.sound.sync.picture(u)
	u.NALUs = s.join(withoutEmpty(u.NALUs))
	pic := inspect(s.params.Codec, u.NALUs)
	if !pic.coded {
		s.hold(u.NALUs)
		return nil
	}
	s.held, s.bytes = nil, 0
	if pic.key() || s.epoch == nil {
		s.params = pic.merge(s.params)
	}
	if err := s.renew(u, pic.key()); err != nil {
		return err
	}
	s.lose(u, pic)
	if s.epoch == nil || s.skip && !pic.key() {
		s.stats.Dropped++
		return nil
	}
	return s.add(u, pic)
}

// Close emits what is left. The segmenter takes no units after it.
func (s *Segmenter) Close() error {
	if s.epoch == nil {
		return nil
	}
	e := s.epoch
	return s.flush(e.clock.prev - e.base + e.last)
}

// join puts what was held in front of the unit.
func (s *Segmenter) join(nalus [][]byte) [][]byte {
	if len(s.held) == 0 {
		return nalus
	}
	return append(slices.Clip(s.held), nalus...)
}

// hold keeps NAL units that came without a picture, as some cameras send parameter sets, for the next unit.
func (s *Segmenter) hold(joined [][]byte) {
	size := 0
	for _, n := range joined {
		size += len(n)
	}
	if size > maxHeldBytes || len(joined) >= h264.MaxNALUsPerAccessUnit {
		s.stats.Dropped++
		s.held, s.bytes = nil, 0
		return
	}
	s.held, s.bytes = joined, size
}

// lose notes what lost packets do. Up to a key unit that came whole, units may be decoded from what is not there; in front of
// that unit pictures are missing.
func (s *Segmenter) lose(u Unit, pic picture) {
	switch whole := pic.key() && !u.Partial; {
	case whole:
		s.lossy = false
		if u.Missing && s.gap == "" {
			s.gap = GapLoss
		}
	case u.Missing:
		s.lossy = true
	}
}

// renew ends the epoch where it cannot go on, and begins one where it can.
func (s *Segmenter) renew(u Unit, key bool) error {
	var keep *anchor
	if e := s.epoch; e != nil {
		delta := u.PTS - e.lastPTS
		changed := key && !sameParameters(s.params, e.params)
		switch {
		case delta > maxJump || delta < -maxBack:
			s.gap = GapJump
		case key && e.lag.drifted():
		case changed:
			keep = &e.anchor
		default:
			if key {
				e.lag = lagRange{}
			}
			return nil
		}
		if err := s.Close(); err != nil {
			return err
		}
		s.stats.Guessed += e.clock.fallback
		s.epoch = nil
		if keep == nil { // the clock that the audio was set to is gone
			s.sound = soundtrack{sync: lipSync{video: s.sound.sync.video}}
		}
	}
	if !key || !complete(s.params) {
		return nil
	}
	return s.begin(u, keep)
}

func (s *Segmenter) begin(u Unit, keep *anchor) error {
	w, h, err := s.params.Size()
	if err != nil {
		return fmt.Errorf("read parameter sets: %w", err)
	}
	if w < 1 || h < 1 || w > maxSide || h > maxSide {
		return fmt.Errorf("picture size %dx%d: want 1 to %d a side", w, h, maxSide)
	}
	a := anchor{pts: u.PTS, wall: captured(u)}
	if keep != nil {
		a = *keep
	}
	s.epoch = &epoch{
		id: ulid.Make().String(), params: s.params, width: w, height: h, anchor: a,
		clock: newDecodeClock(s.params), lastPTS: u.PTS, last: frameTicks,
	}
	s.stats.Epochs++
	return nil
}

// captured is when the unit was captured: what the sender's clock says, where that can be, else when it arrived.
func captured(u Unit) time.Time {
	if u.NTP.IsZero() || u.NTP.Sub(u.Received).Abs() > maxClock {
		return u.Received
	}
	return u.NTP
}

// add puts the unit into the fragment in the making, and cuts in front of it where that is due.
func (s *Segmenter) add(u Unit, pic picture) error {
	e := s.epoch
	e.lastPTS = u.PTS
	e.lag.add(u.Received.Sub(e.anchor.at(u.PTS)))
	size := sampleBytes
	for _, n := range u.NALUs {
		size += naluLengthSize + len(n)
	}
	if size > frames.MaxUnitBytes || len(u.NALUs) > h264.MaxNALUsPerAccessUnit {
		return s.drop()
	}
	if s.skip {
		s.skip = false
		e.clock.miss()
	}
	pts, dts := e.clock.next(u.NALUs, u.PTS, pic.random)
	if e.seq == 0 && len(e.units) == 0 {
		e.base = dts
	}
	dts -= e.base
	if n := len(e.units); n > 0 && s.gap != "" { // its last picture is not shown through the gap
		if err := s.flush(min(dts, e.units[n-1].DTS+e.last)); err != nil {
			return err
		}
	}
	if n := len(e.units); n > 0 {
		e.last = dts - e.units[n-1].DTS
		long := dts + e.last - e.units[0].DTS
		if pic.key() || long > frames.Ticks(FragmentTarget) || e.head()+e.bytes+size > frames.MaxFragmentBytes {
			if err := s.flush(dts); err != nil {
				return err
			}
		}
	}
	if len(e.units) == 0 {
		e.gap, s.gap = s.gap, ""
	}
	e.lossy = e.lossy || s.lossy
	e.units = append(e.units, frames.AccessUnit{PTS: pts - e.base, DTS: dts, Key: pic.key(), NALUs: u.NALUs})
	e.bytes += size
	return nil
}

// head is the most bytes a fragment has besides its samples.
func (e *epoch) head() int {
	return headBytes + len(e.params.VPS) + len(e.params.SPS) + len(e.params.PPS)
}

// drop passes over an access unit that is too large, and with it everything that is decoded from it.
func (s *Segmenter) drop() error {
	s.stats.Dropped++
	s.skip = true
	s.gap = GapTooLarge
	e := s.epoch
	return s.flush(e.clock.prev - e.base + e.last)
}

// flush emits the units gathered; end is the decoding time at which the last of them ends.
func (s *Segmenter) flush(end int64) error {
	e := s.epoch
	if len(e.units) == 0 {
		return nil
	}
	units, room := e.units, frames.MaxFragmentBytes-e.head()-e.bytes
	if room < 0 { // a large unit by itself
		room = frames.MaxUnitBytes - e.bytes
	}
	e.units, e.bytes = nil, 0
	from := units[0].DTS
	// A picture that stands for longer, as with a camera of one a second, is shown on: only its fragment ends.
	end = min(end, from+frames.Ticks(frames.MaxFragmentDuration))
	lead := int64(0) // of presentation to decoding
	for _, u := range units {
		lead = max(lead, u.PTS-u.DTS)
	}
	audio := s.sound.take(e.base, e.base+end+lead, room)
	payload, err := frames.Pack(e.params, units[0].Key, e.seq, units, end, audio...)
	if err != nil {
		return err
	}
	f := &frames.Fragment{
		Camera: s.camera, Epoch: e.id, Seq: e.seq, Key: units[0].Key,
		Start:    e.anchor.at(units[0].PTS + e.base),
		Duration: frames.Duration(end - from),
		Codec:    e.params.Codec, Width: e.width, Height: e.height, Loss: e.lossy, Payload: payload,
	}
	if e.gap != "" && !s.end.IsZero() {
		f.Gap = &frames.Gap{From: s.end, To: later(s.end, f.Start), Reason: e.gap}
	}
	e.gap, e.lossy = "", false
	s.end = f.End()
	e.seq++
	s.stats.Fragments++
	s.emit(f)
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
