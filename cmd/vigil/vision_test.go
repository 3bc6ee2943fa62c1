//go:build !nocv

package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"vigil/internal/mediatest"
	"vigil/vision"
)

// classic is the engine that is always there.
var classic = []string{"VIGIL_MODELS_ENGINE=classic"}

// wall is a picture of nobody.
func wall(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 320, 240))
	for i := range img.Pix {
		img.Pix[i] = 128
	}
	img.SetGray(1, 1, color.Gray{Y: 3})
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func portrait(t *testing.T, p mediatest.Person, n int) []byte {
	t.Helper()
	photo, err := mediatest.PortraitJPEG(p, 480, n)
	if err != nil {
		t.Fatal(err)
	}
	return photo
}

// album writes three drawn photos of a person into a folder, and returns their paths.
func album(t *testing.T, dir string, p mediatest.Person) []string {
	t.Helper()
	if err := portraits(p, dir); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
	if err != nil || len(paths) != 3 {
		t.Fatalf("got %v, %v", paths, err)
	}
	return paths
}

type faceLine struct {
	File  string
	Faces []struct {
		Box struct {
			X, Y, W, H float64
		}
		Landmarks [][2]float64
		Score     float64
		Quality   map[string]float64
		Embedding []float64
	}
}

func TestFaces(t *testing.T) {
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "ann.jpg"), string(portrait(t, mediatest.Resident(), 0)))
	got := vigilIn(t.Context(), t, classic, "faces", path)
	got.works(t)
	lines := each[faceLine](t, got)
	if len(lines) != 1 || lines[0].File != path || len(lines[0].Faces) != 1 {
		t.Fatalf("got %s", got.out)
	}
	face := lines[0].Faces[0]
	if b := face.Box; b.X < 0 || b.Y < 0 || b.W <= 0 || b.H <= 0 || b.X+b.W > 1 || b.Y+b.H > 1 {
		t.Errorf("box: got %+v, want fractions of the picture", b)
	}
	if len(face.Landmarks) != 5 {
		t.Errorf("got %d landmarks", len(face.Landmarks))
	}
	for _, point := range face.Landmarks {
		if min(point[0], point[1]) < 0 || max(point[0], point[1]) > 1 {
			t.Errorf("landmark: got %v, want fractions of the picture", point)
		}
	}
	length := 0.0
	for _, v := range face.Embedding {
		length += v * v
	}
	if math.Abs(length-1) > 1e-3 || len(face.Embedding) < 64 {
		t.Errorf("embedding: got %d numbers of length %g, want length 1", len(face.Embedding), math.Sqrt(length))
	}
	if face.Score <= 0 || face.Score > 1 || face.Quality["eye_distance"] < 20 || face.Quality["score"] <= 0 {
		t.Errorf("got score %g, quality %v", face.Score, face.Quality)
	}
}

func TestFacesOfPicturesThatShowNone(t *testing.T) {
	dir := t.TempDir()
	blank := write(t, filepath.Join(dir, "wall.png"), string(wall(t)))
	garbage := write(t, filepath.Join(dir, "garbage.jpg"), "\xff\xd8\xff\xe0 and no more")
	none := filepath.Join(dir, "none.jpg")
	got := vigilIn(t.Context(), t, classic, "faces", blank)
	got.fails(t, 1, blank+": no face found")
	if lines := each[map[string]any](t, got); len(lines) != 1 || lines[0]["faces"] == nil {
		t.Errorf("got %q, want an empty list: it was looked at", got.out)
	}
	for _, path := range []string{garbage, none, write(t, filepath.Join(dir, "empty.jpg"), ""), dir} {
		got := vigilIn(t.Context(), t, classic, "faces", path)
		got.fails(t, 1, path)
		if got.out != "" {
			t.Errorf("%s: got %q, want nothing: it was not looked at", path, got.out)
		}
	}
	good := write(t, filepath.Join(dir, "good.jpg"), string(portrait(t, mediatest.Stranger(), 1)))
	got = vigilIn(t.Context(), t, classic, "faces", none, good, blank)
	got.fails(t, 1, none, blank)
	if lines := each[faceLine](t, got); len(lines) != 2 || lines[0].File != good || len(lines[0].Faces) != 1 {
		t.Errorf("got %q, want the good one in spite of the others", got.out)
	}
}

func TestEngineThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	picture := write(t, filepath.Join(dir, "1.jpg"), string(portrait(t, mediatest.Resident(), 0)))
	models := filepath.Join(dir, "models")
	deep := []string{"VIGIL_MODELS_ENGINE=deep", "VIGIL_MODELS_DIR=" + models}
	vigilIn(t.Context(), t, deep, "faces", picture).fails(t, 1, filepath.Join(models, yunet), "vigil models fetch")
	write(t, filepath.Join(models, yunet), "not the network")
	write(t, filepath.Join(models, "face_recognition_sface_2021dec.onnx"), "nor this")
	vigilIn(t.Context(), t, deep, "faces", picture).fails(t, 1, filepath.Join(models, yunet), "8f2383e4dd3cfbb4")
	auto := vigilIn(t.Context(), t, deep[1:], "faces", picture)
	auto.fails(t, 1, filepath.Join(models, yunet), "8f2383e4dd3cfbb4") // a wrong file is never passed over
}

