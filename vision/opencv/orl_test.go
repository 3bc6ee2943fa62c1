//go:build !nocv

package opencv

import (
	"path/filepath"
	"slices"
	"testing"

	"vigil/vision"
)

// TestORL compares all pairs of the ORL faces: how many of one person's fall below the engine's threshold and how many
// of two persons' reach it.
func TestORL(t *testing.T) {
	dir := env(t, "VIGIL_FACES_DIR")
	if testing.Short() {
		t.Skip("looks at 240 pictures")
	}
	for engine, limit := range map[string]struct{ missed, rejected, accepted float64 }{
		EngineDeep:    {missed: 0, rejected: 0.01, accepted: 0.005},
		EngineClassic: {missed: 0.02, rejected: 0.6, accepted: 0.01},
	} {
		t.Run(engine, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(dir, "orl", "*", "*.pgm"))
			if err != nil || len(files) == 0 {
				t.Fatalf("got %d pictures, %v", len(files), err)
			}
			e := open(t, engine)
			people := map[string][]vision.Embedding{}
			missed := 0
			for _, file := range files {
				p, err := readPicture(file)
				if err != nil {
					t.Fatal(err)
				}
				faces, err := e.Detect(p, nil)
				if err != nil {
					t.Fatal(err)
				}
				if len(faces) == 0 {
					missed++
					continue
				}
				embedding, _, err := e.Embed(p, faces[0])
				if err != nil {
					t.Fatal(err)
				}
				who := filepath.Dir(file)
				people[who] = append(people[who], embedding)
			}
			same, different := pairs(people)
			threshold := e.Model().Threshold
			rejected, accepted := below(same, threshold), 1-below(different, threshold)
			t.Logf("%d pictures, %d without a face; same person: 5 %% below %.3f, median %.3f; different: median %.3f, 1 %% above "+
				"%.3f, highest %.3f; at %.3f %.2f %% rejected, %.2f %% accepted", len(files), missed, same[len(same)/20], same[len(same)/2],
				different[len(different)/2], different[len(different)*99/100], different[len(different)-1], threshold, 100*rejected, 100*accepted)
			if float64(missed) > limit.missed*float64(len(files)) || rejected > limit.rejected || accepted > limit.accepted {
				t.Errorf("got more than %+v", limit)
			}
		})
	}
}

func pairs(people map[string][]vision.Embedding) (same, different []float64) {
	for a, as := range people {
		for i, x := range as {
			for _, y := range as[i+1:] {
				same = append(same, x.Dot(y))
			}
			for b, bs := range people {
				if a < b {
					for _, y := range bs {
						different = append(different, x.Dot(y))
					}
				}
			}
		}
	}
	slices.Sort(same)
	slices.Sort(different)
	return same, different
}

// below is the part of sorted that lies below v.
func below(sorted []float64, v float64) float64 {
	i, _ := slices.BinarySearch(sorted, v)
	return float64(i) / float64(len(sorted))
}
