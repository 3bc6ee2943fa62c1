package client

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"vigil/internal/web"
	"vigil/vision"
)

func (h *house) Calibration(context.Context) (vision.Report, error) {
	return vision.Report{Model: "m@1", People: len(h.people), Alike: []vision.Alike{{A: "Ann", B: "Bob", Score: 0.5}}}, nil
}

func TestPeople(t *testing.T) {
	_, c := serve(t)
	for _, name := range []string{"Zoë / Ann", "a%2Fb?", "O'Neil \"x\"", "...a"} {
		photos := []web.Photo{{Name: "1 ü.jpg", Data: photo("one")}, {Name: "2.jpg", Data: photo("two")}}
		p, err := c.Enrol(t.Context(), name, photos, web.Choices{Face: 2, Force: true})
		if err != nil || p.Name != name || len(p.Photos) != 2 || p.Photos[0].File != "1 ü.jpg" || p.Photos[1].Verdict != "two 2 true" {
			t.Errorf("%q: got %+v, %v", name, p, err)
		}
		if got, err := c.People(t.Context()); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], p) {
			t.Errorf("%q: got %+v, %v", name, got, err)
		}
		if err := c.RemovePerson(t.Context(), name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.Enrol(t.Context(), name, []web.Photo{{Name: "1.jpg"}}, web.Choices{}); err == nil || !strings.Contains(err.Error(), "not a name") {
			t.Errorf("%q: got %v", name, err)
		}
		if err := c.RemovePerson(t.Context(), name); err == nil || !strings.Contains(err.Error(), "not a name") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	_, err := c.Enrol(t.Context(), "Ann", []web.Photo{{Name: "wall.jpg", Data: photo("")}}, web.Choices{})
	if err == nil || err.Error() != "wall.jpg: no face found" {
		t.Errorf("refused: got %v", err)
	}
	if err := c.RemovePerson(t.Context(), "Ann"); err == nil || err.Error() != "person Ann: not found" {
		t.Errorf("nobody: got %v", err)
	}
}

func TestCalibration(t *testing.T) {
	h, c := serve(t)
	h.people["Ann"] = web.PersonView{Name: "Ann"}
	got, err := c.Calibration(t.Context())
	if err != nil || got.Model != "m@1" || got.People != 1 || len(got.Alike) != 1 || got.Alike[0].B != "Bob" {
		t.Errorf("got %+v, %v", got, err)
	}
}
