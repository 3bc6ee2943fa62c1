//go:build !nocv

package onnx

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// build compiles a shared library that calls itself ONNX Runtime of that version.
func build(t *testing.T, version string) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	dir := t.TempDir()
	source, script, library := filepath.Join(dir, "a.c"), filepath.Join(dir, "a.lds"), filepath.Join(dir, fileName)
	for path, text := range map[string]string{
		source: "const void *OrtGetApiBase(void) { return 0; }\n", script: version + " { global: OrtGetApiBase; };\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), compiler, "-shared", "-fPIC", "-o", library, source, "-Wl,--version-script="+script)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return library
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path string
		want []string
	}{
		"missing":     {filepath.Join(dir, "none.so"), []string{"none.so", "no such file"}},
		"no library":  {text, []string{"text.so"}},
		"another one": {self, []string{self, "ONNX Runtime"}},
		"too old":     {build(t, "VERS_1.24.1"), []string{fileName, "version 1.24.1", "want 1.28 or newer"}},
	} {
		err := check(test.path)
		if err == nil {
			t.Errorf("%s: got no error", name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", name, err, want)
			}
		}
		if _, err := load(test.path); err == nil || !strings.Contains(err.Error(), test.path) {
			t.Errorf("%s: got %v, want an error that names %s", name, err, test.path)
		}
	}
	if err := check(build(t, "VERS_1.31.0")); err != nil {
		t.Errorf("a newer version: %v", err)
	}
}

func TestLoadAgain(t *testing.T) {
	l := library(t)
	if again := library(t); again != l {
		t.Error("got a second library")
	}
	if got := l.String(); !strings.HasPrefix(got, "ONNX Runtime 1.") || !strings.Contains(got, l.path) {
		t.Errorf("got %q", got)
	}
	if _, err := load("/other.so"); err == nil || !strings.Contains(err.Error(), l.path) || !strings.Contains(err.Error(), "/other.so") {
		t.Errorf("another library: got %v, want an error that names both", err)
	}
	f, err := elf.Open(l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	if versions, err := f.DynamicVersions(); err != nil || len(versions) == 0 {
		t.Errorf("the library has no versions, %v: check does not see an old one", err)
	}
}

// TestSearch runs in a process of its own, beside whose executable there is a library that does not work.
func TestSearch(t *testing.T) {
	if os.Getenv("VIGIL_TEST_CHILD") == "search" {
		fmt.Print(Load(""))
		os.Exit(0)
	}
	library := build(t, "VERS_1.30.0")
	child := filepath.Join(filepath.Dir(library), "child")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(child, self, 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	run := func() string {
		c := exec.CommandContext(t.Context(), child, "-test.run=^TestSearch$")
		c.Env = []string{"VIGIL_TEST_CHILD=search"}
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if got := run(); !strings.Contains(got, library) {
		t.Errorf("got %q, want an error of %s", got, library)
	}
	if err := os.Remove(library); err != nil {
		t.Fatal(err)
	}
	got := run()
	if strings.HasPrefix(got, "ONNX Runtime") {
		t.Skipf("this machine has %s", got)
	}
	for _, place := range append(places()[1:], library) {
		if !strings.Contains(got, place) {
			t.Errorf("got %q, want it to name %s", got, place)
		}
	}
}

// TestSaysNothingToAnybody runs a network in a process of its own whose home is empty: the library's telemetry would
// keep an id and a queue there. Under a CI's environment it would not, so the process has none.
func TestSaysNothingToAnybody(t *testing.T) {
	if os.Getenv("VIGIL_TEST_CHILD") == "telemetry" {
		n := open(t, echo(), input(0))
		if err := n.Run(make([]byte, 24), 4, 2); err != nil {
			t.Fatal(err)
		}
		return
	}
	l := library(t)
	home := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, "-test.run=^TestSaysNothingToAnybody$")
	c.Dir = home
	c.Env = []string{"VIGIL_TEST_CHILD=telemetry", "VIGIL_ONNXRUNTIME=" + l.path, "HOME=" + home, "ORT_DISABLE_TELEMETRY=0"}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	left, err := os.ReadDir(home)
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v in the home folder", left, err)
	}
}
