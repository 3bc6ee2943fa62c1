package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "vigil"

// imports returns what the non-test files of every package import, by package folder.
func imports(t *testing.T, root string) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		found[dir] = append(found[dir], "")
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[dir] = append(found[dir], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestImportsFollowTheTable(t *testing.T) {
	found := imports(t, "../..")
	if len(found) < len(Table) {
		t.Fatalf("got %d packages, want at least %d: is the root right?", len(found), len(Table))
	}
	for dir, names := range found {
		allowed, listed := Table[dir]
		if !listed && !slices.Contains(Anything, dir) {
			t.Errorf("%s: a new package wants a line in the table", dir)
		}
		for _, name := range names {
			ours, isOurs := strings.CutPrefix(name, module+"/")
			if listed && isOurs && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the table does not allow", dir, ours)
			}
			if isOurs && ours == "internal/app" && !slices.Contains(Anything, dir) {
				t.Errorf("%s imports internal/app, which sees everything and is seen by the command alone", dir)
			}
			if seam, guarded := Seams[name]; guarded && !slices.Contains(seam, dir) {
				t.Errorf("%s imports %s, which only %v may", dir, name, seam)
			}
		}
	}
	for dir := range Table {
		if _, ok := found[dir]; !ok {
			t.Errorf("the table lists %s, which does not exist", dir)
		}
	}
}
