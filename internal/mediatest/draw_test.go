package mediatest

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"reflect"
	"testing"
	"time"
)

func TestPortraitsAreTheSameEveryTime(t *testing.T) {
	a := Portrait(Resident(), 120, 1).(*image.RGBA)
	b := Portrait(Resident(), 120, 1).(*image.RGBA)
	if !bytes.Equal(a.Pix, b.Pix) {
		t.Error("the same portrait drawn twice differs")
	}
}

func TestPortraitsDiffer(t *testing.T) {
	names := map[string]bool{}
	pictures := map[string]string{}
	for _, p := range Cast() {
		if names[p.Name] {
			t.Errorf("two people are called %s", p.Name)
		}
		names[p.Name] = true
		for n := range Variations {
			b, err := PortraitJPEG(p, 60, n)
			if err != nil {
				t.Fatal(err)
			}
			if other, ok := pictures[string(b)]; ok {
				t.Errorf("a portrait of %s is one of %s", p.Name, other)
			}
			pictures[string(b)] = p.Name
		}
	}
	if Cast()[0].Name != Resident().Name || Cast()[1].Name != Stranger().Name {
		t.Errorf("the cast begins with %s and %s", Cast()[0].Name, Cast()[1].Name)
	}
}

// TestPortraitShowsItsPerson looks at the cheeks, which no hair, beard or glasses of the cast covers.
func TestPortraitShowsItsPerson(t *testing.T) {
	const size = 200
	for _, p := range Cast() {
		img := Portrait(p, size, 0)
		half := 0.27 * size
		x, y := int(0.49*size+p.EyeGap*half), int(0.47*size+(p.EyeY+0.26)*half)
		got := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
		if got.R < got.G || got.G < got.B {
			t.Errorf("%s's cheek at (%d, %d) is %v, which is no skin", p.Name, x, y, got)
		}
	}
}

func TestSceneIsQuietBetweenPasses(t *testing.T) {
	s := smallScene()
	room := s.Room()
	if !bytes.Equal(s.Frame(room, 0).Pix, room.Pix) {
		t.Error("somebody is in the picture before the pass")
	}
	if bytes.Equal(s.Frame(room, s.Frames()/2).Pix, room.Pix) {
		t.Error("nobody is in the picture in the middle of the pass")
	}
	if !bytes.Equal(s.Frame(room, s.Frames()-1).Pix, room.Pix) {
		t.Error("somebody is in the picture after the pass")
	}
}

func TestWriteMJPEG(t *testing.T) {
	s := smallScene()
	var buf bytes.Buffer
	if err := WriteMJPEG(&buf, s); err != nil {
		t.Fatal(err)
	}
	pictures := 0
	for buf.Len() > 0 {
		// image/jpeg may read beyond a picture's end, so each is cut out at its end marker, which entropy-coded
		// data cannot hold (ITU-T T.81, B.1.1.5).
		end := bytes.Index(buf.Bytes(), []byte{0xFF, 0xD9})
		if end < 0 {
			t.Fatalf("picture %d does not end", pictures)
		}
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(buf.Next(end + 2)))
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Width != s.Width || cfg.Height != s.Height {
			t.Fatalf("got %d×%d, want %d×%d", cfg.Width, cfg.Height, s.Width, s.Height)
		}
		pictures++
	}
	if want := int(s.Length.Seconds() * fakeCameraRate); pictures != want {
		t.Errorf("got %d pictures, want %d", pictures, want)
	}
}

// smallScene is quick to draw: 3 s of 5 pictures a second, somebody walking through in the second one.
func smallScene() Scene {
	return Scene{
		Name: "small", Width: 160, Height: 90, FPS: 5, Length: 3 * time.Second,
		Passes: []Pass{{Person: Stranger(), Enter: time.Second, Leave: 2 * time.Second, Height: 0.3}},
	}
}

func TestTruthIsTheScenes(t *testing.T) {
	for _, s := range Scenes() {
		got, err := ClipTruth(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s.Truth()) {
			t.Errorf("%s: got truth %+v, want %+v: the clips want generating again", s.Name, got, s.Truth())
		}
	}
	if _, err := ClipTruth("nothing"); err == nil {
		t.Error("got no error for a clip that does not exist")
	}
}
