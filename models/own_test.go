package models

import (
	"path/filepath"
	"strings"
	"testing"
)

const goodOwn = `
models:
  - name: house
    file: house.onnx
    sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
    url: https://example.com/house.onnx
    bytes: 1000
    licence: ours
    input: {order: rgb, mean: [127.5, 127.5, 127.5], scale: 0.0078125}
    dim: 512
    threshold: 0.3
    margin: 0.05
`

func TestParseOwn(t *testing.T) {
	own, err := parseOwn([]byte(goodOwn))
	if err != nil || len(own) != 1 {
		t.Fatalf("got %v, %v", own, err)
	}
	k := own[0]
	if k.Name != "house" || k.Role != Embedder || k.Dim != 512 || k.Default || k.Input.Width != 112 || k.Input.Mean[2] != 127.5 {
		t.Errorf("got %+v", k)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", "licence: ours", "license: ours", "license"},
		{"path", "file: house.onnx", "file: ../house.onnx", "../house.onnx"},
		{"digest", "sha256: aa", "sha256: AA", "sha256"},
		{"name", "name: house", "name: a/b", "name"},
		{"dim", "dim: 512", "dim: 0", "dim 0"},
		{"threshold", "threshold: 0.3", "threshold: .nan", "threshold"},
		{"margin", "margin: 0.05", "margin: 2", "margin"},
		{"order", "order: rgb", "order: grb", "grb"},
		{"scale", "scale: 0.0078125", "scale: 0", "scale"},
		{"mean", "[127.5, 127.5, 127.5]", "[127.5, 127.5, 300]", "mean"},
		{"size", "order: rgb", "width: 224, order: rgb", "224"},
		{"bytes", "bytes: 1000", "bytes: 0", "bytes"},
		{"url", "https://example", "file://example", "url"},
		{"twice", "    margin: 0.05\n", "    margin: 0.05\n" + strings.Replace(goodOwn, "\nmodels:\n", "", 1), "twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseOwn([]byte(strings.Replace(goodOwn, c.old, c.new, 1)))
			contains(t, err, c.want)
		})
	}
	if own, err := parseOwn(nil); err != nil || len(own) != 0 {
		t.Errorf("empty file: got %v, %v", own, err)
	}
}

func TestLoadRefusesTakenNames(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, FileName), []byte(strings.Replace(goodOwn, "name: house", "name: sface", 1)))
	_, err := Load(dir)
	contains(t, err, "sface", "taken", FileName)
	write(t, filepath.Join(dir, FileName), []byte("models: 3\n"))
	_, err = Load(dir)
	contains(t, err, FileName)
}

func FuzzParseOwn(f *testing.F) {
	f.Add([]byte(goodOwn))
	f.Add([]byte("models: []"))
	f.Add([]byte("models:\n  - {name: x"))
	f.Fuzz(func(t *testing.T, b []byte) {
		own, err := parseOwn(b)
		if err != nil {
			return
		}
		for _, k := range own {
			if filepath.Base(k.File) != k.File || k.ID() == "" || k.Dim == 0 {
				t.Errorf("accepted %+v", k)
			}
		}
	})
}
