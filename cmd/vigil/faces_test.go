package main

import (
	"bytes"
	"strings"
	"testing"

	"vigil/vision"
)

// TestFacesAsATable: the numbers are those that `people enroll --face` takes.
func TestFacesAsATable(t *testing.T) {
	found := imageFaces{File: "group.jpg"}
	for _, face := range []vision.Face{
		{Box: vision.Box{X: 0.8, Y: 0.2, W: 0.1, H: 0.2}, Quality: vision.Quality{EyeDistance: 28, Yaw: 13}},
		{Box: vision.Box{X: 0.5, Y: 0.1, W: 0.02, H: 0.02}, Quality: vision.Quality{EyeDistance: 7}},
		{Box: vision.Box{X: 0.3, Y: 0.2, W: 0.1, H: 0.2}, Quality: vision.Quality{EyeDistance: 52}},
	} {
		found.Faces = append(found.Faces, embeddedFace{Face: face})
	}
	var out bytes.Buffer
	if err := (&Globals{out: &out}).tabulate(found); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 || lines[0] != "group.jpg" {
		t.Fatalf("got\n%s", out.String())
	}
	for i, want := range []string{"1 35 %, 30 % 52", "2 85 %, 30 % 28", "- 51 %, 11 % 7"} {
		if got := strings.Join(strings.Fields(lines[2+i]), " "); !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
