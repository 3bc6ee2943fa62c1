package mediatest

import (
	"bytes"
	"errors"
	"iter"
	"testing"
	"time"

	"vigil/clips/mp4"
	"vigil/frames"
)

// maxMedia is what the embedded clips may add to the binary.
const maxMedia = 1200 << 10

func TestClips(t *testing.T) {
	total := 0
	for _, s := range Scenes() {
		b, err := Clip(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		total += len(b)
		if moov, mdat := bytes.Index(b, []byte("moov")), bytes.Index(b, []byte("mdat")); moov < 0 || moov > mdat {
			t.Errorf("%s: moov at %d, mdat at %d: want moov first", s.Name, moov, mdat)
		}
		file, err := mp4.Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if file.Parameters.Codec != frames.H264 || file.Width != s.Width || file.Height != s.Height {
			t.Errorf("%s: got %s %d×%d, want h264 %d×%d",
				s.Name, file.Parameters.Codec, file.Width, file.Height, s.Width, s.Height)
		}
		if d := (file.Duration - s.Length).Abs(); d > 100*time.Millisecond {
			t.Errorf("%s: got a length of %v, want %v", s.Name, file.Duration, s.Length)
		}
		checkUnits(t, s, file.Units())
	}
	if total > maxMedia {
		t.Errorf("the clips have %d bytes, want at most %d", total, maxMedia)
	}
	if _, err := Clip("nothing"); err == nil {
		t.Error("got no error for a clip that does not exist")
	}
}

// checkUnits checks that there is a picture for each of the scene's, a key frame every second and no reordering.
func checkUnits(t *testing.T, s Scene, units iter.Seq2[frames.AccessUnit, error]) {
	t.Helper()
	n := 0
	for u, err := range units {
		if err != nil {
			t.Fatal(err)
		}
		if u.Key != (n%s.FPS == 0) {
			t.Errorf("%s: picture %d: got key %v", s.Name, n, u.Key)
		}
		if u.PTS != u.DTS || u.PTS != int64(n*frames.ClockRate/s.FPS) {
			t.Errorf("%s: picture %d: got PTS %d and DTS %d, want %d", s.Name, n, u.PTS, u.DTS, n*frames.ClockRate/s.FPS)
		}
		n++
	}
	if n != s.Frames() {
		t.Errorf("%s: got %d pictures, want %d", s.Name, n, s.Frames())
	}
}

func TestCameraLoops(t *testing.T) {
	s := Solo()
	_, units, err := Camera{Clip: s.Name, Loop: true}.Units()
	if err != nil {
		t.Fatal(err)
	}
	n, last := 0, int64(-1)
	for u, err := range units {
		if err != nil {
			t.Fatal(err)
		}
		if u.DTS-last <= 0 || u.DTS-last > int64(frames.ClockRate/s.FPS)+1 {
			t.Fatalf("picture %d: got DTS %d after %d, want them a picture apart", n, u.DTS, last)
		}
		last = u.DTS
		if n++; n > 2*s.Frames() {
			return
		}
	}
	t.Errorf("got %d pictures, want no end", n)
}

func TestRepeatEndsWithAnError(t *testing.T) {
	want := errors.New("broken")
	calls := 0
	for _, err := range repeat(func(yield func(frames.AccessUnit, error) bool) {
		_ = yield(frames.AccessUnit{}, want)
	}, 1) {
		if calls++; !errors.Is(err, want) {
			t.Errorf("got error %v, want %v", err, want)
		}
	}
	if calls != 1 {
		t.Errorf("got %d steps, want 1", calls)
	}
	for _, err := range repeat(func(func(frames.AccessUnit, error) bool) {}, 1) {
		if err == nil {
			t.Error("an empty clip: got no error")
		}
	}
}

func TestCameraWithoutClipOrServer(t *testing.T) {
	if err := (Camera{Clip: "nothing"}).Publish(t.Context(), "rtsp://127.0.0.1:1/door"); err == nil {
		t.Error("got no error for a clip that does not exist")
	}
	if err := (Camera{Clip: "solo"}).Publish(t.Context(), "http://127.0.0.1:1/door"); err == nil {
		t.Error("got no error for an address that is no RTSP URL")
	}
}
