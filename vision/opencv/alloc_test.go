//go:build !nocv

package opencv

import (
	"bytes"
	"testing"

	"vigil/internal/mediatest"
	"vigil/vision"
)

// allocations are those of ten calls together.
func allocations(call func()) float64 {
	return testing.AllocsPerRun(1, func() {
		for range 10 {
			call()
		}
	})
}

// A picture whose faces are not embedded allocates nothing; one that is embedded its embedding, which its owner keeps.
func TestDeepEngineDoesNotAllocate(t *testing.T) {
	wall, err := NewPicture(1280, 720, bytes.Repeat([]byte{90}, 1280*720*3))
	if err != nil {
		t.Fatal(err)
	}
	runtimes(t, func(t *testing.T, r Runtime) {
		e := openOn(t, r)
		for name, c := range map[string]struct {
			picture vision.Picture
			faces   int
		}{"nobody": {wall, 0}, "somebody": {drawn(t, mediatest.Resident(), 400, 0), 1}} {
			var faces []vision.Face
			detect := func() {
				if faces, err = e.Detect(c.picture, faces[:0]); err != nil || len(faces) != c.faces {
					t.Fatalf("%s: got %d faces, %v, want %d", name, len(faces), err, c.faces)
				}
			}
			if n := allocations(detect); n != 0 {
				t.Errorf("%s: got %v allocations in 10 detections, want 0", name, n)
			}
			for _, f := range faces {
				embed := func() {
					if _, _, err := e.Embed(c.picture, f); err != nil {
						t.Fatal(err)
					}
				}
				if n := allocations(embed); n != 10 {
					t.Errorf("%s: got %v allocations in 10 embeddings, want 10", name, n)
				}
			}
		}
	})
}
