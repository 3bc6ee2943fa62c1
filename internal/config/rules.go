package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Rule configures who raises an alert, where, when, and how loud.
type Rule struct {
	Name      string        `yaml:"name" doc:"1 to 63 of a-z, 0-9 and -; alerts name it."`
	Who       []string      `yaml:"who" doc:"unknown: nobody enrolled; undecided: whose face was never clear; known: anybody enrolled. Without who, people and groups: unknown."`
	People    []string      `yaml:"people" doc:"Names under people: they raise an alert when they are seen."`
	Groups    []string      `yaml:"groups" doc:"Groups that people are in: their members raise an alert."`
	Cameras   []string      `yaml:"cameras" doc:"Ids of cameras. Empty: all."`
	Zones     []string      `yaml:"zones" doc:"Names of zones of those cameras: the centre of the face must lie in one. Empty: anywhere in the picture."`
	Schedule  []Window      `yaml:"schedule" doc:"When; any of the times. Empty: always."`
	TimeZone  string        `yaml:"time_zone" doc:"Whose clock the schedule goes by, such as Europe/Berlin. Empty: this machine's."`
	Cooldown  time.Duration `yaml:"cooldown" doc:"How long after they were last seen the same identity raises no other alert by this rule, at most 168h. Somebody else does."`
	Endpoints []string      `yaml:"endpoints" doc:"Ids of the endpoints that are told, mqtt for the broker. Empty: all."`
}

// Window configures a time of the week.
type Window struct {
	Days []string `yaml:"days" doc:"mon, tue, wed, thu, fri, sat, sun: on which it begins. Empty: every day."`
	From string   `yaml:"from" doc:"15:04, on the 24-hour clock. Empty: midnight."`
	To   string   `yaml:"to" doc:"15:04, or 24:00. Before from: of the day after. Empty: midnight at the day's end."`
}

// Zone configures an area of a camera's picture.
type Zone struct {
	Name    string      `yaml:"name" doc:"1 to 63 of a-z, 0-9 and -. Zones of several cameras may have the same name."`
	Polygon [][]float64 `yaml:"polygon" doc:"Corners, 3 to 64, as [x, y] in fractions of the picture's width and height from its top left."`
}

const (
	maxCooldown = 7 * 24 * time.Hour // alerts are kept that long at least
	maxCorners  = 64
	maxRules    = 64
)

var days = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} // by time.Weekday

var clockTime = regexp.MustCompile(`^([01]?[0-9]|2[0-4]):([0-5][0-9])$`)

// Span is the window's days, by time.Weekday, and its times since midnight. It is called when the configuration is valid.
func (w Window) Span() (on [7]bool, from, to time.Duration) {
	for i, day := range days {
		on[i] = len(w.Days) == 0 || slices.Contains(w.Days, day)
	}
	from, _ = sinceMidnight(w.From, 0)
	to, _ = sinceMidnight(w.To, 24*time.Hour)
	return on, from, to
}

func sinceMidnight(text string, empty time.Duration) (time.Duration, bool) {
	if text == "" {
		return empty, true
	}
	if !clockTime.MatchString(text) {
		return 0, false
	}
	hours, minutes, _ := strings.Cut(text, ":")
	d, err := time.ParseDuration(hours + "h" + minutes + "m")
	return d, err == nil && d <= 24*time.Hour
}

// validateRules checks every rule, and that what it names is there.
func (c *Config) validateRules(bad report) {
	if len(c.Rules) > maxRules {
		bad("rules", "there are %d, want %d at most", len(c.Rules), maxRules)
	}
	seen := map[string]bool{}
	for i, r := range c.Rules {
		key := fmt.Sprintf("rules[%d]", i)
		switch {
		case !id.MatchString(r.Name):
			bad(key+".name", "%q is not 1 to 63 of a-z, 0-9 and -", r.Name)
		case seen[r.Name]:
			bad(key+".name", "%q is there twice", r.Name)
		}
		seen[r.Name] = true
		c.validateWho(r, key, bad)
		c.validateWhere(r, key, bad)
		r.validateWhen(key, bad)
		if r.Cooldown < 0 || r.Cooldown > maxCooldown {
			bad(key+".cooldown", "is %s, want 0s to %s", r.Cooldown, maxCooldown)
		}
		for j, e := range r.Endpoints {
			if broker := e == brokerEndpoint && c.MQTT.URL != ""; !broker && !slices.ContainsFunc(c.Endpoints, func(o Endpoint) bool { return o.ID == e }) {
				bad(fmt.Sprintf("%s.endpoints[%d]", key, j), "%q is no endpoint: want the id of one under endpoints, or mqtt", e)
			}
		}
	}
}

func (c *Config) validateWho(r Rule, key string, bad report) {
	for j, who := range r.Who {
		if !slices.Contains([]string{"unknown", "undecided", "known"}, who) {
			bad(fmt.Sprintf("%s.who[%d]", key, j), "is %q, want unknown, undecided or known; names go under people, groups under groups", who)
		}
	}
	for j, name := range r.People {
		if !slices.ContainsFunc(c.People.Known, func(p Person) bool { return p.Name == name }) {
			bad(fmt.Sprintf("%s.people[%d]", key, j), "%q is nobody under people; somebody enrolled otherwise goes there without photos", name)
		}
	}
	for j, group := range r.Groups {
		if !slices.ContainsFunc(c.People.Known, func(p Person) bool { return slices.Contains(p.Groups, group) }) {
			bad(fmt.Sprintf("%s.groups[%d]", key, j), "%q is a group that nobody under people is in", group)
		}
	}
}

