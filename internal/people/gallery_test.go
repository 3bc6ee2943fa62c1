package people

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"vigil/vision"
)

func load(t *testing.T, g *Gallery) {
	t.Helper()
	if err := g.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// who is whom the gallery takes a photo for.
func who(t *testing.T, g *vision.Gallery, text string) string {
	t.Helper()
	e, _, err := (&engine{}).Embed(vision.Picture{Pixels: photo(text)}, vision.Face{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := g.Match(e)
	if err != nil {
		t.Fatal(err)
	}
	if m.Score < 0.5 {
		return ""
	}
	return m.Person
}

func TestLoad(t *testing.T) {
	s, d, g := house(t)
	dir := folder(t, filepath.Join(t.TempDir(), "resident"), map[string]string{
		"1.jpg": "face:Resident", "2.jpg": "wall", ".hidden": "broken", "3.jpg": "face:Resident#3",
	})
	if err := os.Mkdir(filepath.Join(dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.Configured = []Configured{{Name: "Resident", Dir: dir}}
	s.people["Former"] = Person{Name: "Former", Source: FromConfiguration}
	enrol(t, d, "Ann", "face:Ann")
	load(t, g)
	gallery := g.Roster.Gallery()
	names := gallery.Names()
	if slices.Sort(names); !slices.Equal(names, []string{"Ann", "Resident"}) || gallery.Templates() != 3 || gallery.Model() != "fake@1" {
		t.Errorf("got %v with %d templates of %s", names, gallery.Templates(), gallery.Model())
	}
	if who(t, gallery, "face:Ann") != "Ann" || who(t, gallery, "face:Resident") != "Resident" || who(t, gallery, "face:Former") != "" {
		t.Error("the gallery takes somebody for somebody else")
	}
	if _, ok := s.people["Former"]; ok {
		t.Error("somebody whom the configuration names no more is still there")
	}
	record := s.people["Resident"]
	if record.Source != FromConfiguration || len(record.Photos) != 3 || record.Photos[1].Used || !strings.HasPrefix(record.Photos[1].Verdict, "no face found: ") {
		t.Errorf("got %+v", record)
	}
	if len(s.keys()) != 1 {
		t.Errorf("got photos %v, want Ann's only: those of the configuration stay where they are", s.keys())
	}
}

func TestLoadWithNobody(t *testing.T) {
	_, _, g := house(t)
	load(t, g)
	if gallery := g.Roster.Gallery(); gallery == nil || gallery.Templates() != 0 {
		t.Errorf("got %+v, want an empty gallery", gallery)
	}
}

func TestConfiguredPersonWithoutUsablePhoto(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"no face":    {map[string]string{"a.jpg": "wall", "b.jpg": "no picture"}, []string{"a.jpg: no face found", "b.jpg: read picture"}},
		"no file":    {map[string]string{".hidden": "face:Bob"}, []string{"no photo"}},
		"no look":    {map[string]string{"a.jpg": "broken"}, []string{errBroken.Error()}},
		"no folder":  {nil, []string{"no such file"}},
		"no picture": {map[string]string{"a.txt": "no picture"}, []string{"a.txt"}},
	} {
		s, _, g := house(t)
		home := t.TempDir()
		bob := filepath.Join(home, "bob")
		if test.files != nil {
			folder(t, bob, test.files)
		}
		g.Configured = []Configured{
			{Name: "Ann", Dir: folder(t, filepath.Join(home, "ann"), map[string]string{"1.jpg": "face:Ann"})},
			{Name: "Bob", Dir: bob},
		}
		err := g.Load(t.Context())
		if err == nil {
			t.Errorf("%s: got no error", name)
			continue
		}
		for _, want := range append(test.want, "person Bob") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", name, err, want)
			}
		}
		if name != "no look" && !strings.Contains(err.Error(), bob) {
			t.Errorf("%s: got %q, want the folder in it", name, err)
		}
		if len(s.people) != 0 || g.Roster.Gallery() != nil {
			t.Errorf("%s: left %v", name, s.people)
		}
	}
}

func TestConfiguredNeverReplacesEnrolled(t *testing.T) {
	s, d, g := house(t)
	enrol(t, d, "Ann", "face:Ann")
	g.Configured = []Configured{{Name: "Ann", Dir: folder(t, t.TempDir(), map[string]string{"1.jpg": "face:Ann"})}}
	if err := g.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "person Ann") {
		t.Errorf("got %v", err)
	}
	if s.people["Ann"].Source != FromEnrolment {
		t.Errorf("got %+v, want Ann as enrolled", s.people["Ann"])
	}
}

func TestGalleryFollowsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, g := house(t)
		load(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		enrol(t, d, "Ann", "face:Ann")
		synctest.Wait()
		if who(t, g.Roster.Gallery(), "face:Ann") != "Ann" {
			t.Error("enrolled: not in the gallery")
		}
		calls := g.Engine.(*engine).called()
		enrol(t, d, "Bob", "face:Bob")
		synctest.Wait()
		if got := g.Engine.(*engine).called() - calls; got != 2 {
			t.Errorf("got %d looks, want one by the judge and one for the gallery: Ann has not changed", got)
		}
		s.setFail(func(op, _ string) error {
			if op == "list records" {
				return errors.New("the bus is away")
			}
			return nil
		})
		if _, err := d.Remove(t.Context(), "Ann"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if who(t, g.Roster.Gallery(), "face:Ann") != "Ann" {
			t.Error("the gallery was lost with the bus")
		}
		s.setFail(nil)
		<-time.After(2 * retryFirst) // of the test's own clock
		synctest.Wait()
		if who(t, g.Roster.Gallery(), "face:Ann") != "" || who(t, g.Roster.Gallery(), "face:Bob") != "Bob" {
			t.Error("removed: still in the gallery")
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("end: got %v", err)
		}
	})
}

