package alerts_test

import (
	"math"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/frames"
	"vigil/vision"
)

// square is the left half of the picture, and notch an area with a corner that points inwards.
var (
	left  = alerts.Polygon{{X: 0, Y: 0}, {X: 0.5, Y: 0}, {X: 0.5, Y: 1}, {X: 0, Y: 1}}
	notch = alerts.Polygon{{X: 0.1, Y: 0.1}, {X: 0.5, Y: 0.5}, {X: 0.9, Y: 0.1}, {X: 0.9, Y: 0.9}, {X: 0.1, Y: 0.9}}
)

// along is a sighting that was at these places, a second apart from its start on.
func along(s vision.Sighting, places ...vision.Point) vision.Sighting {
	for i, p := range places {
		s.Trail = append(s.Trail, mark(time.Duration(i)*time.Second, p))
	}
	return s
}

// mark is that of a face at a point, so long after its track's start.
func mark(after time.Duration, p vision.Point) vision.Mark {
	return vision.Mark{int32(after.Milliseconds()), int32(math.Round(p.X * 1000)), int32(math.Round(p.Y * 1000)), 0, 0}
}

func undecided(s vision.Sighting) vision.Sighting {
	s.Stranger, s.Decision = "", vision.Decision{Outcome: vision.Undecided}
	return ended(s)
}

func TestRuleMatches(t *testing.T) {
	stranger, ann := sighting("door-1", "s-1", 0, 3), known(sighting("door-1", "", 0, 3), "Ann")
	nobody := undecided(sighting("door-1", "", 0, 3))
	people := alerts.Rule{People: []string{"Ann", "Bob"}}
	in := func(camera frames.CameraID, zones ...alerts.Polygon) alerts.Rule {
		return alerts.Rule{Outcomes: []vision.Outcome{vision.Unknown}, Zones: map[frames.CameraID][]alerts.Polygon{camera: zones}}
	}
	out, inside := vision.Point{X: 0.7, Y: 0.5}, vision.Point{X: 0.2, Y: 0.5}
	for name, c := range map[string]struct {
		rule alerts.Rule
		s    vision.Sighting
		from float64 // seconds after the start; -1: it does not match
	}{
		"a stranger":                    {alerts.Strangers(), stranger, 0},
		"a known person is no stranger": {alerts.Strangers(), ann, -1},
		"somebody undecided is none":    {alerts.Strangers(), nobody, -1},
		"anybody known":                 {alerts.Rule{Outcomes: []vision.Outcome{vision.Known}}, ann, 0},
		"undecided":                     {alerts.Rule{Outcomes: []vision.Outcome{vision.Undecided}}, nobody, 0},
		"somebody named":                {people, ann, 0},
		"somebody else":                 {people, known(stranger, "Zoe"), -1},
		"a stranger near to Ann":        {people, stranger, -1},
		"nobody in particular":          {alerts.Rule{}, stranger, -1},
		"its camera":                    {alerts.Rule{Outcomes: alerts.Strangers().Outcomes, Cameras: []frames.CameraID{"yard", "door"}}, stranger, 0},
		"another camera":                {alerts.Rule{Outcomes: alerts.Strangers().Outcomes, Cameras: []frames.CameraID{"yard"}}, stranger, -1},
		"in the zone":                   {in("door", left), along(stranger, inside), 0},
		"in the second zone":            {in("door", notch, left), along(stranger, vision.Point{X: 0.4, Y: 0.1}), 0},
		"walks into it":                 {in("door", left), along(stranger, out, out, inside, out), 2},
		"stays outside":                 {in("door", left), along(stranger, out, out), -1},
		"in another camera's zone":      {in("yard", left), along(stranger, inside), -1},
		"nobody knows where":            {in("door", left), stranger, -1},
	} {
		t.Run(name, func(t *testing.T) {
			from, ok := c.rule.Matches(c.s)
			if ok != (c.from >= 0) || ok && !from.Equal(c.s.Start.Add(time.Duration(c.from*float64(time.Second)))) {
				t.Errorf("got %v, %v, want %v s", from, ok, c.from)
			}
		})
	}
}

