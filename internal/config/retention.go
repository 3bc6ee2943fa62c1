package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

// Retention configures how long things are kept. Sightings, a week, and what waits to be sent are not among them.
type Retention struct {
	Fragments      Age  `yaml:"fragments" doc:"Recorded video of every moment, 5m to 1d. Clips are cut out of it and a restart reads it again, so it must be longer than any visit's clip and any outage of the clips role; a long one makes the start slower."`
	FragmentsBytes Size `yaml:"fragments_bytes" doc:"Recorded video goes earlier, the oldest first, beyond this size; at least 64MiB. 4GiB are 15 minutes of eight cameras at 4 Mbit/s. A small disk makes it less."`
	Clips          Age  `yaml:"clips" doc:"Clips, with the shots and records beside them, counted from when they were stored; at least 7d, since links in webhooks open for that long. 0: never deleted, for a bucket with a lifecycle of its own. 30d: as long as their alerts are listed."`
	ClipsBytes     Size `yaml:"clips_bytes" doc:"Clips go earlier, the oldest first, beyond this size, but never in their first 7 days. 50GB are 3,000 clips of half a minute at 4 Mbit/s, a hundred a day for a month. 0: no limit."`
	Shots          Age  `yaml:"shots" doc:"Best shots of all faces that were followed, of people who are known too, so not long; at least 7d, since links in webhooks open for that long. 0: never deleted. 14d: an alert may be a week late, and its link opens for another. Alerts with a clip have their own shot beside it."`
	Alerts         Age  `yaml:"alerts" doc:"Alerts and their events, as the console and the API list them, counted from their latest change; 7d to 365d. The room for them, 256 MiB, is 700 alerts a day for a year."`
	Audit          Age  `yaml:"audit" doc:"What people and programs did through the API; 30d to 3650d. The room for it, 64 MiB, is 200,000 entries; beyond it the oldest go."`
}

const (
	day = Age(24 * time.Hour)
	// minKept is what links in webhooks need: they open for a week (web.LinkLife).
	minKept                    = 7 * day
	maxAlerts                  = 365 * day
	minAudit, maxAudit         = 30 * day, 3650 * day
	minFragments, maxFragments = Age(5 * time.Minute), day
	minFragmentsBytes          = 64 << 20
)

func (r *Retention) validate(bad report) {
	if r.Fragments < minFragments || r.Fragments > maxFragments {
		bad("retention.fragments", "is %s, want %s to %s", r.Fragments, minFragments, maxFragments)
	}
	if r.FragmentsBytes < minFragmentsBytes {
		bad("retention.fragments_bytes", "is %s, want at least %s", r.FragmentsBytes, Size(minFragmentsBytes))
	}
	for key, age := range map[string]Age{"retention.clips": r.Clips, "retention.shots": r.Shots} {
		if age != 0 && age < minKept {
			bad(key, "is %s, but links in webhooks open for %s: want that at least, or 0 for ever", age, minKept)
		}
	}
	if r.Alerts < minKept || r.Alerts > maxAlerts {
		bad("retention.alerts", "is %s, want %s to %s", r.Alerts, minKept, maxAlerts)
	}
	if r.Audit < minAudit || r.Audit > maxAudit {
		bad("retention.audit", "is %s, want %s to %s", r.Audit, minAudit, maxAudit)
	}
}

// Age is a time that may be told in days, such as 30d.
type Age time.Duration

// String implements fmt.Stringer.
func (a Age) String() string {
	if a != 0 && a%day == 0 {
		return strconv.Itoa(int(a/day)) + "d"
	}
	return time.Duration(a).String()
}

// MarshalText implements encoding.TextMarshaler.
func (a Age) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

var ageText = regexp.MustCompile(`^([0-9]{1,5})d$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Age) UnmarshalText(text []byte) error {
	if m := ageText.FindSubmatch(text); m != nil {
		n, err := strconv.Atoi(string(m[1]))
		*a = Age(n) * day
		return err
	}
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not an age such as 30d or 12h", text)
	}
	*a = Age(d)
	return nil
}

// Size is a number of bytes that may be told in units, such as 50GB or 4GiB.
type Size int64

// units are the larger ones first, so that a size is shown in the largest that divides it.
var units = []struct {
	name  string
	bytes Size
}{{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}}

// String implements fmt.Stringer.
func (s Size) String() string {
	for _, u := range units {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText implements encoding.TextMarshaler.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var sizeText = regexp.MustCompile(`^([0-9]{1,18})([A-Za-z]*)$`)

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Size) UnmarshalText(text []byte) error {
	wrong := fmt.Errorf("%q is not a size such as 50GB or 4GiB", text)
	m := sizeText.FindSubmatch(text)
	if m == nil {
		return wrong
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		return wrong
	}
	factor := Size(1)
	if unit := string(m[2]); unit != "" {
		factor = 0
		for _, u := range units {
			if u.name == unit {
				factor = u.bytes
			}
		}
	}
	if factor == 0 || n > math.MaxInt64/int64(factor) {
		return wrong
	}
	*s = Size(n) * factor
	return nil
}
