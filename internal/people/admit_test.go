package people

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestEnrolProtectsTheGallery(t *testing.T) {
	for name, test := range map[string]struct {
		ann  []string // enrolled before
		bob  []string
		used []bool
		want string // in a verdict, or in the refusal
	}{
		"somebody else":        {[]string{"face:Ann"}, []string{"face:Bob", "face:Bob#2", "face:Ann"}, []bool{true, true, false}, "resembles Ann, cosine 1.00"},
		"an outlier":           {nil, []string{"face:Bob", "face:Cid", "face:Bob#2"}, []bool{true, true, false}, "does not resemble the other photos"},
		"two that differ":      {nil, []string{"face:Bob", "face:Cid"}, nil, "do not agree whom they show"},
		"nobody else's, alone": {[]string{"face:Ann"}, []string{"face:Bob"}, []bool{true}, "ok"},
		"only somebody else's": {[]string{"face:Ann"}, []string{"face:Ann"}, nil, "1.jpg: resembles Ann"},
	} {
		s, d, _ := house(t)
		if test.ann != nil {
			enrol(t, d, "Ann", test.ann...)
		}
		before := len(s.keys())
		p, err := d.Enrol(t.Context(), "Bob", upload(test.bob...), Choices{})
		if _, refused := errors.AsType[Refused](err); refused != (test.used == nil) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		if test.used == nil {
			if !strings.Contains(err.Error(), test.want) || len(s.keys()) != before {
				t.Errorf("%s: got %v and photos %v, want %q and nothing kept", name, err, s.keys(), test.want)
			}
			continue
		}
		for i, used := range test.used {
			if p.Photos[i].Used != used {
				t.Errorf("%s: got %+v, want used %v", name, p.Photos[i], used)
			}
		}
		if last := p.Photos[len(p.Photos)-1]; !strings.Contains(last.Verdict, test.want) {
			t.Errorf("%s: got %q, want %q", name, last.Verdict, test.want)
		}
	}
}

// A photo is compared with those that are on record already, however short ago they came.
func TestEnrolComparesWithThePersonsOwnPhotos(t *testing.T) {
	s, d, _ := house(t)
	enrol(t, d, "Ann", "face:Ann")
	_, err := d.Enrol(t.Context(), "Ann", upload("face:Zoe", "face:Zoe#2"), Choices{})
	if _, refused := errors.AsType[Refused](err); !refused || !strings.Contains(err.Error(), "does not resemble") {
		t.Errorf("got %v", err)
	}
	p, err := d.Enrol(t.Context(), "Ann", upload("face:Zoe"), Choices{Force: true})
	if err != nil || len(p.Photos) != 2 || !p.Photos[1].Used || !strings.Contains(p.Photos[1].Verdict, "although it does not resemble") {
		t.Errorf("forced: got %+v, %v", p, err)
	}
	if len(s.keys()) != 2 {
		t.Errorf("got %v, want both photos", s.keys())
	}
}

func TestEnrolChoosesAFace(t *testing.T) {
	s, d, g := house(t)
	if _, err := d.Enrol(t.Context(), "Bob", upload("pair"), Choices{}); err == nil || !strings.Contains(err.Error(), "2 faces found") {
		t.Errorf("nothing chosen: got %v", err)
	}
	if _, err := d.Enrol(t.Context(), "Bob", upload("pair"), Choices{Face: 3}); err == nil || !strings.Contains(err.Error(), "which are 2") {
		t.Errorf("a third: got %v", err)
	}
	if _, err := d.Enrol(t.Context(), "Bob", upload("pair"), Choices{Face: 2, Force: true}); err != nil {
		t.Fatal(err)
	}
	load(t, g)
	if who(t, g.Roster.Gallery(), "face:Bob") != "Bob" || who(t, g.Roster.Gallery(), "face:Ann") != "" {
		t.Error("another face than the second was enrolled")
	}
	// The choice outlives the process: it is on record as a place in the picture.
	if at := s.people["Bob"].Photos[0].At; at == nil || at.X < 0.6 || at.X > 0.9 {
		t.Errorf("got the place %+v", at)
	}
}

