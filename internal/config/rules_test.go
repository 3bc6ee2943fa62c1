package config

import (
	"strings"
	"testing"
	"time"
)

// place has what rules may name.
const place = `
cameras:
  - id: door
    publish_token: geheim
    zones: [ { name: porch, polygon: [[0, 0], [1, 0], [1, 0.5]] }, { name: gate, polygon: [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]] } ]
  - { id: yard, publish_token: geheim, zones: [ { name: porch, polygon: [[0, 0], [1, 0], [1, 1], [0, 1]] } ] }
  - { id: hall, publish_token: geheim }
people:
  - { name: Ann, groups: [family] }
  - { name: Bob, photos: bob, groups: [family, cleaners] }
endpoints: [ { id: phone, url: "http://h/x", secret: whsec_geheim } ]
rules:
`

func TestRules(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"the least":            {"{ name: strangers }", ""},
		"everything":           {"{ name: a, who: [unknown, undecided, known], people: [Ann], groups: [cleaners], cameras: [door, yard], zones: [porch], schedule: [{ days: [mon, sun], from: '22:00', to: '06:00' }, { days: [sat] }, { from: '9:30', to: '24:00' }], time_zone: Europe/Berlin, cooldown: 168h, endpoints: [phone] }", ""},
		"zones on any camera":  {"{ name: a, zones: [gate, porch] }", ""},
		"no name":              {"{ who: [unknown] }", `rules[0].name: "" is not`},
		"a name twice":         {"{ name: a }\n  - { name: a }", `rules[1].name: "a" is there twice`},
		"a person for a kind":  {"{ name: a, who: [Ann] }", `rules[0].who[0]: is "Ann", want unknown, undecided or known; names go under people`},
		"nobody":               {"{ name: a, people: [Ann, Zoe] }", `rules[0].people[1]: "Zoe" is nobody under people`},
		"no group":             {"{ name: a, groups: [famly] }", `rules[0].groups[0]: "famly" is a group that nobody`},
		"no camera":            {"{ name: a, cameras: [dor] }", `rules[0].cameras[0]: "dor" is no camera`},
		"no zone":              {"{ name: a, zones: [porsch] }", `rules[0].zones[0]: "porsch" is a zone of none`},
		"a zone of another":    {"{ name: a, cameras: [yard], zones: [porch, gate] }", `rules[0].zones[1]: "gate" is a zone of none`},
		"a camera without":     {"{ name: a, cameras: [door, hall], zones: [porch] }", `rules[0].zones: camera hall has none of them`},
		"no endpoint":          {"{ name: a, endpoints: [fon] }", `rules[0].endpoints[0]: "fon" is no endpoint`},
		"no day":               {"{ name: a, schedule: [{ days: [monday] }] }", `rules[0].schedule[0].days[0]: is "monday"`},
		"no time":              {"{ name: a, schedule: [{ from: '22', to: '6:00' }] }", `rules[0].schedule[0].from: is "22"`},
		"past midnight":        {"{ name: a, schedule: [{ from: '22:00', to: '24:01' }] }", `rules[0].schedule[0].to: is "24:01"`},
		"no time at all":       {"{ name: a, schedule: [{ from: '22:00', to: '22:00' }] }", `rules[0].schedule[0].to: is from`},
		"no time zone":         {"{ name: a, time_zone: Europe/Berlim, schedule: [{ from: '22:00' }] }", `rules[0].time_zone: "Europe/Berlim"`},
		"a zone of no time":    {"{ name: a, time_zone: Europe/Berlin }", `rules[0].time_zone: needs a schedule`},
		"a long cooldown":      {"{ name: a, cooldown: 169h }", `rules[0].cooldown: is 169h0m0s, want 0s to 168h0m0s`},
		"an unreadable one":    {"{ name: a, cooldown: 5 minutes }", `rules[0].cooldown: "5 minutes" is not a duration`},
		"a key that is not":    {"{ name: a, colour: red }", `unknown field "colour"`},
		"a group with a space": {"{ name: a }\nmodels: {}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(write(t, place+"  - "+c.text+"\n"), nil)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim")):
				t.Errorf("got %v, want %q and no secret", err, c.want)
			}
		})
	}
}

func TestZones(t *testing.T) {
	for name, c := range map[string]struct{ polygon, want string }{
		"a triangle":         {"[[0, 0], [1, 0], [0.5, 1]]", ""},
		"a star's outline":   {"[[0.1, 0.1], [0.5, 0.3], [0.9, 0.1], [0.7, 0.5], [0.9, 0.9], [0.5, 0.7], [0.1, 0.9], [0.3, 0.5]]", ""},
		"a corner on a line": {"[[0, 0], [0.5, 0], [1, 0], [1, 1]]", ""},
		"two corners":        {"[[0, 0], [1, 1]]", "cameras[0].zones[0].polygon: zone z has 2 corners, want 3 to 64"},
		"pixels":             {"[[0, 0], [1920, 0], [1, 1]]", "cameras[0].zones[0].polygon[1]: zone z: [1920, 0] is outside"},
		"not a number":       {"[[0, 0], [.nan, 0], [1, 1]]", "cameras[0].zones[0].polygon[1]: zone z: [NaN, 0] is outside"},
		"three numbers":      {"[[0, 0], [1, 0, 1], [1, 1]]", "cameras[0].zones[0].polygon[1]: zone z: has 3 numbers"},
		"a bow tie":          {"[[0, 0], [1, 1], [1, 0], [0, 1]]", "cameras[0].zones[0].polygon: zone z: the sides from corner 0 and corner 2 meet"},
		"a line":             {"[[0, 0], [0.5, 0.5], [1, 1]]", "cameras[0].zones[0].polygon: zone z: the sides"},
		"a corner twice":     {"[[0, 0], [0, 0], [1, 0], [1, 1]]", "cameras[0].zones[0].polygon: zone z: the sides"},
		"a pinched one":      {"[[0, 0], [0.5, 0.5], [1, 0], [1, 1], [0.5, 0.5], [0, 1]]", "cameras[0].zones[0].polygon: zone z: the sides"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Load(write(t, "cameras: [{ id: a, publish_token: x, zones: [{ name: z, polygon: "+c.polygon+" }] }]\n"), nil)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestWindowsSpan(t *testing.T) {
	on, from, to := Window{Days: []string{"sun", "fri"}, From: "22:30", To: "6:05"}.Span()
	if on != [7]bool{0: true, 5: true} || from != 22*time.Hour+30*time.Minute || to != 6*time.Hour+5*time.Minute {
		t.Errorf("got %v, %s, %s", on, from, to)
	}
	if on, from, to = (Window{}).Span(); on != [7]bool{true, true, true, true, true, true, true} || from != 0 || to != 24*time.Hour {
		t.Errorf("got %v, %s, %s, want the whole week", on, from, to)
	}
}

func TestRulesFromEnvironment(t *testing.T) {
	cfg, warnings, err := Load(write(t, place), []string{
		"VIGIL_RULES_0_NAME=night", "VIGIL_RULES_0_GROUPS=family,cleaners", "VIGIL_RULES_0_SCHEDULE_0_FROM=22:00", "VIGIL_RULES_0_COOLDOWN=1h",
	})
	if err != nil || len(warnings) > 0 || len(cfg.Rules) != 1 || len(cfg.Rules[0].Groups) != 2 || cfg.Rules[0].Cooldown != time.Hour ||
		cfg.Rules[0].Schedule[0].From != "22:00" {
		t.Errorf("got %+v, %v, %v", cfg.Rules, warnings, err)
	}
}
