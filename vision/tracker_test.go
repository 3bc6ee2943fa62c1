package vision

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"vigil/frames"
)

func facesAt(boxes ...Box) []Face {
	faces := make([]Face, len(boxes))
	for i, b := range boxes {
		faces[i].Box = b
	}
	return faces
}

func nothing(int) Embedding { return nil }

func TestTrackerNumbersAndLoses(t *testing.T) {
	var tr Tracker
	owners, _ := tr.Update(0, facesAt(Box{0.1, 0.1, 0.1, 0.1}, Box{0.7, 0.1, 0.1, 0.1}), nothing)
	if owners[0].N != 1 || owners[1].N != 2 || owners[0].Start != 0 {
		t.Errorf("got %+v and %+v", owners[0], owners[1])
	}
	limit := frames.Ticks(trackLost)
	if _, lost := tr.Update(limit, nil, nothing); len(lost) != 0 {
		t.Errorf("lost %d tracks after %v", len(lost), trackLost)
	}
	if _, lost := tr.Update(limit+1, nil, nothing); len(lost) != 2 || len(tr.Live()) != 0 {
		t.Errorf("got %d lost, %d live after more than %v", len(lost), len(tr.Live()), trackLost)
	}
	owners, _ = tr.Update(limit+1, facesAt(Box{0.1, 0.1, 0.1, 0.1}), nothing)
	split := tr.Split(owners[0])
	if split.N != 2 || split.Start != limit+1 || len(tr.Live()) != 1 {
		t.Errorf("got %+v, %d live", split, len(tr.Live()))
	}
	if ended := tr.End(); len(ended) != 1 || ended[0] != split {
		t.Errorf("got %v", ended)
	}
}

func TestTrackerAsksAppearanceOnlyInDoubt(t *testing.T) {
	tr := Tracker{Foreign: 0.2}
	a, b := Box{0.2, 0.1, 0.1, 0.1}, Box{0.6, 0.1, 0.1, 0.1}
	asked := 0
	look := func(int) Embedding { asked++; return nil }
	for i := range int64(5) {
		tr.Update(i*pictureTicks, facesAt(a, b), look)
	}
	if asked != 0 {
		t.Errorf("asked %d times about people who stand apart", asked)
	}
	// Two tracks beside each other, then one face between: only what it looks like can tell whose it is.
	tr = Tracker{Foreign: 0.2}
	owners, _ := tr.Update(0, facesAt(Box{0.40, 0.1, 0.1, 0.1}, Box{0.46, 0.1, 0.1, 0.1}), look)
	owners = slices.Clone(owners)
	owners[0].Mean, owners[1].Mean = Embedding{1, 0}, Embedding{0, 1}
	for i, e := range []Embedding{{1, 0}, {0, 1}} {
		for _, o := range owners {
			o.Last, o.Box.X = 0, 0.40+0.06*float64(o.N-1)
		}
		next, _ := tr.Update(pictureTicks, facesAt(Box{0.43, 0.1, 0.1, 0.1}), func(int) Embedding { return e })
		if next[0] != owners[i] {
			t.Errorf("face %v went to track %d", e, next[0].N)
		}
	}
}

// Each face has one track and each track one face a picture; people who keep a distance keep their tracks.
func TestTrackerProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "people")
		var tr Tracker
		speeds := make([]float64, n)
		for i := range speeds {
			speeds[i] = rapid.Float64Range(-0.02, 0.02).Draw(t, "speed")
		}
		var mine []*Track
		for picture := range int64(20) {
			var boxes []Box
			var who []int
			for i := range n {
				if picture > 0 && rapid.IntRange(0, 9).Draw(t, "missed") == 0 && tr.live[i].Last == (picture-1)*pictureTicks {
					continue
				}
				// Each on a lane of their own, far enough from the next.
				boxes = append(boxes, Box{0.5 + speeds[i]*float64(picture), float64(i) * 0.3, 0.08, 0.1})
				who = append(who, i)
			}
			owners, lost := tr.Update(picture*pictureTicks, facesAt(boxes...), nothing)
			if len(lost) != 0 {
				t.Fatalf("lost %d tracks", len(lost))
			}
			if mine == nil {
				mine = slices.Clone(owners)
			}
			for j, o := range owners {
				if o != mine[who[j]] {
					t.Fatalf("picture %d: person %d got track %d/%d", picture, who[j], o.Start, o.N)
				}
			}
		}
	})
}

func TestTrackerSurvivesAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := Tracker{Foreign: 0.2}
		number := rapid.OneOf(rapid.Float64Range(-1, 2), rapid.SampledFrom([]float64{0, math.Inf(1), math.NaN(), -5}))
		pts := int64(0)
		for range rapid.IntRange(1, 15).Draw(t, "pictures") {
			pts += rapid.Int64Range(0, frames.ClockRate).Draw(t, "step")
			var boxes []Box
			for range rapid.IntRange(0, 5).Draw(t, "faces") {
				boxes = append(boxes, Box{number.Draw(t, "x"), number.Draw(t, "y"), number.Draw(t, "w"), number.Draw(t, "h")})
			}
			owners, _ := tr.Update(pts, facesAt(boxes...), func(int) Embedding { return Embedding{1, 0} })
			seen := map[*Track]bool{}
			for _, o := range owners {
				if o == nil || seen[o] {
					t.Fatalf("a face without a track, or two with one")
				}
				seen[o] = true
				o.Mean = Embedding{0, 1}
			}
		}
	})
}

// The assignment is the cheapest of all, whatever was assigned before in the same room.
func TestAssign(t *testing.T) {
	var a assigner
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.IntRange(0, 5).Draw(t, "rows"), rapid.IntRange(1, 5).Draw(t, "columns")
		var costs table
		costs.reset(rows, columns)
		for i := range costs.cells {
			costs.cells[i] = rapid.Float64Range(0, costUnmatched).Draw(t, "cost")
		}
		got := a.assign(&costs)
		used := map[int]bool{}
		total := 0.0
		for i, j := range got {
			if j < 0 {
				continue
			}
			if used[j] {
				t.Fatalf("column %d twice in %v", j, got)
			}
			used[j] = true
			total += costs.row(i)[j]
		}
		if len(used) != min(rows, columns) {
			t.Fatalf("got %v, want %d assigned", got, min(rows, columns))
		}
		if best := cheapest(&costs, 0, 0, len(used)); total > best+1e-9 {
			t.Fatalf("got %v at %v, want %v", got, total, best)
		}
	})
}

// cheapest tries every way to assign want of the rows from row on.
func cheapest(costs *table, row int, used uint, want int) float64 {
	if want == 0 {
		return 0
	}
	if row == costs.rows {
		return math.Inf(1)
	}
	best := cheapest(costs, row+1, used, want)
	for j, c := range costs.row(row) {
		if used&(1<<j) == 0 {
			best = min(best, c+cheapest(costs, row+1, used|1<<j, want-1))
		}
	}
	return best
}

func TestSampler(t *testing.T) {
	for fps, want := range map[int][]int64{25: {0, 5, 10, 15}, 5: {0, 1, 2, 3}, 12: {0, 3, 5, 8}, 2: {0, 1, 2, 3}} {
		s := NewSampler(5)
		var got []int64
		for i := int64(0); len(got) < 4; i++ {
			pts := i * frames.ClockRate / int64(fps)
			if s.Want(pts) {
				got = append(got, i)
				if !s.Want(pts) {
					t.Errorf("%d fps: asked twice about picture %d, got two answers", fps, i)
				}
			}
		}
		for k := range want {
			if got[k] != want[k] {
				t.Errorf("%d fps: got pictures %v, want %v", fps, got, want)
				break
			}
		}
	}
}

// Read again from anywhere, the same pictures are chosen but for the very first, which is left out.
func TestSamplerResumes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.Int64Range(1500, 45000).Draw(t, "step")
		from := rapid.Int64Range(1, 100).Draw(t, "from")
		whole, again := NewSampler(5), NewSampler(5)
		for i := range from {
			whole.Want(i * step)
		}
		whole.Want(from * step)
		again.Resume(from * step)
		if again.Want(from * step) {
			t.Fatal("the first picture was chosen")
		}
		for i := from + 1; i < from+50; i++ {
			if a, b := whole.Want(i*step), again.Want(i*step); a != b {
				t.Fatalf("picture %d: got %v, want %v", i, b, a)
			}
		}
	})
}
