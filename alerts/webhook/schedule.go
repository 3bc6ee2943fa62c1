package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// schedule is how long to wait before each attempt: about 76 hours in all.
var schedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

const (
	jitter        = 0.2 // of each wait, either way
	maxRetryAfter = 24 * time.Hour
	// longest is for how long a delivery is held for an endpoint that is away: the schedule with all its jitter.
	longest = 92 * time.Hour
)

// Next says how long to wait after so many attempts, and false when they were all there are. random is in [0, 1).
// after is what the receiver asked for: it can make the wait longer, up to a day, never shorter.
func Next(attempts int, after time.Duration, random float64) (time.Duration, bool) {
	if attempts >= len(schedule) {
		return 0, false
	}
	wait := time.Duration(float64(schedule[attempts]) * (1 + jitter*(2*random-1)))
	return max(wait, min(after, maxRetryAfter)), true
}

// RetryAfter reads the header of that name, seconds or a date (RFC 9110, 10.2.3): zero when it says nothing, at most a
// day.
func RetryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if header == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(header, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
