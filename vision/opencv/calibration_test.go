//go:build !nocv

package opencv

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"vigil/vision"
)

// sitter is one photo as the engine sees it.
type sitter struct {
	e vision.Embedding
	q vision.Quality
}

// sitters are the people of ORL and of the portraits: 26 people, 244 photos.
func sitters(t *testing.T, e vision.Engine) (people [][]sitter) {
	t.Helper()
	dir := env(t, "VIGIL_FACES_DIR")
	for _, set := range []string{"orl", "portraits"} {
		folders, err := filepath.Glob(filepath.Join(dir, set, "*"))
		if err != nil || len(folders) == 0 {
			t.Fatalf("%s: got %d people, %v", set, len(folders), err)
		}
		for _, folder := range folders {
			files, err := filepath.Glob(filepath.Join(folder, "*"))
			if err != nil {
				t.Fatal(err)
			}
			var photos []sitter
			for _, file := range files {
				if s, ok := sit(t, e, file); ok {
					photos = append(photos, s)
				}
			}
			people = append(people, photos)
		}
	}
	return people
}

func sit(t *testing.T, e vision.Engine, file string) (s sitter, ok bool) {
	t.Helper()
	p, err := readPicture(file)
	if err != nil {
		t.Fatal(err)
	}
	faces, err := e.Detect(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(faces) == 0 {
		return s, false
	}
	if s.e, s.q, err = e.Embed(p, faces[0]); err != nil {
		t.Fatal(err)
	}
	return s, true
}

// fused is what a track of these photos is compared by: the mean weighted by quality.
func fused(photos []sitter) vision.Embedding {
	mean := make(vision.Embedding, len(photos[0].e))
	for _, s := range photos {
		for i, v := range s.e {
			mean[i] += v * float32(s.q.Score)
		}
	}
	return mean.Normalize()
}

const (
	trackShots   = 4 // photos of a simulated track
	trackSamples = 20
	// tail is the part of the highest scores that is fitted: 2 %.
	tail = 0.02
)

// tracksOf draws simulated tracks of the person.
func tracksOf(photos []sitter, r *rand.Rand) (tracks []vision.Embedding) {
	for range trackSamples {
		var shots []sitter
		for _, i := range r.Perm(len(photos))[:min(trackShots, len(photos))] {
			shots = append(shots, photos[i])
		}
		tracks = append(tracks, fused(shots))
	}
	return tracks
}

// impostors are the scores of each person's tracks with each photo of others, for each pair of people.
func impostors(people [][]sitter, r *rand.Rand) [][][]float64 {
	scores := make([][][]float64, len(people))
	for a, photos := range people {
		scores[a] = make([][]float64, len(people))
		for _, track := range tracksOf(photos, r) {
			for b, others := range people {
				for _, other := range others {
					if a != b {
						scores[a][b] = append(scores[a][b], track.Dot(other.e))
					}
				}
			}
		}
	}
	return scores
}

// pool sorts the scores of these people; somebody who is drawn twice is not compared with themselves.
func pool(scores [][][]float64, who []int) (all []float64) {
	for _, a := range who {
		for _, b := range who {
			all = append(all, scores[a][b]...)
		}
	}
	slices.Sort(all)
	return all
}

func quantile(sorted []float64, rate float64) float64 {
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*(1-rate)))]
}

// extrapolated is the cosine at a rate below tail: above a high value the excess falls off exponentially (J. Pickands,
// "Statistical inference using extreme order statistics", 1975, with shape 0). Cosines end at 1 and fall off faster, so
// that it errs towards a threshold that is too high.
func extrapolated(sorted []float64, rate float64) float64 {
	from := quantile(sorted, tail)
	sum, n := 0.0, 0
	for _, v := range sorted[int(float64(len(sorted))*(1-tail)):] {
		sum, n = sum+v-from, n+1
	}
	return from + sum/float64(n)*math.Log(tail/rate)
}

