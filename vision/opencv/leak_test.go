//go:build !nocv

package opencv

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"vigil/internal/mediatest"
	"vigil/vision"
)

// resident is the memory of this process, in bytes: what OpenCV allocates is invisible to Go.
func resident(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc/self/statm")
	}
	pages, err := strconv.Atoi(string(bytes.Fields(b)[1]))
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestNoLeak looks at the same face over and over. One aligned face kept at each turn would make 7 MB.
func TestNoLeak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a few seconds")
	}
	const turns, most = 200, 5 << 20
	engines(t, func(t *testing.T, e vision.Engine) {
		p := drawn(t, mediatest.Resident(), 120, 0)
		look := func() {
			for range turns {
				embedBest(t, e, p)
			}
			runtime.GC()
		}
		look() // pools and caches fill
		before := resident(t)
		look()
		if grown := resident(t) - before; grown > most {
			t.Errorf("memory grew by %d bytes in %d turns", grown, turns)
		}
	})
}

func benchmark(b *testing.B, engine string, step func(e vision.Engine, p vision.Picture, f vision.Face)) {
	dir := env(b, "VIGIL_FACES_DIR")
	e := open(b, engine)
	photo, err := readPicture(filepath.Join(dir, "portraits/biden/2.jpg"))
	if err != nil {
		b.Fatal(err)
	}
	// A 1080p picture with the photo in its middle.
	bgr := bytes.Repeat([]byte{120}, 1920*1080*3)
	all := bgrOf(b, photo)
	for y := range 1080 {
		copy(bgr[(y*1920+360)*3:(y*1920+1560)*3], all[(y+60)*1200*3:])
	}
	p, err := NewPicture(1920, 1080, bgr)
	if err != nil {
		b.Fatal(err)
	}
	f, _, _ := embedBest(b, e, p)
	b.ReportAllocs()
	for b.Loop() {
		step(e, p, f)
	}
}

func BenchmarkDetect1080p(b *testing.B) {
	for _, engine := range []string{EngineDeep, EngineClassic} {
		b.Run(engine, func(b *testing.B) {
			benchmark(b, engine, func(e vision.Engine, p vision.Picture, _ vision.Face) {
				if _, err := e.Detect(p, nil); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkEmbed(b *testing.B) {
	for _, engine := range []string{EngineDeep, EngineClassic} {
		b.Run(engine, func(b *testing.B) {
			benchmark(b, engine, func(e vision.Engine, p vision.Picture, f vision.Face) {
				if _, _, err := e.Embed(p, f); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
