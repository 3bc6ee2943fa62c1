package mp4

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mp4ff "github.com/Eyevinn/mp4ff/mp4"

	"vigil/frames"
)

// The test streams have 45 pictures at 15 a second and a key picture every 15.
const (
	streamUnits  = 45
	frameTicks   = frames.ClockRate / 15
	fragmentSize = 5
)

var captured = time.Date(2026, 11, 22, 20, 15, 0, 0, time.UTC)

func open(t *testing.T, name string) (*File, []frames.AccessUnit) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return readAll(t, f)
}

func readAll(t *testing.T, r io.ReadSeeker) (*File, []frames.AccessUnit) {
	t.Helper()
	file, err := Read(r)
	if err != nil {
		t.Fatal(err)
	}
	var units []frames.AccessUnit
	for u, err := range file.Units() {
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, u)
	}
	return file, units
}

// cut makes fragments of the units, as the segmenter would, in an epoch that began at start.
func cut(t *testing.T, p frames.Parameters, units []frames.AccessUnit, epoch string, start time.Time) []*frames.Fragment {
	t.Helper()
	var all []*frames.Fragment
	for i := 0; i < len(units); i += fragmentSize {
		part := units[i:min(i+fragmentSize, len(units))]
		end := part[len(part)-1].DTS + frameTicks
		payload, err := frames.Pack(p, part[0].Key, uint64(len(all)), part, end)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, &frames.Fragment{
			Camera: "door", Epoch: epoch, Seq: uint64(len(all)), Key: part[0].Key,
			Start: start.Add(frames.Duration(part[0].PTS)), Duration: frames.Duration(end - part[0].DTS),
			Codec: p.Codec, Payload: payload,
		})
	}
	return all
}

func write(t *testing.T, fragments []*frames.Fragment, at time.Time) (Facts, []byte) {
	t.Helper()
	var buf bytes.Buffer
	facts, err := Write(&buf, fragments, nil, at)
	if err != nil {
		t.Fatal(err)
	}
	return facts, buf.Bytes()
}

