package people

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestPrepare(t *testing.T) {
	s, d, g := house(t)
	dir := t.TempDir()
	ann := Configured{Name: "Ann", Dir: folder(t, filepath.Join(dir, "ann"), map[string]string{"1.jpg": "face:Ann"})}
	bob := Configured{Name: "Bob", Dir: folder(t, filepath.Join(dir, "bob"), map[string]string{"1.jpg": "face:Bob"})}
	wall := Configured{Name: "Wall", Dir: folder(t, filepath.Join(dir, "wall"), map[string]string{"1.jpg": "wall"})}
	g.Configured = []Configured{ann}
	enrol(t, d, "Zoe", "face:Zoe")
	load(t, g)
	names := func() []string {
		list := g.Roster.Gallery().Names()
		slices.Sort(list)
		return list
	}
	prepare := func(configured ...Configured) func(context.Context) error {
		t.Helper()
		commit, err := g.Prepare(t.Context(), configured, 0)
		if err != nil {
			t.Fatal(err)
		}
		return commit
	}

	// What cannot be used, and what would be somebody enrolled, changes nothing.
	for _, wrong := range []Configured{wall, {Name: "None", Dir: filepath.Join(dir, "none")}, {Name: "Zoe", Dir: bob.Dir}} {
		if _, err := g.Prepare(t.Context(), []Configured{bob, wrong}, 0); err == nil {
			t.Errorf("%s: got no error", wrong.Name)
		}
	}
	commit := prepare(bob)
	if got := names(); !slices.Equal(got, []string{"Ann", "Zoe"}) || s.people["Bob"].Name != "" {
		t.Errorf("before the commit: got %v", got)
	}
	if err := commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{"Bob", "Zoe"}) || s.people["Bob"].Source != FromConfiguration || s.people["Ann"].Name != "" {
		t.Errorf("got %v and records %v", got, s.people)
	}

	// The same again is not looked at again; another photo is.
	looked := g.Engine.(*engine).called()
	if err := prepare(bob)(t.Context()); err != nil || g.Engine.(*engine).called() != looked {
		t.Errorf("got %v, and the photos were looked at again", err)
	}
	if err := os.WriteFile(filepath.Join(bob.Dir, "2.jpg"), []byte("face:Bob#2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := prepare(bob)(t.Context()); err != nil || g.Roster.Gallery().Templates() != 3 {
		t.Errorf("got %v, %d templates, want 3", err, g.Roster.Gallery().Templates())
	}
}
