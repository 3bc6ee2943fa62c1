package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

const (
	// tolerated is how many attempts in a row may fail before an endpoint is only probed: by one delivery at a time,
	// while the others wait and use up nothing of their schedules.
	tolerated = 5
	// Waits between probes. The last one is also the longest that a backlog waits when the endpoint is back.
	firstProbe = 30 * time.Second
	lastProbe  = 5 * time.Minute
	// probing is for how long a probe has the endpoint to itself.
	probing = attemptTimeout + 5*time.Second
	// A delivery that is younger than fresh may probe as soon as freshProbe after the attempt before: an alarm should not
	// wait minutes for a receiver that has just come back.
	fresh      = time.Minute
	freshProbe = 10 * time.Second
	// noted is how old the note may be that a receiver takes what it is sent, which is written once for many deliveries.
	noted = 5 * time.Second
	// clockSlack is how far in the future what has happened may lie before this machine's clock was set back: then what
	// was planned by it is due.
	clockSlack = time.Minute
)

// Standing is how an endpoint is doing. It is of all its deliveries together.
type Standing struct {
	Gone     string    `json:"gone,omitempty"` // digest of the URL that wants no more; another URL under the same ID does
	Failures int       `json:"failures"`       // attempts in a row that failed
	Since    time.Time `json:"since,omitzero"` // the first of them
	Next     time.Time `json:"next,omitzero"`  // no attempt before
	Held     time.Time `json:"held,omitzero"`  // until then the receiver has asked to wait
	Status   int       `json:"status"`         // of the last attempt; 0 when there was no answer
	Reason   string    `json:"reason"`         // why the last attempt failed
	Last     time.Time `json:"last,omitzero"`  // the last attempt
	Taken    time.Time `json:"taken,omitzero"` // the last one that was taken

	// Down and Back are the latest time for which the endpoint was away. What failed in it is tried again at once.
	Down time.Time `json:"down,omitzero"`
	Back time.Time `json:"back,omitzero"`
}

// Disabled says whether the URL has answered that it wants no more.
func (s Standing) Disabled(url string) bool { return s.Gone != "" && s.Gone == digest(url) }

// Probed says whether so much has failed that the endpoint is only probed.
func (s Standing) Probed() bool { return s.Failures >= tolerated }

// wait is how long a delivery has to wait for its endpoint.
func (s Standing) wait(now time.Time, fresh bool) time.Duration {
	if setBack(s.Last, now) {
		return 0
	}
	next := s.Next
	if soon := latest(s.Held, s.Last.Add(freshProbe)); fresh && s.Probed() && soon.Before(next) {
		next = soon
	}
	return next.Sub(now)
}

// after is the standing after an attempt at the URL with that digest. random is in [0, 1).
func (s Standing) after(r Result, digest string, now time.Time, random float64) Standing {
	s.Status, s.Reason, s.Last = r.Status, r.Reason, now
	switch {
	case r.Outcome == Delivered && s.Probed():
		s = s.back(now)
		s.Taken = now
		return s
	case r.Outcome == Delivered: // what the receiver asked another delivery to wait stands
		s.Gone, s.Failures, s.Since, s.Taken = "", 0, time.Time{}, now
		return s
	case r.Outcome == Gone:
		s.Gone = digest
	case s.Gone != digest:
		s.Gone = ""
	}
	if s.Failures == 0 {
		s.Since = now
	}
	s.Failures++
	wait := min(r.After, maxRetryAfter)
	if wait > 0 {
		s.Held = latest(s.Held, now.Add(wait))
	}
	if s.Probed() {
		probe := min(firstProbe<<min(s.Failures-tolerated, 10), lastProbe)
		wait = max(wait, time.Duration(float64(probe)*(1+jitter*(2*random-1))))
	}
	if next := now.Add(wait); wait > 0 && next.After(s.Next) {
		s.Next = next
	}
	return s
}

// tells says whether an attempt tells anything new of an endpoint that was in this standing when it began.
func (s Standing) tells(r Result, now time.Time) bool {
	known := r.Outcome == Delivered && s.Status == r.Status && s.Gone == "" && s.Failures == 0
	age := now.Sub(s.Taken)
	return !known || age < 0 || age >= noted
}

// back is the standing of an endpoint that is asked again without restraint.
func (s Standing) back(now time.Time) Standing {
	if s.Failures > 0 {
		s.Down, s.Back = s.Since, now
	}
	s.Gone, s.Failures, s.Since, s.Next, s.Held = "", 0, time.Time{}, time.Time{}, time.Time{}
	return s
}

// setBack says whether the clock was set back since something happened.
func setBack(happened, now time.Time) bool { return happened.Sub(now) > clockSlack }

// excuses says whether a delivery's last attempt failed because the endpoint was away, which it is no more.
func (s Standing) excuses(r Record) bool {
	return r.Attempts > 0 && !r.Updated.Before(s.Down) && r.Updated.Before(s.Back)
}

// digest names a URL without telling it.
func digest(url string) string {
	sum := sha256.Sum256([]byte(url))
	return hex.EncodeToString(sum[:8])
}