func wantSameUnits(t *testing.T, got, want []frames.AccessUnit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d access units, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.PTS != w.PTS || g.DTS != w.DTS || g.Key != w.Key {
			t.Fatalf("unit %d: got PTS %d DTS %d key %v, want %d %d %v", i, g.PTS, g.DTS, g.Key, w.PTS, w.DTS, w.Key)
		}
		if len(g.NALUs) != len(w.NALUs) {
			t.Fatalf("unit %d: got %d NAL units, want %d", i, len(g.NALUs), len(w.NALUs))
		}
		for n := range w.NALUs {
			if !bytes.Equal(g.NALUs[n], w.NALUs[n]) {
				t.Fatalf("unit %d: NAL unit %d differs", i, n)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, name := range []string{"plain.mp4", "bframes.mp4", "hevc.mp4"} {
		t.Run(name, func(t *testing.T) {
			file, units := open(t, name)
			if len(units) != streamUnits || units[0].PTS != 0 {
				t.Fatalf("got %d units from %d on, want %d from 0", len(units), units[0].PTS, streamUnits)
			}
			facts, b := write(t, cut(t, file.Parameters, units, "a", captured), captured)
			again, got := readAll(t, bytes.NewReader(b))
			wantSameUnits(t, got, units)
			if !same(again.Parameters, file.Parameters) {
				t.Error("the parameters changed")
			}
			if again.Duration != 3*time.Second || again.Width != 160 || again.Height != 90 {
				t.Errorf("got %v at %d×%d, want 3s at 160×90", again.Duration, again.Width, again.Height)
			}
			if !facts.Start.Equal(captured) || !facts.End.Equal(captured.Add(3*time.Second)) {
				t.Errorf("got %v to %v, want 3s from %v", facts.Start, facts.End, captured)
			}
			if facts.Units != streamUnits || len(facts.Gaps) != 0 || facts.Codec != file.Parameters.Codec {
				t.Errorf("got %+v, want %d units of %s without gaps", facts, streamUnits, file.Parameters.Codec)
			}
		})
	}
}

func TestBoxes(t *testing.T) {
	tests := []struct {
		name   string
		entry  string
		lead   int64 // ticks between the first decoding and the first presentation
		offset []int32
	}{
		{"plain.mp4", "avc1", 0, []int32{0, 0, 0, 0}},
		{"bframes.mp4", "avc1", 2 * frameTicks, []int32{2 * frameTicks, 5 * frameTicks, 2 * frameTicks, 0}},
		{"hevc.mp4", "hvc1", 2 * frameTicks, []int32{2 * frameTicks, 5 * frameTicks, 2 * frameTicks, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source, units := open(t, tt.name)
			_, b := write(t, cut(t, source.Parameters, units, "a", captured), captured)
			file, err := mp4ff.DecodeFile(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			var order []string
			for _, c := range file.Children {
				order = append(order, c.Type())
			}
			if got := strings.Join(order, " "); got != "ftyp moov mdat" {
				t.Errorf("got boxes %s, want ftyp moov mdat", got)
			}
			trak := file.Moov.Trak
			if got := trak.Mdia.Minf.Stbl.Stsd.Children[0].Type(); got != tt.entry {
				t.Errorf("got sample entry %s, want %s", got, tt.entry)
			}
			edit := trak.Edts.Elst[0].Entries
			if len(edit) != 1 || edit[0].MediaTime != tt.lead || edit[0].SegmentDuration != 3000 {
				t.Errorf("got edit list %+v, want media time %d for 3000 ms", edit, tt.lead)
			}
			for i, want := range tt.offset {
				if got := trak.Mdia.Minf.Stbl.Ctts.GetCompositionTimeOffset(uint32(i + 1)); got != want {
					t.Errorf("composition offset of sample %d: got %d, want %d", i+1, got, want)
				}
			}
			if !trak.Mdia.Minf.Stbl.Stss.IsSyncSample(1) || trak.Mdia.Minf.Stbl.Stss.EntryCount() != 3 {
				t.Error("got another sync sample table, want 3 entries with the first sample among them")
			}
		})
	}
}

// probe is what ffprobe says of a file after decoding it.
type probe struct {
	Streams []struct {
		Frames   string `json:"nb_read_frames"`
		Duration string `json:"duration"`
		Tag      string `json:"codec_tag_string"`
	} `json:"streams"`
	Format struct {
		Duration string `json:"duration"`
	} `json:"format"`
}

func ffprobe(t *testing.T, b []byte) probe {
	t.Helper()
	if _, err := exec.LookPath("ffprobe"); err != nil {
		t.Skip("ffprobe is not installed")
	}
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v: %s", err, out)
	}
	var p probe
	if err := json.Unmarshal(out, &p); err != nil { // anything that ffprobe complains of ends up here
		t.Fatalf("ffprobe: %v: %s", err, out)
	}
	return p
}

func TestFFprobeReadsEveryPicture(t *testing.T) {
	for name, tag := range map[string]string{"plain.mp4": "avc1", "bframes.mp4": "avc1", "hevc.mp4": "hvc1"} {
		t.Run(name, func(t *testing.T) {
			file, units := open(t, name)
			_, b := write(t, cut(t, file.Parameters, units, "a", captured), captured)
			p := ffprobe(t, b)
			if s := p.Streams[0]; s.Frames != "45" || s.Duration != "3.000000" || s.Tag != tag || p.Format.Duration != "3.000000" {
				t.Errorf("got %+v, want 45 frames of %s in 3 s", p, tag)
			}
		})
	}
}

func TestGapKeepsItsTime(t *testing.T) {
	file, units := open(t, "bframes.mp4")
	all := cut(t, file.Parameters, units, "a", captured)
	second := captured.Add(time.Second)
	lossy := slices.Clone(all)
	for _, i := range []int{1, 2, 5, 7, 8} {
		damaged := *all[i]
		damaged.Loss = true
		lossy[i] = &damaged
	}
	tests := []struct {
		name      string
		fragments []*frames.Fragment
		units     []frames.AccessUnit
		gaps      []frames.Gap
	}{
		{
			name:      "a whole group of pictures is missing",
			fragments: append(all[:3:3], all[6:]...),
			units:     append(units[:15:15], units[30:]...),
			gaps:      []frames.Gap{{From: second, To: second.Add(time.Second), Reason: reasonMissing}},
		},
		{
			name:      "what refers to missing pictures is left out",
			fragments: append(all[:3:3], all[4:]...),
			units:     append(units[:15:15], units[30:]...),
			gaps:      []frames.Gap{{From: second, To: second.Add(time.Second), Reason: reasonMissing}},
		},
		{
			name:      "told twice",
			fragments: append(all[:4:4], all[3:]...),
			units:     units,
		},
		{
			name:      "begins in the middle of a group",
			fragments: all[1:],
			units:     units[15:],
			gaps:      []frames.Gap{{From: all[1].Start, To: second, Reason: reasonNoKey}},
		},
		{
			name:      "ends with what cannot be decoded",
			fragments: append(all[:6:6], all[7:]...),
			units:     units[:30],
			gaps:      []frames.Gap{{From: all[5].End(), To: all[8].End(), Reason: reasonNoKey}},
		},
		{
			name:      "packets were lost",
			fragments: lossy,
			units:     units,
			gaps: []frames.Gap{
				{From: all[1].Start, To: all[2].End(), Reason: reasonLoss},
				{From: all[5].Start, To: all[5].End(), Reason: reasonLoss},
				{From: all[7].Start, To: all[8].End(), Reason: reasonLoss},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			facts, b := write(t, tt.fragments, captured)
			again, got := readAll(t, bytes.NewReader(b))
			want := make([]frames.AccessUnit, len(tt.units))
			for i, u := range tt.units { // the file begins with its first picture
				u.PTS, u.DTS = u.PTS-tt.units[0].PTS, u.DTS-tt.units[0].PTS
				want[i] = u
			}
			wantSameUnits(t, got, want)
			if got, want := again.Duration, facts.End.Sub(facts.Start); got != want {
				t.Errorf("got %v in the file, want %v as told", got, want)
			}
			wantGaps(t, facts.Gaps, tt.gaps)
		})
	}
}

func wantGaps(t *testing.T, got, want []frames.Gap) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got gaps %+v, want %+v", got, want)
	}
	for i := range want {
		near := got[i].From.Sub(want[i].From).Abs() < time.Millisecond && got[i].To.Sub(want[i].To).Abs() < time.Millisecond
		if !near || got[i].Reason != want[i].Reason {
			t.Errorf("got gap %+v, want %+v", got[i], want[i])
		}
	}
}

