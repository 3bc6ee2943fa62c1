package vision

import (
	"fmt"
	"time"
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
)

// pace chooses the level from how far behind the analysis is, once in paceEvery.
type pace struct {
	level   Level
	checked time.Time
	lag     time.Duration // then
	easy    int           // how often in a row it was made up
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
	if p.easy++; lag > lateUntil {
		p.easy = 0
	}
	switch {
	case lag >= lateFrom && !shrinks && p.level < KeyFrames:
		p.level++
	case p.easy >= easyChecks && p.level > Full:
		p.level--
		p.easy = 0
	}
	p.checked, p.lag = now, lag
	return p.level
}