func TestPolygonContains(t *testing.T) {
	for p, want := range map[vision.Point]bool{
		{X: 0.2, Y: 0.5}: true, {X: 0.5, Y: 0.3}: false, {X: 0.5, Y: 0.6}: true, {X: 0.05, Y: 0.5}: false, {X: 0.95, Y: 0.5}: false,
		{X: 0.5, Y: 0.95}: false, {X: 0.85, Y: 0.2}: true, {X: 2, Y: 2}: false,
	} {
		if got := notch.Contains(p); got != want {
			t.Errorf("%v: got %v, want %v", p, got, want)
		}
	}
}

func TestScheduleCovers(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	hour := time.Hour
	week := [7]bool{true, true, true, true, true, true, true}
	friday, sunday := [7]bool{5: true}, [7]bool{0: true}
	day := alerts.Window{Days: week, From: 8 * hour, To: 17 * hour}
	night := alerts.Window{Days: friday, From: 22 * hour, To: 6 * hour}
	small := alerts.Window{Days: sunday, From: 2 * hour, To: 3 * hour}
	for _, c := range []struct {
		name    string
		windows []alerts.Window
		at      string
		want    bool
	}{
		{"always", nil, "2026-11-27T03:00:00Z", true},
		{"its first moment", []alerts.Window{day}, "2026-11-27T08:00:00+01:00", true},
		{"a second before", []alerts.Window{day}, "2026-11-27T07:59:59+01:00", false},
		{"its last second", []alerts.Window{day}, "2026-11-27T16:59:59+01:00", true},
		{"its end", []alerts.Window{day}, "2026-11-27T17:00:00+01:00", false},
		{"by its own clock", []alerts.Window{day}, "2026-11-27T07:30:00Z", true},
		{"by summer time", []alerts.Window{day}, "2026-07-27T06:30:00Z", true},
		{"friday night", []alerts.Window{night}, "2026-11-27T22:00:00+01:00", true},
		{"over midnight", []alerts.Window{night}, "2026-11-28T05:59:59+01:00", true},
		{"no longer than that", []alerts.Window{night}, "2026-11-28T06:00:00+01:00", false},
		{"not the night before", []alerts.Window{night}, "2026-11-27T05:00:00+01:00", false},
		{"not the night after", []alerts.Window{night}, "2026-11-28T23:00:00+01:00", false},
		{"sunday wraps to monday", []alerts.Window{{Days: sunday, From: 23 * hour, To: hour}}, "2026-11-30T00:30:00+01:00", true},
		{"any of several", []alerts.Window{night, day}, "2026-11-24T12:00:00+01:00", true},
		{"a whole day", []alerts.Window{{Days: sunday, To: 24 * hour}}, "2026-11-29T23:59:59+01:00", true},
		{"a whole day alone", []alerts.Window{{Days: sunday, To: 24 * hour}}, "2026-11-30T00:00:00+01:00", false},
		{"the hour that is left out: before", []alerts.Window{small}, "2026-03-29T00:59:59Z", false},
		{"the hour that is left out: after", []alerts.Window{small}, "2026-03-29T01:00:00Z", false},
		{"the hour that comes twice: first", []alerts.Window{small}, "2026-10-25T00:30:00Z", true},
		{"the hour that comes twice: second", []alerts.Window{small}, "2026-10-25T01:30:00Z", true},
		{"the hour that comes twice: over", []alerts.Window{small}, "2026-10-25T02:00:00Z", false},
		{"a night that is an hour short", []alerts.Window{{Days: week, From: 22 * hour, To: 6 * hour}}, "2026-03-29T03:59:59Z", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := (alerts.Schedule{Location: berlin, Windows: c.windows}).Covers(at); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
