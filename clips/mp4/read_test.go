package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigil/frames"
)

// fragmentedFile is the named stream as fMP4.
func fragmentedFile(t testing.TB, p frames.Parameters, units []frames.AccessUnit) []byte {
	t.Helper()
	var b []byte
	for i := 0; i < len(units); i += fragmentSize {
		part := make([]frames.AccessUnit, fragmentSize)
		for n := range part { // a file's decoding times begin at 0
			part[n] = units[i+n]
			part[n].PTS -= units[0].DTS
			part[n].DTS -= units[0].DTS
		}
		payload, err := frames.Pack(p, i == 0, uint64(i), part, part[fragmentSize-1].DTS+frameTicks)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, payload...)
	}
	return b
}

func TestReadFragmented(t *testing.T) {
	file, units := open(t, "bframes.mp4")
	b := fragmentedFile(t, file.Parameters, units)
	again, got := readAll(t, bytes.NewReader(b))
	lead := -units[0].DTS // no edit list takes it back
	want := make([]frames.AccessUnit, len(units))
	for i, u := range units {
		u.PTS, u.DTS = u.PTS+lead, u.DTS+lead
		want[i] = u
	}
	wantSameUnits(t, got, want)
	if want := 3*time.Second + frames.Duration(lead); again.Duration != want {
		t.Errorf("got %v, want %v", again.Duration, want)
	}

	_, whole := readAll(t, bytes.NewReader(b[:len(b)-10]))
	if len(whole) != streamUnits-fragmentSize {
		t.Errorf("cut off: got %d units, want the %d of the whole fragments", len(whole), streamUnits-fragmentSize)
	}
}

func TestReadRefuses(t *testing.T) {
	plain, err := os.ReadFile(filepath.Join("testdata", "plain.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	mpeg4, err := os.ReadFile(filepath.Join("testdata", "mpeg4.mp4"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		b    []byte
		want error
	}{
		"empty":                  {nil, ErrNotMP4},
		"text":                   {[]byte("this is not a video at all, not even nearly"), ErrNotMP4},
		"cut in the head":        {plain[:20], ErrNotMP4},
		"without moov":           {plain[:bytes.Index(plain, []byte("moov"))-4], ErrNotMP4},
		"another codec":          {mpeg4, ErrNoVideo},
		"promises samples":       {forge(plain, "stts", 12, 1<<31), ErrNotMP4},
		"promises entries":       {forge(plain, "stsz", 12, 1<<30), ErrNotMP4},
		"promises chunk offsets": {forge(plain, "stco", 8, 1<<30), ErrNotMP4},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Read(bytes.NewReader(tt.b)); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// forge sets 32 bits at the given place behind a box's name.
func forge(b []byte, kind string, at int, v uint32) []byte {
	b = bytes.Clone(b)
	binary.BigEndian.PutUint32(b[bytes.Index(b, []byte(kind))+at:], v)
	return b
}

func TestReadCutOffFile(t *testing.T) {
	file, units := open(t, "plain.mp4")
	_, b := write(t, cut(t, file.Parameters, units, "a", captured), captured)
	// The last byte of mdat is gone, and the box says so.
	b = b[:len(b)-1]
	at := bytes.Index(b, []byte("mdat")) - 4
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at))
	short, err := Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range short.Units() {
		if err = e; err == nil {
			n++
		}
	}
	if err == nil || n != streamUnits-1 {
		t.Errorf("got %d units and error %v, want %d and an error", n, err, streamUnits-1)
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"plain.mp4", "bframes.mp4", "hevc.mp4", "mpeg4.mp4"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 2048)])
		f.Add(b)
		if file, err := Read(bytes.NewReader(b)); err == nil && name == "plain.mp4" {
			var units []frames.AccessUnit
			for u, err := range file.Units() {
				if err != nil {
					f.Fatal(err)
				}
				units = append(units, u)
			}
			f.Add(fragmentedFile(f, file.Parameters, units))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		total := 0
		for u, err := range file.Units() {
			if err == nil && len(u.NALUs) == 0 {
				t.Error("an access unit without NAL units")
			}
			if total++; total > len(b) {
				t.Fatalf("more than %d units in as many bytes", len(b))
			}
		}
	})
}

// TestReadVideos reads whole recordings, checks their times and writes them again.
func TestReadVideos(t *testing.T) {
	dir := os.Getenv("VIGIL_VIDEO_DIR")
	if dir == "" {
		t.Skip("VIGIL_VIDEO_DIR is not set")
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.mp4"))
	if err != nil || len(names) == 0 {
		t.Fatalf("got %v, %v, want videos in %s", names, err, dir)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			file, units := readAll(t, f)
			var latest int64
			for i, u := range units {
				if u.DTS > u.PTS || (i > 0 && u.DTS <= units[i-1].DTS) {
					t.Fatalf("unit %d: got PTS %d and DTS %d after %d", i, u.PTS, u.DTS, units[max(0, i-1)].DTS)
				}
				latest = max(latest, u.PTS)
			}
			if !units[0].Key || units[0].PTS != 0 || frames.Duration(latest) >= file.Duration {
				t.Errorf("got key %v, PTS %d to %d in %v", units[0].Key, units[0].PTS, latest, file.Duration)
			}
			var buf bytes.Buffer
			line := &timeline{units: units, end: units[len(units)-1].DTS + units[1].DTS - units[0].DTS}
			if _, err := line.write(&buf, file.Parameters); err != nil {
				t.Fatal(err)
			}
			_, again := readAll(t, bytes.NewReader(buf.Bytes()))
			wantSameUnits(t, again, units)
		})
	}
}

func TestExtentEnds(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples [][3]int64 // decoding time, composition offset, duration
		want    int64
	}{
		{"steady", [][3]int64{{0, 0, 10}, {10, 0, 10}}, 20},
		{"unsteady, as a browser sends", [][3]int64{{0, 0, 4}, {4, 0, 30}, {34, 0, 9}}, 43},
		{"a constant offset is no reordering", [][3]int64{{0, 5, 4}, {4, 5, 30}}, 39},
		{"reordered", [][3]int64{{0, 10, 10}, {10, 20, 10}, {20, 0, 10}, {30, 0, 25}}, 40},
		{"reordered, with decoding times that settle", [][3]int64{{0, 20, 1}, {1, 39, 19}, {20, 10, 10}, {30, 20, 10}}, 60},
		{"one picture", [][3]int64{{0, 10, 7}}, 17},
		{"no duration at the end", [][3]int64{{0, 0, 10}, {10, 0, 0}}, 20},
	} {
		var e extent
		for _, s := range c.samples {
			e.add(s[0], s[1], s[2])
		}
		if got := e.end(); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}
