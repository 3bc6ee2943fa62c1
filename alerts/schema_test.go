package alerts_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"vigil/alerts"
	"vigil/alerts/alertstest"
)

const schemas = "../docs/events"

// everyEvent has one body at least of each event, as endpoints get them from a desk, from a watch of cameras, and for
// a test.
func everyEvent(t *testing.T) map[alerts.EventType][][]byte {
	t.Helper()
	h := newHouse(t)
	h.rules = []alerts.Rule{ann, unsure, alerts.Strangers()}
	h.restart()
	h.sight(known(sighting("yard-1", "", 0, 1), "Ann"), undecided(sighting("yard-2", "", 0, 1)))
	one, two := sighting("door-1", "s-7f3a", 0, 1), sighting("door-2", "s-2", 100, 101)
	h.sight(one, ended(sighting("door-1", "s-7f3a", 0, 4)))
	done := made(alerts.AlertID(one))
	done.Clip.Gaps = []alerts.ClipGap{{From: alerts.Time{Time: noon}, To: alerts.Time{Time: noon}, Reason: "camera away"}}
	if err := h.answer(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	h.tick(60)
	h.at(100)
	h.sight(two, ended(known(sighting("door-2", "", 100, 104), "Resident")))
	if err := h.answer(t.Context(), made(alerts.AlertID(two))); err != nil {
		t.Fatal(err)
	}
	h.tick(200)
	y := newYard(t)
	y.set(true, "")
	y.pass(t, 10)
	y.set(false, "no video for 10 s")
	y.pass(t, 60)
	y.set(true, "no video for 10 s")
	y.pass(t, 60)
	test, err := alerts.NewNotice(alerts.NewTest(noon, alertstest.Links{}))
	if err != nil {
		t.Fatal(err)
	}
	all := map[alerts.EventType][][]byte{alerts.Test: {test.Body}}
	for _, b := range []*alertstest.Bus{h.bus, &y.bus} {
		for _, key := range b.Sent() {
			if !strings.HasPrefix(key, "home ") {
				continue
			}
			var n alerts.Notice
			if err := json.Unmarshal(b.Message(key), &n); err != nil {
				t.Fatal(err)
			}
			all[n.Type] = append(all[n.Type], n.Body)
		}
	}
	return all
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(filepath.Join(schemas, name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestEventsAreAsTheirSchemasSay(t *testing.T) {
	all := everyEvent(t)
	types := []alerts.EventType{
		alerts.Opened, alerts.ClipReady, alerts.Closed, alerts.Corrected, alerts.CameraOffline, alerts.CameraOnline, alerts.Test,
	}
	for _, event := range types {
		if len(all[event]) == 0 {
			t.Errorf("%s was not sent", event)
			continue
		}
		schema := compile(t, string(event))
		for _, body := range all[event] {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); err != nil {
				t.Errorf("%s: %v\n%s", event, err, body)
			}
			described(t, string(event), parts(schema), value)
		}
	}
	if sent := slices.Sorted(maps.Keys(all)); len(sent) != len(types) {
		t.Errorf("got %v, want a schema for each", sent)
	}
}

// described fails the test for each field that none of the schemas, which all are of the value, speaks of: they would
// permit it, for later versions.
func described(t *testing.T, path string, of []*jsonschema.Schema, value any) {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		for name, field := range v {
			var found []*jsonschema.Schema
			for _, s := range of {
				if p := s.Properties[name]; p != nil {
					found = append(found, parts(p)...)
				}
			}
			if len(found) == 0 {
				t.Errorf("%s.%s is in no schema", path, name)
			}
			described(t, path+"."+name, found, field)
		}
	case []any:
		var found []*jsonschema.Schema
		for _, s := range of {
			if s.Items2020 != nil {
				found = append(found, parts(s.Items2020)...)
			}
		}
		for _, item := range v {
			described(t, path+"[]", found, item)
		}
	}
}

// parts are a schema and those that it is made of.
func parts(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{s}
	if s.Ref != nil {
		all = append(all, parts(s.Ref)...)
	}
	for _, p := range slices.Concat(s.AllOf, s.AnyOf) {
		all = append(all, parts(p)...)
	}
	return all
}

func TestSchemasRefuseWhatIsWrong(t *testing.T) {
	all := everyEvent(t)
	for name, c := range map[string]struct {
		event    alerts.EventType
		old, now string
	}{
		"another type":      {alerts.Opened, `"alert.opened"`, `"alert.closed"`},
		"a time of another": {alerts.Opened, `.204Z"`, `.204+02:00"`},
		"no id":             {alerts.Opened, `"id":`, `"ident":`},
		"still wrong":       {alerts.Corrected, `"known"`, `"unknown"`},
		"no clip":           {alerts.ClipReady, `"clip":`, `"film":`},
		"a camera's name":   {alerts.CameraOffline, `"id":"door"`, `"id":"The Door"`},
		"not closed":        {alerts.Closed, `"closed_at":"`, `"closed_at":null,"x":"`},
	} {
		body := all[c.event][0]
		wrong := bytes.Replace(body, []byte(c.old), []byte(c.now), 1)
		if bytes.Equal(wrong, body) {
			t.Errorf("%s: %s is not in %s", name, c.old, body)
			continue
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if compile(t, string(c.event)).Validate(value) == nil {
			t.Errorf("%s: %s passes", name, wrong)
		}
	}
}

func TestEverySchemaIsOfAnEvent(t *testing.T) {
	files, err := os.ReadDir(schemas)
	if err != nil {
		t.Fatal(err)
	}
	all := everyEvent(t)
	for _, f := range files {
		event := strings.TrimSuffix(f.Name(), ".json")
		if len(all[alerts.EventType(event)]) == 0 && event != "common" {
			t.Errorf("%s describes nothing that is sent", f.Name())
		}
	}
}
