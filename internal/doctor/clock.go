package doctor

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// The years in which this program can be running.
	firstYear, lastYear = 2025, 2099
	// unsynchronised is STA_UNSYNC of adjtimex(2), timeError its state TIME_ERROR.
	unsynchronised = 0x40
	timeError      = 5
	// maxClockError is how far off a clock may be: receivers of webhooks allow five minutes, but what several cameras and
	// machines saw should fit together.
	maxClockError = time.Second
)

// Adjtimex is the kernel's own knowledge of the clock; it changes nothing.
func Adjtimex() (state int, t unix.Timex, err error) {
	state, err = unix.Adjtimex(&t)
	return state, t, err
}

// Clock looks whether the clock is right.
func Clock(now time.Time, adjtimex func() (int, unix.Timex, error)) []Finding {
	const do = "switch NTP on: timedatectl set-ntp true, or install chrony"
	if y := now.UTC().Year(); y < firstYear || y > lastYear {
		return []Finding{problem("set the clock; "+do, "the clock says it is %d: webhooks would be refused and certificates not be valid", y)}
	}
	state, t, err := adjtimex()
	if err != nil {
		return []Finding{warning("look with timedatectl", "the clock: cannot be asked whether it is synchronised: %v", err)}
	}
	if state == timeError || t.Status&unsynchronised != 0 {
		return []Finding{warning(do, "the clock is not synchronised: times of alerts and clips drift")}
	}
	off := time.Duration(t.Maxerror) * time.Microsecond
	if off > maxClockError {
		return []Finding{warning(do, "the clock may be off by %s", off.Round(10*time.Millisecond))}
	}
	return []Finding{ok("the clock is synchronised, and off by at most %s", off.Round(time.Millisecond))}
}