func (c *Config) validateWhere(r Rule, key string, bad report) {
	for j, camera := range r.Cameras {
		// Without a configured camera every id may publish.
		if len(c.Cameras) > 0 && !slices.ContainsFunc(c.Cameras, func(o Camera) bool { return o.ID == camera }) {
			bad(fmt.Sprintf("%s.cameras[%d]", key, j), "%q is no camera: want the id of one under cameras", camera)
		}
	}
	for j, zone := range r.Zones {
		if !slices.ContainsFunc(c.Cameras, func(o Camera) bool { return r.looksAt(o) && o.hasZone(zone) }) {
			bad(fmt.Sprintf("%s.zones[%d]", key, j), "%q is a zone of none of the rule's cameras", zone)
		}
	}
	for _, o := range c.Cameras {
		if len(r.Zones) > 0 && slices.Contains(r.Cameras, o.ID) && !slices.ContainsFunc(r.Zones, o.hasZone) {
			bad(key+".zones", "camera %s has none of them, so it would never raise an alert: give it one, or a rule of its own", o.ID)
		}
	}
}

func (r Rule) looksAt(c Camera) bool { return len(r.Cameras) == 0 || slices.Contains(r.Cameras, c.ID) }

func (c Camera) hasZone(name string) bool {
	return slices.ContainsFunc(c.Zones, func(z Zone) bool { return z.Name == name })
}

func (r Rule) validateWhen(key string, bad report) {
	if _, err := time.LoadLocation(r.TimeZone); err != nil {
		bad(key+".time_zone", "%q is no time zone such as Europe/Berlin", r.TimeZone)
	}
	if r.TimeZone != "" && len(r.Schedule) == 0 {
		bad(key+".time_zone", "needs a schedule")
	}
	for j, w := range r.Schedule {
		at := fmt.Sprintf("%s.schedule[%d]", key, j)
		for k, day := range w.Days {
			if !slices.Contains(days, day) {
				bad(fmt.Sprintf("%s.days[%d]", at, k), "is %q, want mon, tue, wed, thu, fri, sat or sun", day)
			}
		}
		from, good := sinceMidnight(w.From, 0)
		if !good || from == 24*time.Hour {
			bad(at+".from", "is %q, want a time from 00:00 to 23:59", w.From)
		}
		to, fine := sinceMidnight(w.To, 24*time.Hour)
		if !fine {
			bad(at+".to", "is %q, want a time from 00:00 to 24:00", w.To)
		}
		if good && fine && from == to {
			bad(at+".to", "is from, %s: leave both out for the whole day", w.To)
		}
	}
}

// validateZones checks the areas of the camera's picture.
func (c *Camera) validateZones(key string, bad report) {
	seen := map[string]bool{}
	for i, z := range c.Zones {
		at := fmt.Sprintf("%s.zones[%d]", key, i)
		switch {
		case !id.MatchString(z.Name):
			bad(at+".name", "%q is not 1 to 63 of a-z, 0-9 and -", z.Name)
		case seen[z.Name]:
			bad(at+".name", "%q is there twice", z.Name)
		}
		seen[z.Name] = true
		z.validate(at+".polygon", bad)
	}
}

func (z Zone) validate(key string, bad report) {
	n := len(z.Polygon)
	if n < 3 || n > maxCorners {
		bad(key, "zone %s has %d corners, want 3 to %d", z.Name, n, maxCorners)
		return
	}
	for i, corner := range z.Polygon {
		if len(corner) != 2 {
			bad(fmt.Sprintf("%s[%d]", key, i), "zone %s: has %d numbers, want [x, y]", z.Name, len(corner))
			return
		}
		if !(corner[0] >= 0 && corner[0] <= 1 && corner[1] >= 0 && corner[1] <= 1) {
			bad(fmt.Sprintf("%s[%d]", key, i), "zone %s: [%v, %v] is outside the picture: want fractions of it, 0 to 1", z.Name, corner[0], corner[1])
			return
		}
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			if z.meet(i, j) {
				bad(key, "zone %s: the sides from corner %d and corner %d meet: want corners in order around the zone, none twice", z.Name, i, j)
				return
			}
		}
	}
}

// meet says that the sides that begin at two corners, i before j, touch where they should not.
func (z Zone) meet(i, j int) bool {
	n := len(z.Polygon)
	a, b := z.Polygon[i], z.Polygon[(i+1)%n]
	c, d := z.Polygon[j], z.Polygon[(j+1)%n]
	switch {
	case j == i+1: // they share b: only one that goes back over the other is wrong
		return between(a, b, d) || between(b, d, a)
	case i == 0 && j == n-1: // they share a
		return between(c, a, b) || between(a, b, c)
	}
	return side(a, b, c)*side(a, b, d) < 0 && side(c, d, a)*side(c, d, b) < 0 ||
		between(a, b, c) || between(a, b, d) || between(c, d, a) || between(c, d, b)
}

// side is on which side of the line from a to b the point p lies; 0: on it.
func side(a, b, p []float64) float64 {
	v := (b[0]-a[0])*(p[1]-a[1]) - (b[1]-a[1])*(p[0]-a[0])
	switch {
	case v > 1e-12:
		return 1
	case v < -1e-12:
		return -1
	}
	return 0
}

// between says that p lies on the way from a to b.
func between(a, b, p []float64) bool {
	return side(a, b, p) == 0 && min(a[0], b[0]) <= p[0] && p[0] <= max(a[0], b[0]) && min(a[1], b[1]) <= p[1] && p[1] <= max(a[1], b[1])
}