// Templates are never kept, so that another model makes its own of the same photos. What was forced stays.
func TestAnotherModelMakesItsOwnTemplates(t *testing.T) {
	s, d, g := house(t)
	enrol(t, d, "Ann", "face:Ann", "face:Ann#2")
	if _, err := d.Enrol(t.Context(), "Ann", upload("face:Zoe"), Choices{Force: true}); err != nil {
		t.Fatal(err)
	}
	load(t, g)
	before := g.Roster.Gallery()
	_, _, next := house(t)
	next.Records, next.Photos, next.Engine = records{s}, photos{s}, &engine{id: "fake@2"}
	load(t, next)
	after := next.Roster.Gallery()
	if before.Model() != "fake@1" || after.Model() != "fake@2" || before.Templates() != 3 || after.Templates() != 3 {
		t.Errorf("got %s with %d templates, then %s with %d", before.Model(), before.Templates(), after.Model(), after.Templates())
	}
	if got := next.Engine.(*engine).called(); got != 3 {
		t.Errorf("got %d looks, want one for each photo", got)
	}
}

func TestConfiguredPhotosAreCompared(t *testing.T) {
	s, _, g := house(t)
	home := t.TempDir()
	for who, files := range map[string]map[string]string{
		"Ann": {"1.jpg": "face:Ann", "2.jpg": "face:Ann#2", "3.jpg": "face:Guest"}, // an outlier
		"Bob": {"1.jpg": "face:Bob", "2.jpg": "face:Rob"},                          // nobody can tell
		"Cid": {"1.jpg": "face:Ann"},                                               // resembles Ann
	} {
		g.Configured = append(g.Configured, Configured{Name: who, Dir: folder(t, filepath.Join(home, who), files)})
	}
	load(t, g)
	gallery := g.Roster.Gallery()
	if who(t, gallery, "face:Guest") != "" || who(t, gallery, "face:Rob") != "Bob" || gallery.Templates() != 5 {
		t.Errorf("got %d templates, want five without the outlier", gallery.Templates())
	}
	for who, want := range map[string]string{
		"Ann": "does not resemble the other photos", "Bob": "although it resembles no other of these photos", "Cid": "although it resembles Ann",
	} {
		photos := s.people[who].Photos
		if last := photos[len(photos)-1]; last.Used != (who != "Ann") || !strings.Contains(last.Verdict, want) {
			t.Errorf("%s: got %+v, want %q", who, last, want)
		}
	}
}

func TestReport(t *testing.T) {
	_, d, g := house(t)
	if _, err := g.Report(t.Context(), struct{}{}); err == nil {
		t.Error("no gallery yet: got no error")
	}
	enrol(t, d, "Ann", "face:Ann", "face:Ann#2")
	enrol(t, d, "Bob", "face:Bob")
	g.FalseAccept = 0.003
	load(t, g)
	r, err := g.Report(t.Context(), struct{}{})
	if err != nil || r.People != 2 || r.Templates != 3 || r.Stated != 0.003 || r.Model != "fake@1" || len(r.Alike) != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// Enrolments that come while the gallery follows earlier ones are judged by a gallery that knows those.
func TestJudgeKnowsWhoCameJustBefore(t *testing.T) {
	_, d, g := house(t)
	load(t, g)
	ran := make(chan error, 1)
	go func() { ran <- g.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	for i := range 20 {
		name := fmt.Sprint("P", i)
		enrol(t, d, name, "face:"+name)
		if _, err := d.Enrol(t.Context(), "again", upload("face:"+name), Choices{}); err == nil || !strings.Contains(err.Error(), "resembles "+name) {
			t.Fatalf("%s: got %v", name, err)
		}
	}
}