func clip(t *testing.T, dir, name string) string {
	t.Helper()
	film, err := mediatest.Clip(name)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, filepath.Join(dir, name+".mp4"), string(film))
}

func TestAnalyze(t *testing.T) {
	dir := t.TempDir()
	walk := clip(t, dir, "walk")
	album(t, filepath.Join(dir, "people", "Resident"), mediatest.Resident())
	got := vigilIn(t.Context(), t, classic, "analyze", walk, "--people", filepath.Join(dir, "people"))
	got.works(t)
	truth, err := mediatest.ClipTruth("walk")
	if err != nil {
		t.Fatal(err)
	}
	lines := each[trackLine](t, got)
	if len(lines) != len(truth.Passes) {
		t.Fatalf("got %s, want a track for each of %+v", got.out, truth.Passes)
	}
	for i, want := range []trackLine{{Decision: vision.Known, Person: "Resident"}, {Decision: vision.Unknown}} {
		line, pass := lines[i], truth.Passes[i]
		if line.Camera != "walk" || line.Decision != want.Decision || line.Person != want.Person {
			t.Errorf("track %d: got %+v, want %s %s", i, line, want.Decision, want.Person)
		}
		if line.Start < pass.Enter || line.Start > pass.Enter+1.5 || line.End > pass.Leave || line.End < pass.Leave-1.5 {
			t.Errorf("track %d: got %g to %g s, the truth is %g to %g", i, line.Start, line.End, pass.Enter, pass.Leave)
		}
	}
	if lines[0].Score < lines[1].Score {
		t.Errorf("scores: got %g for the person and %g for the stranger", lines[0].Score, lines[1].Score)
	}
}

func TestAnalyzeWithNobodyEnrolled(t *testing.T) {
	got := vigilIn(t.Context(), t, classic, "analyze", clip(t, t.TempDir(), "solo"), "--json")
	got.works(t)
	if lines := each[trackLine](t, got); len(lines) != 1 || lines[0].Decision != vision.Unknown || lines[0].Stranger == "" {
		t.Errorf("got %s", got.out)
	}
}

func TestAnalyzeFilesThatAreNoVideo(t *testing.T) {
	dir := t.TempDir()
	walk := clip(t, dir, "walk")
	film, err := os.ReadFile(walk)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		filepath.Join(dir, "none.mp4"), write(t, filepath.Join(dir, "garbage.mp4"), "garbage, and enough of it"),
		write(t, filepath.Join(dir, "empty.mp4"), ""), dir,
		write(t, filepath.Join(dir, "headless.mp4"), string(film[len(film)/2:])),
	} {
		got := vigilIn(t.Context(), t, classic, "analyze", path)
		got.fails(t, 1, "analyze "+path)
		if got.out != "" {
			t.Errorf("%s: got %q", path, got.out)
		}
	}
	cut := write(t, filepath.Join(dir, "cut.mp4"), string(film[:len(film)/3]))
	got := vigilIn(t.Context(), t, classic, "analyze", cut)
	got.fails(t, 1, "analyze "+cut, "ends early")
	if lines := each[trackLine](t, got); len(lines) != 1 || lines[0].Decision != vision.Unknown {
		t.Errorf("got %s, want what was seen until then", got.out)
	}
}

func TestAnalyzeWithPeopleWhoCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	solo := clip(t, dir, "solo")
	empty, nobody, blank := filepath.Join(dir, "empty"), filepath.Join(dir, "nobody"), filepath.Join(dir, "blank")
	for _, path := range []string{empty, filepath.Join(nobody, "Ann")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(blank, "Ann", "wall.png"), string(wall(t)))
	for people, want := range map[string]string{
		empty: "no folder of photos", nobody: "Ann", filepath.Join(dir, "none"): "no such file",
		blank: filepath.Join(blank, "Ann") + ": no photo can be used\n  wall.png: no face found",
	} {
		got := vigilIn(t.Context(), t, classic, "analyze", solo, "--people", people)
		got.fails(t, 1, people, want)
		if got.out != "" || strings.Count(got.err, "\n") != 1+strings.Count(want, "\n") {
			t.Errorf("%s: got %q and %q", people, got.out, got.err)
		}
	}
}

func TestCameraOf(t *testing.T) {
	for file, want := range map[string]string{
		"/x/Front Door.MP4": "front-door", "ü.mp4": "video", "a--b_c.d.mp4": "a--b-c-d", strings.Repeat("a", 99) + ".mp4": strings.Repeat("a", 63),
	} {
		if got := cameraOf(file); string(got) != want {
			t.Errorf("%s: got %q, want %q", file, got, want)
		}
	}
}
