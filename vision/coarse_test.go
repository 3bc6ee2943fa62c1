package vision

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// crowd is a gallery that is hard to search: templates that are the query's, nearly so, each other's, or opposite.
func crowd(t *rapid.T) (*Gallery, Embedding) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
	size := rapid.SampledFrom([]int{1, 2, 15, 16, 17, 33, 128, 512, 2124}).Draw(t, "size")
	spread := rapid.SampledFrom([]float32{0, 1e-7, 1e-4, 1e-2, 1, 100}).Draw(t, "spread")
	sign := rapid.SampledFrom([]float32{1, -1}).Draw(t, "sign")
	e := random(r, size)
	if rapid.Bool().Draw(t, "peaked") { // one number outweighs all others
		e[r.IntN(size)] = 50
		e.Normalize()
	}
	var people []Person
	for i := range rapid.IntRange(1, 60).Draw(t, "people") {
		p := Person{Name: strconv.Itoa(i)}
		for range r.IntN(7) {
			near := make(Embedding, size)
			for k := range near {
				near[k] = sign*e[k] + spread*float32(r.NormFloat64())
			}
			if prior := len(people); prior > 0 && r.IntN(3) == 0 && len(people[prior-1].Templates) > 0 {
				near = people[prior-1].Templates[0]
			}
			p.Templates = append(p.Templates, near)
		}
		people = append(people, p)
	}
	g, err := NewGallery(Model{ID: "m"}, 0, people)
	if err != nil {
		t.Skip(err) // a template that cancels itself out
	}
	return g, e
}

// Leaving rows out changes no bit of the answer.
func TestCoarseIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, e := crowd(t)
		if g.Templates() == 0 {
			return
		}
		got, want := newCoarse(g.rows, g.size).search(g, e), g.search(e)
		if got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

// What is out of the ordinary is compared as ever: an error, or the same answer.
func TestCoarseOddities(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	people := []Person{{"tiny", []Embedding{slices.Repeat(Embedding{1e-40}, 20)}}}
	for i := range 200 {
		people = append(people, Person{strconv.Itoa(i), []Embedding{random(r, 20)}})
	}
	g, err := NewGallery(Model{ID: "m"}, 0, people)
	if err != nil {
		t.Fatal(err)
	}
	if g.coarse == nil {
		t.Fatal("a large gallery has no coarse rows")
	}
	for name, v := range map[string]float32{
		"zero": 0, "denormal": 1e-45, "small": 1e-20, "large": 1e20, "largest": math.MaxFloat32,
		"infinite": float32(math.Inf(1)), "not a number": float32(math.NaN()),
	} {
		e := slices.Repeat(Embedding{v, -v}, 10)
		got, want := g.coarse.search(g, e), g.search(e)
		if got.first.person != want.first.person || got.second != want.second {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if _, err := g.Match(e); (err != nil) != (want.first.person < 0) {
			t.Errorf("%s: got error %v for %+v", name, err, want)
		}
	}
}

// Both ways give the same sums, the largest that there can be among them.
func TestDots(t *testing.T) {
	for _, size := range []int{16, 128, 512, 2128, coarseLongest} {
		limit := coarseLimit(size)
		r := rand.New(rand.NewPCG(uint64(size), 1))
		query := make([]int16, size)
		rows := make([]int8, 8*size)
		for i := range query {
			query[i] = int16(r.Int32N(2*limit+1) - limit)
		}
		for i := range rows {
			rows[i] = int8(r.IntN(2*coarseMax+1) - coarseMax)
		}
		agree(t, rows, query)
		for i := range query {
			query[i] = int16(limit)
		}
		for i := range rows {
			if rows[i] = coarseMax; i >= len(rows)/2 {
				rows[i] = -coarseMax
			}
		}
		agree(t, rows, query)
		var sum int64
		for range size {
			sum += int64(limit) * coarseMax
		}
		if sum > math.MaxInt32 {
			t.Errorf("size %d: a sum may be %d, which 32 bits do not hold", size, sum)
		}
	}
}

func agree(t *testing.T, rows []int8, query []int16) {
	t.Helper()
	n := len(rows) / len(query)
	got, want := make([]int32, n), make([]int32, n)
	dots(got, rows, query)
	dotsGo(want, rows, query)
	if !slices.Equal(got, want) {
		t.Errorf("size %d: got %v, want %v", len(query), got, want)
	}
}

func BenchmarkMatch(b *testing.B) {
	for _, size := range []int{128, 512} {
		for _, templates := range []int{1, 10, 50, 100, 200, 1_000, 10_000, 100_000} {
			b.Run(strconv.Itoa(size)+"d/"+strconv.Itoa(templates), func(b *testing.B) {
				g, e := household(b, templates, size)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := g.Match(e); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// household enrols people with five templates each, which are as alike as photos of one person are, and looks for one
// of them.
func household(tb testing.TB, templates, size int) (*Gallery, Embedding) {
	r := rand.New(rand.NewPCG(1, 2))
	var people []Person
	var e Embedding
	for n := 0; n < templates; n += 5 {
		centre := random(r, size)
		p := Person{Name: strconv.Itoa(n)}
		for range min(5, templates-n) {
			p.Templates = append(p.Templates, alike(r, centre))
		}
		if n <= templates/2 {
			e = alike(r, centre)
		}
		people = append(people, p)
	}
	g, err := NewGallery(Model{ID: "m"}, 0, people)
	if err != nil {
		tb.Fatal(err)
	}
	return g, e
}

// alike is at a cosine of about 0.8 from centre.
func alike(r *rand.Rand, centre Embedding) Embedding {
	e := random(r, len(centre))
	for i := range e {
		e[i] = 0.75*e[i] + centre[i]
	}
	return e.Normalize()
}
