package vision

import (
	"errors"
	"image"
	"testing"

	"vigil/frames"
)

// painted is a picture of one grey but for one cell.
func painted(pts int64, grey, cell byte) Picture {
	return Picture{Width: 320, Height: 180, PTS: pts, Pixels: scribble{grey, cell}}
}

type scribble struct{ grey, cell byte }

func (s scribble) Scale(dst []byte, stride, w, h int) error {
	if err := shade(s.grey).Scale(dst, stride, w, h); err != nil {
		return err
	}
	dst[len(dst)/2] = s.cell
	return nil
}

func (s scribble) Crop(dst []byte, _ image.Rectangle) error { return s.Scale(dst, 0, 0, 0) }

// squared is a picture of grey 100 but for a square of four cells from there on, in one colour.
func squared(pts int64, to byte, x, y int) Picture {
	return Picture{Width: 320, Height: 180, PTS: pts, Pixels: square{to, x, y}}
}

type square struct {
	to   byte
	x, y int
}

func (s square) Scale(dst []byte, stride, w, h int) error {
	if err := shade(100).Scale(dst, stride, w, h); err != nil {
		return err
	}
	for _, at := range [][2]int{{s.x, s.y}, {s.x + 1, s.y}, {s.x, s.y + 1}, {s.x + 1, s.y + 1}} {
		dst[at[1]*stride+at[0]*3+1] = s.to
	}
	return nil
}

func (s square) Crop(dst []byte, _ image.Rectangle) error { return s.Scale(dst, 0, 0, 0) }

func TestStillness(t *testing.T) {
	second := int64(frames.ClockRate)
	tests := map[string]struct {
		p    Picture
		want bool
	}{
		"the same":                      {painted(second, 100, 100), true},
		"noise":                         {painted(second, 98, 103), true},
		"one cell a little darker":      {painted(second, 100, 95), true},
		"one cell darker":               {painted(second, 100, 94), false},
		"one cell a little lighter":     {painted(second, 100, 105), true},
		"one cell lighter":              {painted(second, 100, 106), false},
		"a square a little darker":      {squared(second, 97, 160/2, 96/2), true},
		"a square darker":               {squared(second, 96, 160/2, 96/2), false},
		"a square lighter, first":       {squared(second, 104, 0, 0), false},
		"a square lighter, last":        {squared(second, 104, 158, 94), false},
		"all is lighter":                {painted(second, 104, 104), false},
		"just within the time":          {painted(5*second-1, 100, 100), true},
		"seen too long ago":             {painted(5*second, 100, 100), false},
		"before what was seen, as ever": {painted(-1, 100, 100), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var s stillness
			if got, err := s.holds(painted(0, 100, 100)); err != nil || got {
				t.Fatalf("got %v, %v for the first picture, want something to look at", got, err)
			}
			s.keep(0)
			if got, err := s.holds(tt.p); err != nil || got != tt.want {
				t.Errorf("got %v, %v, want %v", got, err, tt.want)
			}
			s.forget()
			if got, _ := s.holds(tt.p); got {
				t.Error("got an unchanged picture after all was forgotten")
			}
		})
	}
}

// What changes so slowly that no picture differs from the one before is seen all the same.
func TestStillnessAddsUp(t *testing.T) {
	var s stillness
	looked := 0
	for i := range byte(12) {
		still, err := s.holds(painted(int64(i)*1000, 100+i, 100+i))
		if err != nil {
			t.Fatal(err)
		}
		if !still {
			looked++
			s.keep(int64(i) * 1000)
		}
	}
	if looked != 3 {
		t.Errorf("looked at %d of 12 pictures, want each fourth", looked)
	}
}

type unreadable struct{ scribble }

func (unreadable) Scale([]byte, int, int, int) error { return errors.New("no such plane") }

func TestStillPicturesAreNotSearched(t *testing.T) {
	s := newStage(t, nil, actor{name: "zoe", from: 4, to: 6, where: stand(0.4, 0.4)})
	a := s.analysis(t)
	tenth := int64(frames.ClockRate / 5)
	show := func(i int64, pixels Pixels) error {
		p := picture(i * tenth)
		p.Pixels = pixels
		_, err := a.Picture("e1", p)
		return err
	}
	for i := range int64(20) {
		if err := show(i, shade(100)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.engine.detects.Load(); n != 1 {
		t.Errorf("looked for faces in %d of 20 pictures that are all the same, want 1", n)
	}
	for i := int64(20); i < 30; i++ {
		if err := show(i, shade(8*i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.engine.detects.Load(); n < 6 {
		t.Errorf("looked for faces in %d pictures, want all that changed", n)
	}
	if a.Quiet() {
		t.Error("got nobody, want the one who came in")
	}
	if err := show(31, unreadable{}); err != nil {
		t.Errorf("got %v while somebody is followed, want no comparison", err)
	}
	a.Pause()
	if err := show(32, unreadable{}); !errors.Is(err, ErrBlind) {
		t.Errorf("got %v, want ErrBlind", err)
	}
}
