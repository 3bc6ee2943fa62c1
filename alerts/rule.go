package alerts

import (
	"math"
	"slices"
	"time"

	"vigil/frames"
	"vigil/vision"
)

// Rule says who raises an alert, where, when, and how loud. It is a value: whether it matches follows from the sighting
// alone, whose times are capture times, so that what comes late, or again after a crash, matches as it did.
type Rule struct {
	Name      string
	Outcomes  []vision.Outcome              // who: everybody decided to be this
	People    []string                      // who: these too, when they are known; members of groups among them
	Cameras   []frames.CameraID             // where; empty: everywhere
	Zones     map[frames.CameraID][]Polygon // where in the pictures of these cameras, and of no others; empty: anywhere
	Schedule  Schedule                      // when
	Cooldown  time.Duration                 // how long after it was last seen an identity raises no other alert
	Endpoints []string                      // whom it is told; nil: all
}

// Strangers is the rule that a fresh install has: unknown, everywhere, always.
func Strangers() Rule {
	return Rule{Name: "strangers", Outcomes: []vision.Outcome{vision.Unknown}}
}

// Matches says whether the sighting is what the rule is about, and from when on: where the rule has neither zones nor a
// schedule from the track's first face, else from the first of its places that lies in both.
func (r Rule) Matches(s vision.Sighting) (from time.Time, ok bool) {
	if !r.about(s.Decision) || len(r.Cameras) > 0 && !slices.Contains(r.Cameras, s.Camera) {
		return time.Time{}, false
	}
	if len(r.Zones) == 0 && r.Schedule.Always() {
		return s.Start, true
	}
	for _, p := range places(s) {
		if r.within(s.Camera, p.Point) && r.Schedule.Covers(p.at) {
			return p.at, true
		}
	}
	return time.Time{}, false
}

func (r Rule) about(d vision.Decision) bool {
	return slices.Contains(r.Outcomes, d.Outcome) || d.Outcome == vision.Known && slices.Contains(r.People, d.Person)
}

func (r Rule) within(camera frames.CameraID, p vision.Point) bool {
	return len(r.Zones) == 0 || slices.ContainsFunc(r.Zones[camera], func(zone Polygon) bool { return zone.Contains(p) })
}

// place is where a face was, by the centre of its box.
type place struct {
	vision.Point
	at time.Time
}

// places are where the sighting was. One of a version that told none was nowhere, at its beginning and its end.
func places(s vision.Sighting) (all []place) {
	for _, m := range s.Trail {
		all = append(all, place{m.Centre(), m.At(s.Start)})
	}
	if len(all) > 0 {
		return all
	}
	nowhere := vision.Point{X: math.NaN(), Y: math.NaN()}
	return []place{{nowhere, s.Start}, {nowhere, s.Seen}}
}

// Polygon is an area of a picture, in fractions of its width and height. Its last corner is joined to its first.
type Polygon []vision.Point

// Contains says whether p lies inside: whether a ray from it to the right crosses an odd number of sides.
func (g Polygon) Contains(p vision.Point) bool {
	inside := false
	for i, a := range g {
		b := g[(i+1)%len(g)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < a.X+(p.Y-a.Y)/(b.Y-a.Y)*(b.X-a.X) {
			inside = !inside
		}
	}
	return inside
}

// Schedule is when a rule holds, by the clock on the wall of a place. The zero Schedule is always.
type Schedule struct {
	Location *time.Location // nil: this machine's
	Windows  []Window
}

// Window is a time of some days, by the clock on the wall: an hour that a change of clocks leaves out is in none, and one
// that it repeats is in both times.
type Window struct {
	Days [7]bool       // on which it begins, by time.Weekday
	From time.Duration // since midnight
	To   time.Duration // since midnight, not included, at most 24 h; not after From: of the day after
}

// Always says that nothing bounds the schedule.
func (s Schedule) Always() bool { return len(s.Windows) == 0 }

// Covers says whether t is in the schedule.
func (s Schedule) Covers(t time.Time) bool {
	if s.Always() {
		return true
	}
	location := s.Location
	if location == nil {
		location = time.Local
	}
	t = t.In(location)
	day := t.Weekday()
	since := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	return slices.ContainsFunc(s.Windows, func(w Window) bool { return w.covers(day, since) })
}

func (w Window) covers(day time.Weekday, since time.Duration) bool {
	if w.From < w.To {
		return w.Days[day] && since >= w.From && since < w.To
	}
	return w.Days[day] && since >= w.From || w.Days[(day+6)%7] && since < w.To
}
