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
    calibration: [{rate: 0.01, cosine: 0.30}, {rate: 0.0001, cosine: 0.45}]
`

func TestParseOwn(t *testing.T) {
	own, err := parseOwn([]byte(goodOwn))
	if err != nil || len(own) != 1 {
		t.Fatalf("got %v, %v", own, err)
	}
	k := own[0]
	if k.Name != "house" || k.Role != Embedder || k.Dim != 512 || k.Default || k.Input.Width != 112 || k.Input.Mean[2] != 127.5 ||
		len(k.Calibration) != 2 || k.Calibration[1] != (Point{Rate: 0.0001, Cosine: 0.45}) {
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
		{"one point", ", {rate: 0.0001, cosine: 0.45}", "", "one point"},
		{"rate rises", "rate: 0.0001", "rate: 0.02", "point 2: want a lower rate"},
		{"cosine falls", "cosine: 0.45", "cosine: 0.2", "point 2: want a lower rate and a higher cosine"},
		{"rate", "rate: 0.0001", "rate: .nan", "point 2: rate NaN"},
		{"cosine", "cosine: 0.30", "cosine: 30", "point 1: cosine 30"},
		{"point's key", "cosine: 0.30", "cos: 0.30", "cos"},
		{"twice", "0.45}]\n", "0.45}]\n" + strings.Replace(goodOwn, "\nmodels:\n", "", 1), "twice"},
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