// TestCalibration measures what the engines' tables say: quantiles of the scores of different people down to about one
// in the number of pairs of people, the exponential tail below, and how far both wander when other people are drawn
// (90 % of 200 bootstraps over people, B. Efron 1979).
func TestCalibration(t *testing.T) {
	if testing.Short() {
		t.Skip("looks at 244 pictures")
	}
	for _, engine := range []string{EngineDeep, EngineClassic} {
		t.Run(engine, func(t *testing.T) {
			e := open(t, engine)
			people := sitters(t, e)
			r := rand.New(rand.NewPCG(1, 2))
			scores := impostors(people, r)
			all := make([]int, len(people))
			for i := range all {
				all[i] = i
			}
			sorted := pool(scores, all)
			measure := func(sorted []float64, rate float64) float64 {
				if rate < 0.003 {
					return extrapolated(sorted, rate)
				}
				return quantile(sorted, rate)
			}
			draws := make([][]float64, 200)
			for i := range draws {
				who := make([]int, len(people))
				for k := range who {
					who[k] = r.IntN(len(people))
				}
				draws[i] = pool(scores, who)
			}
			table := e.Model().Calibration
			for _, rate := range []float64{0.1, 0.03, 0.01, 0.003, 1e-3, 1e-4, 1e-5, 1e-6} {
				var spread []float64
				for _, d := range draws {
					spread = append(spread, measure(d, rate))
				}
				slices.Sort(spread)
				got, says := measure(sorted, rate), table.Threshold(rate, 1)
				t.Logf("%g: measured %.3f (%.3f to %.3f), the table says %.3f", rate, got, spread[9], spread[190], says)
				last := table.Points[len(table.Points)-1].Rate
				if rate >= last && math.Abs(got-says) > 0.015 {
					t.Errorf("%g: got %.3f, the table says %.3f", rate, got, says)
				}
			}
		})
	}
}

// TestStatedRate enrols twelve people of ORL with five photos each and looks at their other five and at ten of each of
// the twelve who are strangers, at the default of people.false_accept.
func TestStatedRate(t *testing.T) {
	if testing.Short() {
		t.Skip("looks at 244 pictures")
	}
	for _, engine := range []string{EngineDeep, EngineClassic} {
		t.Run(engine, func(t *testing.T) {
			e := open(t, engine)
			people := sitters(t, e)[:24]
			var enrolled []vision.Person
			for i, photos := range people[:12] {
				p := vision.Person{Name: string(rune('a' + i))}
				for _, s := range photos[:5] {
					p.Templates = append(p.Templates, s.e)
				}
				enrolled = append(enrolled, p)
			}
			g, err := vision.NewGallery(e.Model(), 0.003, enrolled)
			if err != nil {
				t.Fatal(err)
			}
			photos, tracks := tally{}, tally{}
			r := rand.New(rand.NewPCG(3, 4))
			for i, p := range people {
				name := ""
				if i < 12 {
					name, p = enrolled[i].Name, p[5:]
				}
				for _, s := range p {
					photos.add(t, g, s.e, name)
				}
				for _, track := range tracksOf(p, r) {
					tracks.add(t, g, track, name)
				}
			}
			c := e.Model().Calibration
			t.Logf("threshold %.3f of %d templates, for which %.4f is expected; per photo %s; per track %s", g.Threshold(), g.Templates(),
				c.FalseAccept(g.Threshold(), g.Templates()), photos, tracks)
			if engine == EngineDeep && (tracks.accepted > 0 || tracks.missed > 0 || tracks.wrong > 0) {
				t.Errorf("got %s per track, want neither", tracks)
			}
		})
	}
}

// tally counts identifications: strangers accepted (FPIR), known people not accepted or under another's name (FNIR).
type tally struct{ strangers, accepted, known, missed, wrong int }

func (y *tally) add(t *testing.T, g *vision.Gallery, e vision.Embedding, name string) {
	t.Helper()
	m, err := g.Match(e)
	if err != nil {
		t.Fatal(err)
	}
	accepted := m.Score >= g.Threshold()
	switch {
	case name == "":
		y.strangers++
		if accepted {
			y.accepted++
		}
		return
	case !accepted:
		y.missed++
	case m.Person != name:
		y.wrong++
	}
	y.known++
}

func (y tally) String() string {
	return fmt.Sprintf("FPIR %d of %d (%.4f), FNIR %d of %d (%.4f), wrong name %d", y.accepted, y.strangers,
		float64(y.accepted)/float64(y.strangers), y.missed, y.known, float64(y.missed)/float64(y.known), y.wrong)
}