func TestNewEpochWithTheSameParameters(t *testing.T) {
	file, units := open(t, "bframes.mp4")
	for name, tt := range map[string]struct {
		start time.Time // of the second epoch
		pts   int64     // of its first picture in the file
		gaps  []frames.Gap
	}{
		"after two seconds": {
			captured.Add(5 * time.Second), 5 * frames.ClockRate,
			[]frames.Gap{{From: captured.Add(3 * time.Second), To: captured.Add(5 * time.Second), Reason: reasonRestarted}},
		},
		"the capture clock went back": {captured.Add(-time.Hour), 3 * frames.ClockRate, nil},
	} {
		t.Run(name, func(t *testing.T) {
			fragments := append(cut(t, file.Parameters, units, "a", captured), cut(t, file.Parameters, units, "b", tt.start)...)
			facts, b := write(t, fragments, captured)
			_, got := readAll(t, bytes.NewReader(b))
			if len(got) != 2*streamUnits || got[streamUnits].PTS != tt.pts {
				t.Errorf("got %d units, the second epoch from %d, want %d from %d", len(got), got[streamUnits].PTS, 2*streamUnits, tt.pts)
			}
			wantGaps(t, facts.Gaps, tt.gaps)
			if p := ffprobe(t, b); p.Streams[0].Frames != "90" {
				t.Errorf("ffprobe: got %s frames, want 90", p.Streams[0].Frames)
			}
		})
	}
}

func TestParametersChange(t *testing.T) {
	first, units := open(t, "plain.mp4")
	second, reordered := open(t, "bframes.mp4")
	later := captured.Add(4 * time.Second)
	fragments := append(cut(t, first.Parameters, units[:30], "a", captured), cut(t, second.Parameters, reordered, "b", later)...)
	for name, tt := range map[string]struct {
		at    time.Time
		start time.Time
		units int
		other frames.Gap
	}{
		"the part with the sighting": {captured.Add(time.Second), captured, 30, frames.Gap{From: later, To: later.Add(3 * time.Second)}},
		"the longer part otherwise":  {captured.Add(time.Hour), later, 45, frames.Gap{From: captured, To: captured.Add(2 * time.Second)}},
	} {
		t.Run(name, func(t *testing.T) {
			facts, _ := write(t, fragments, tt.at)
			if !facts.Start.Equal(tt.start) || facts.Units != tt.units {
				t.Errorf("got %d units from %v, want %d from %v", facts.Units, facts.Start, tt.units, tt.start)
			}
			var changed []frames.Gap
			for _, g := range facts.Gaps {
				if g.Reason == reasonParameters {
					changed = append(changed, g)
				}
			}
			tt.other.Reason = reasonParameters
			wantGaps(t, changed, []frames.Gap{tt.other})
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	file, units := open(t, "plain.mp4")
	all := cut(t, file.Parameters, units, "a", captured)
	for name, fragments := range map[string][]*frames.Fragment{
		"nothing":          nil,
		"no key fragment":  all[1:3],
		"broken fragments": {{Camera: "door", Key: true, Payload: []byte("no box at all")}},
	} {
		t.Run(name, func(t *testing.T) {
			var buf bytes.Buffer
			if _, err := Write(&buf, fragments, nil, captured); err == nil || buf.Len() != 0 {
				t.Errorf("got error %v and %d bytes, want an error and none", err, buf.Len())
			}
		})
	}
	if _, err := Write(failing{}, all, nil, captured); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want the writer's error", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