func TestPhotoThatIsAwayCostsThatPhotoOnly(t *testing.T) {
	s, d, g := house(t)
	enrol(t, d, "Ann", "face:Ann")
	bob := enrol(t, d, "Bob", "face:Bob")
	away := true
	s.setFail(func(op, key string) error {
		if away && op == "get photo" && key == bob.Photos[0].Key {
			return errors.New("the store is away")
		}
		return nil
	})
	load(t, g)
	gallery := g.Roster.Gallery()
	if who(t, gallery, "face:Ann") != "Ann" || who(t, gallery, "face:Bob") != "" || !gallery.Has("Bob") {
		t.Errorf("got %v with %d templates, want Ann's", gallery.Names(), gallery.Templates())
	}
	away = false
	if err := g.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if who(t, g.Roster.Gallery(), "face:Bob") != "Bob" {
		t.Error("the photo is back: Bob is not in the gallery")
	}
}

func TestPhotoThatWasAwayIsFetchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d, g := house(t)
		enrol(t, d, "Ann", "face:Ann")
		s.setFail(func(op, _ string) error {
			if op == "get photo" {
				return errors.New("the store is away")
			}
			return nil
		})
		load(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		<-time.After(time.Hour) // of the test's own clock
		s.setFail(nil)
		<-time.After(2 * retryMost)
		synctest.Wait()
		if who(t, g.Roster.Gallery(), "face:Ann") != "Ann" {
			t.Error("the store is back: Ann is not in the gallery")
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("end: got %v", err)
		}
	})
}

func TestBrokenEngineEndsTheGallery(t *testing.T) {
	s, _, g := house(t)
	load(t, g)
	s.people["Ann"] = Person{Name: "Ann", Source: FromEnrolment, Photos: []Photo{{File: "1.jpg", Key: "k"}}}
	s.photos["k"] = []byte("broken")
	if err := g.Run(t.Context()); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "Ann") {
		t.Errorf("got %v", err)
	}
}

func TestJudgeNamesAPhotoThatIsNotThere(t *testing.T) {
	_, _, g := house(t)
	if _, err := g.Judge(t.Context(), Application{Name: "Ann", Photos: []Photo{{File: "1.jpg", Key: "none"}}}); err == nil || !strings.Contains(err.Error(), "1.jpg") {
		t.Errorf("got %v", err)
	}
}

func TestFolder(t *testing.T) {
	_, _, g := house(t)
	dir := t.TempDir()
	if _, err := g.Folder(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("empty: got %v", err)
	}
	if _, err := g.Folder(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("missing: got %v", err)
	}
	folder(t, filepath.Join(dir, "Ann"), map[string]string{"1.jpg": "face:Ann", "2.jpg": "wall"})
	folder(t, filepath.Join(dir, "Bob"), map[string]string{"1.jpg": "face:Bob"})
	folder(t, filepath.Join(dir, ".cache"), map[string]string{"1.jpg": "broken"})
	folder(t, dir, map[string]string{"readme.txt": "not a person"})
	gallery, err := g.Folder(dir)
	if err != nil || !slices.Equal(gallery.Names(), []string{"Ann", "Bob"}) || who(t, gallery, "face:Bob") != "Bob" {
		t.Errorf("got %v, %v", gallery, err)
	}
	folder(t, filepath.Join(dir, "Cid"), map[string]string{"1.jpg": "wall"})
	if _, err := g.Folder(dir); err == nil || !strings.Contains(err.Error(), "Cid") || !strings.Contains(err.Error(), "1.jpg: no face found") {
		t.Errorf("nobody to see: got %v", err)
	}
}
