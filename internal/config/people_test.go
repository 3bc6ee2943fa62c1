package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestPeopleAreAListOrAMap(t *testing.T) {
	ann, bob := Person{Name: "Ann", Photos: "/a"}, Person{Name: "Bob", Photos: "/b"}
	for text, want := range map[string]People{
		"":                                  {FalseAccept: 0.003},
		"people:\n":                         {FalseAccept: 0.003},
		"people: []":                        {FalseAccept: 0.003, Known: []Person{}},
		"people: {}":                        {FalseAccept: 0.003},
		"people: [{name: Ann, photos: /a}]": {FalseAccept: 0.003, Known: []Person{ann}},
		"people:\n  - name: Ann\n    photos: /a\n  - {name: Bob, photos: /b}":    {FalseAccept: 0.003, Known: []Person{ann, bob}},
		"people: {known: [{name: Ann, photos: /a}]}":                             {FalseAccept: 0.003, Known: []Person{ann}},
		"people: {false_accept: 0.01}":                                           {FalseAccept: 0.01},
		"people:\n  false_accept: 1e-4\n  known:\n    - {name: Bob, photos: /b}": {FalseAccept: 0.0001, Known: []Person{bob}},
	} {
		cfg, _, err := Load(write(t, text), nil)
		if err != nil || cfg.People.FalseAccept != want.FalseAccept || len(cfg.People.Known) != len(want.Known) ||
			len(want.Known) > 0 && !reflect.DeepEqual(cfg.People.Known, want.Known) {
			t.Errorf("%q: got %+v, %v, want %+v", text, cfg.People, err, want)
		}
	}
	path := write(t, "people: {known: [{name: Ann, photos: ann}]}")
	cfg, _, err := Load(path, nil)
	if err != nil || cfg.People.Known[0].Photos != filepath.Join(filepath.Dir(path), "ann") {
		t.Errorf("got %+v, %v, want the folder beside the file", cfg.People, err)
	}
}

func TestPeopleErrorsNameTheThing(t *testing.T) {
	for text, want := range map[string][]string{
		"people:\n  - name: Ann\n    fotos: /a\n":                         {"line 3", `"fotos"`},
		"people:\n  false_acept: 0.1\n":                                   {"line 2", `"false_acept"`},
		"people:\n  known:\n    - name: Ann\n      fotos: /a\n":           {"line 4", `"fotos"`},
		"http: {}\npeople: yes please\n":                                  {"line 2, column 9", "mapping"},
		"http: {}\npeople: {false_accept: often}\n":                       {"line 2, column 24", "float64"},
		"people: {false_accept: 0.6}":                                     {"people.false_accept", "0.6", "0.00001 to 0.5"},
		"people: {false_accept: 0}":                                       {"people.false_accept", "0.00001"},
		"people: {false_accept: .nan}":                                    {"people.false_accept", "NaN"},
		"people: {known: [{name: A, photos: /a}, {name: A, photos: /b}]}": {"people.known[1].name", "twice"},
	} {
		_, _, err := Load(write(t, text), nil)
		if err == nil {
			t.Errorf("%q: got no error", text)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q: got %q, want %q in it", text, err, part)
			}
		}
	}
}

func TestPeopleFromTheEnvironment(t *testing.T) {
	text := "people: [{name: Ann, photos: /a}]"
	cfg, warnings, err := Load(write(t, text), []string{
		"VIGIL_PEOPLE_FALSE_ACCEPT=0.02", "VIGIL_PEOPLE_0_NAME=Anna", // of the list
		"VIGIL_PEOPLE_KNOWN_1_NAME=Bob", "VIGIL_PEOPLE_1_PHOTOS=/b", // of the map, and mixed
	})
	want := People{FalseAccept: 0.02, Known: []Person{{Name: "Anna", Photos: "/a"}, {Name: "Bob", Photos: "/b"}}}
	if err != nil || len(warnings) > 0 || !reflect.DeepEqual(cfg.People, want) {
		t.Errorf("got %+v, %v, %v", cfg.People, warnings, err)
	}
	for env, want := range map[string]string{
		"VIGIL_PEOPLE_0_NAME=A VIGIL_PEOPLE_KNOWN_0_NAME=B": "VIGIL_PEOPLE_KNOWN_0_NAME",
		"VIGIL_PEOPLE_FALSE_ACCEPT=seldom":                  "VIGIL_PEOPLE_FALSE_ACCEPT",
		"VIGIL_PEOPLE_FALSE_ACCEPT=7":                       "people.false_accept",
	} {
		if _, _, err := Load("", strings.Fields(env)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", env, err, want)
		}
	}
}

// What is printed can be loaded again.
func TestPrintedPeopleAreTheSame(t *testing.T) {
	cfg, _, err := Load(write(t, "people: [{name: Ann, photos: /a, groups: [family]}]"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if err := cfg.Print(&printed); err != nil {
		t.Fatal(err)
	}
	again, _, err := Load(write(t, printed.String()), nil)
	if err != nil || !reflect.DeepEqual(again.People, cfg.People) {
		t.Errorf("got %+v, %v of %s", again.People, err, printed.String())
	}
}
