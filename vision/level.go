package vision

import (
	"fmt"
	"hash/fnv"
	"time"

	"vigil/frames"
)

// Level says how much of a camera's video is analysed. It is the vision role's answer to more work than it can do; the
// video itself and the clips do not depend on it.
type Level int

// The levels, in the order in which they are taken.
const (
	Full      Level = iota // every picture that the sampler chooses
	Fewer                  // half of them
	KeyFrames              // key frames alone
)

// String implements fmt.Stringer.
func (l Level) String() string { return [...]string{"full", "fewer", "key frames"}[l] }

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(text []byte) error {
	for _, known := range []Level{Full, Fewer, KeyFrames} {
		if string(text) == known.String() {
			*l = known
			return nil
		}
	}
	return fmt.Errorf("level %q: want %s, %s or %s", text, Full, Fewer, KeyFrames)
}

// Limits of the pace.
const (
	// paceEvery is how often it is measured: longer than a group of pictures that was held back takes to decode.
	paceEvery = 5 * time.Second
	// lateFrom is the lag at which something has to be done, if it does not shrink by itself: a webhook within a second
	// or so is what was promised. lateUntil is where the lag counts as made up.
	lateFrom, lateUntil = 3 * time.Second, time.Second
	// catching is the part of the time by which the lag must shrink to be on the way: a replay after a restart begins
	// minutes behind, and is not overload.
	catching = 0.1
	// easyChecks is how many times in a row the lag must be made up before more is analysed again: half a minute.
	easyChecks = 6
	// mostChecks bounds how long a level that has proved too much is not tried again: four minutes.
	mostChecks = 8 * easyChecks
)

// pace chooses the level from how far behind the analysis is, once in paceEvery.
type pace struct {
	// spread is how many more checks than others this camera waits before more of it is analysed, so that not all
	// cameras try at once what there is time for with some of them.
	spread int

	level   Level
	checked time.Time
	lag     time.Duration // then
	easy    int           // how often in a row it was made up
	wanted  int           // how often it must be before more is analysed; 0: easyChecks
	trying  bool          // more is analysed than before, and whether there is time for it is not known yet
	fresh   bool          // the level was lowered at the last check: it begins at a key frame, and has shown nothing yet
}

// newPace returns the pace of the camera, whose spread follows from its name.
func newPace(camera frames.CameraID) pace {
	h := fnv.New32a()
	_, _ = h.Write([]byte(camera))
	return pace{spread: int(h.Sum32() % easyChecks)}
}

// keep takes the lag, the time from capture to analysis, of the fragment analysed at now, and returns the level.
func (p *pace) keep(lag time.Duration, now time.Time) Level {
	if p.checked.IsZero() {
		p.checked, p.lag = now, lag
	}
	passed := now.Sub(p.checked)
	if passed < paceEvery {
		return p.level
	}
	shrinks := float64(p.lag-lag) >= catching*float64(passed)
	late := lag >= lateFrom && !shrinks && !p.fresh
	if p.easy++; lag > lateUntil {
		p.easy = 0
	}
	if p.trying && p.easy >= easyChecks {
		p.trying, p.wanted = false, 0
	}
	p.checked, p.lag, p.fresh = now, lag, false
	switch {
	case late && p.level < KeyFrames:
		p.lower()
	case p.level > Full && p.easy >= max(p.wanted, easyChecks)+p.spread:
		p.level--
		p.easy, p.trying = 0, true
	}
	return p.level
}

// lower analyses less. What was tried in vain is tried again after twice as long.
func (p *pace) lower() {
	p.level++
	if p.trying {
		p.wanted = min(2*max(p.wanted, easyChecks), mostChecks)
	}
	p.trying, p.fresh = false, true
}
