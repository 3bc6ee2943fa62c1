package ingest

import (
	"math"
	"sync"
	"time"

	"vigil/frames"
)

const (
	// maxSkew is how far audio's time may be from what its arrival says: beyond it, the time is not believed.
	maxSkew = 2 * frames.ClockRate
	// reportSlack is how far a report may disagree before the audio is moved: less is jitter.
	reportSlack = 40 * frames.ClockRate / 1000
	// arrivalSlack is that of arrival, which hesitates with the network: all packets of a while must agree.
	arrivalSlack = 80 * frames.ClockRate / 1000
	arrivalSpan  = 64 // packets
)

// Sound is what one packet of a source's audio track holds.
type Sound struct {
	PTS      int64     // of the first unit, on the track's own clock, unwrapped, in ticks of frames.ClockRate
	Received time.Time // when the packet arrived
	NTP      time.Time // of PTS by the sender's clock, which the video's Unit.NTP shares; zero when it told nothing
	Units    [][]byte  // coded frames that follow each other; the sink may keep them
}

// SenderClock is what RTCP sender reports say of a track's timestamps (RFC 3550, 6.4.1). Several goroutines may use it.
type SenderClock struct {
	Rate int64 // of the timestamps, in ticks a second

	// private
	mu    sync.Mutex
	known bool
	ntp   time.Time
	ts    uint32
}

// Report takes a report: the NTP timestamp as it is sent, and the RTP timestamp of the same moment.
func (c *SenderClock) Report(ntp uint64, ts uint32) {
	const unix = 2208988800 // seconds from 1900 to 1970
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.ts = true, ts
	c.ntp = time.Unix(int64(ntp>>32)-unix, int64((ntp&math.MaxUint32)*uint64(time.Second)>>32))
}

// At is the sender's time of a timestamp; zero when no report came yet.
func (c *SenderClock) At(ts uint32) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		return time.Time{}
	}
	return c.ntp.Add(time.Duration(int32(ts-c.ts)) * time.Second / time.Duration(c.Rate))
}

// lipSync sets audio beside the video. The tracks' clocks share neither origin nor, exactly, rate: sender reports
// (RFC 3550, 6.4.1) relate them, and where there are none, or they cannot be true, arrival does: what arrives
// together was captured together.
type lipSync struct {
	video    Unit // the latest; without NAL units
	anchored bool
	offset   int64 // from the audio's clock to the video's
	low      int64 // of what arrival would change offset by, over the packets counted
	high     int64
	packets  int
}

// picture notes a unit of the video.
func (l *lipSync) picture(u Unit) { l.video = Unit{PTS: u.PTS, Received: u.Received, NTP: u.NTP} }

// place returns the packet's time on the video's clock; length is how long its units last, in ticks.
func (l *lipSync) place(s Sound, length int64) int64 {
	// A packet leaves when its last unit is complete.
	arrived := l.video.PTS + frames.Ticks(s.Received.Sub(l.video.Received)) - length
	told, reported := arrived, false
	if !s.NTP.IsZero() && !l.video.NTP.IsZero() {
		at := l.video.PTS + frames.Ticks(s.NTP.Sub(l.video.NTP))
		if reported = near(at-arrived, maxSkew); reported {
			told = at
		}
	}
	slack := int64(maxSkew)
	if reported {
		slack = reportSlack
	}
	now := s.PTS + l.offset
	switch {
	case !l.anchored || !near(told-now, slack):
		l.move(told - s.PTS)
	case !reported:
		l.follow(arrived - now)
	}
	return s.PTS + l.offset
}

func (l *lipSync) move(offset int64) { l.anchored, l.offset, l.packets = true, offset, 0 }

// follow moves the audio when all packets of a while came later, or sooner, than it says. The promptest counts.
func (l *lipSync) follow(late int64) {
	if l.packets == 0 {
		l.low, l.high = late, late
	}
	l.low, l.high = min(l.low, late), max(l.high, late)
	if l.packets++; l.packets < arrivalSpan {
		return
	}
	switch {
	case l.low > arrivalSlack:
		l.offset += l.low
	case l.high < -arrivalSlack:
		l.offset += l.high
	}
	l.packets = 0
}

func near(v, bound int64) bool { return v >= -bound && v <= bound }

// soundtrack is the audio that waits for its fragment. Times are the video source's ticks.
type soundtrack struct {
	sync  lipSync
	units []frames.AudioUnit // in order, not yet in a fragment
	bytes int                // of units, with their entries in trun
	end   int64              // of the last unit taken
	began bool
}

// Audio implements Sink. Audio waits for the video, never the other way round: what comes late goes into the next
// fragment, what does not fit is dropped and counted.
func (s *Segmenter) Audio(a Sound) {
	track := s.params.Audio
	if s.epoch == nil || track == nil || a.PTS > maxPTS || a.PTS < -maxPTS {
		return // nothing is recorded that it could belong to
	}
	lengths, total := make([]int64, len(a.Units)), int64(0)
	for i, data := range a.Units {
		samples, err := track.Samples(data)
		if err != nil {
			s.stats.AudioDropped++
			continue
		}
		lengths[i] = track.Ticks(samples)
		total += lengths[i]
	}
	pts := s.sound.sync.place(a, total)
	for i, data := range a.Units {
		if lengths[i] > 0 {
			s.hear(pts, lengths[i], data)
			pts += lengths[i]
		}
	}
}

// hear takes one unit, unless it is of the epoch before, goes back in time, or is more than can wait.
func (s *Segmenter) hear(pts, length int64, data []byte) {
	t := &s.sound
	size := sampleBytes + len(data)
	switch {
	case pts < s.epoch.base:
	case t.began && pts < t.end-length/2, t.bytes+size > frames.MaxFragmentAudioBytes:
		s.stats.AudioDropped++
	default:
		if t.began && len(t.units) > 0 { // rounding must not make times that do not rise
			pts = max(pts, t.units[len(t.units)-1].PTS+1)
		}
		t.began, t.end = true, pts+length
		t.units = append(t.units, frames.AudioUnit{PTS: pts, Data: data})
		t.bytes += size
	}
}

// take returns the audio up to the time end, as far as room bytes hold it, with times since base.
func (t *soundtrack) take(base, end int64, room int) []frames.AudioUnit {
	var taken []frames.AudioUnit
	for len(t.units) > 0 && t.units[0].PTS < end {
		u := t.units[0]
		size := sampleBytes + len(u.Data)
		if room -= size; room < 0 {
			break
		}
		t.units[0] = frames.AudioUnit{} // the array outlives it
		t.units = t.units[1:]
		t.bytes -= size
		if u.PTS -= base; u.PTS >= 0 { // else it is of the epoch before
			taken = append(taken, u)
		}
	}
	return taken
}
