package vision

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Limits of a report.
const (
	// mostAlike is how many pairs of people it names.
	mostAlike = 10
	// mostOutliers is how many templates it names.
	mostOutliers = 50
	// mostProducts bounds its work, in products of two numbers: some five seconds of one busy core. It grows with the square
	// of the templates, and is enough for 7,900 of 128 numbers.
	mostProducts = 4e9
)

// Report says how well a gallery keeps its people apart, and strangers out. It holds names and numbers, no template.
type Report struct {
	Model     string  `json:"model"`
	Estimated bool    `json:"estimated"` // the model's calibration was not measured
	People    int     `json:"people"`
	Templates int     `json:"templates"`
	Compared  int     `json:"compared"`  // templates that were compared with each other; fewer than Templates: of a part of the people
	Stated    float64 `json:"stated"`    // false accepts as stated; 0: none are, and the threshold is the model's own
	Expected  float64 `json:"expected"`  // false accepts that the threshold keeps; above Stated where the calibration ends
	Threshold float64 `json:"threshold"` // cosine
	Margin    float64 `json:"margin"`    // cosine

	// FalseAccepts counts templates that reach the threshold with somebody else's.
	FalseAccepts Observed `json:"false_accepts"`
	// FalseAlarms counts templates that do not reach the threshold with any other one of the same person.
	FalseAlarms Observed `json:"false_alarms"`
	// Single are the people of one template, about whom FalseAlarms says nothing.
	Single []string `json:"single"`
	// Alike are the people who are most alike, at most ten pairs, the most alike first.
	Alike []Alike `json:"alike"`
	// Outliers are templates that do not reach the threshold with any other one of the same person, at most fifty.
	Outliers []Outlier `json:"outliers"`
}

// Outlier is a template that is not like the person's other ones.
type Outlier struct {
	Person string  `json:"person"`
	Photo  int     `json:"photo"` // which of the person's templates, from 0
	Score  float64 `json:"score"` // the highest cosine with another one
}

// Observed is a rate that was counted, with its 95 % confidence interval. The interval takes trials for independent,
// which photos of one person are not: the truth is wider.
type Observed struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Rate  float64 `json:"rate"` // 0 when nothing was tried
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Alike is a pair of people and the cosine of their two most similar templates.
type Alike struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	Score  float64 `json:"score"`
	Remark string  `json:"remark,omitempty"` // empty: they are well apart
}

// Report compares every template with every other one; in a large gallery those of a part of the people, evenly taken
// from all. It ends with ctx.
func (g *Gallery) Report(ctx context.Context) (Report, error) {
	return g.report(ctx, int(math.Sqrt(2*mostProducts/float64(max(g.size, 1)))))
}

// report compares about so many templates at most.
func (g *Gallery) report(ctx context.Context, most int) (Report, error) {
	c := g.model.calibrated()
	r := Report{
		Model: g.model.ID, Estimated: c.Estimated, People: len(g.names), Templates: g.Templates(),
		Stated: g.falseAccept, Threshold: g.threshold, Margin: g.model.Margin, Single: []string{}, Alike: []Alike{}, Outliers: []Outlier{},
	}
	r.Expected = c.FalseAccept(g.threshold, g.Templates())
	compared := g.ranges(most)
	same, other := uncompared(g.Templates()), uncompared(g.Templates())
	for i, a := range compared {
		if ctx.Err() != nil {
			return Report{}, fmt.Errorf("report on the gallery: %w", ctx.Err())
		}
		r.Compared += a.to - a.from
		g.compareWithin(a, same)
		for _, b := range compared[:i] {
			r.Alike = rankPair(r.Alike, Alike{A: g.names[b.person], B: g.names[a.person], Score: g.compare(a, b, other)})
		}
	}
	r.FalseAccepts = observe(other, func(score float64) bool { return score >= g.threshold })
	r.FalseAlarms = observe(same, func(score float64) bool { return score < g.threshold })
	for _, a := range compared {
		r.Outliers = append(r.Outliers, g.outliers(a, same)...)
	}
	r.Outliers = r.Outliers[:min(len(r.Outliers), mostOutliers)]
	for _, a := range g.ranges(g.Templates()) {
		if a.to-a.from == 1 {
			r.Single = append(r.Single, g.names[a.person])
		}
	}
	for i := range r.Alike {
		r.Alike[i].Remark = g.remark(r.Alike[i].Score)
	}
	return r, nil
}

// outliers are those of a person's templates, which have these scores with the others.
func (g *Gallery) outliers(a owned, best []float64) (found []Outlier) {
	for i := a.from; i < a.to && a.to-a.from > 1; i++ {
		if best[i] < g.threshold {
			found = append(found, Outlier{Person: g.names[a.person], Photo: i - a.from, Score: best[i]})
		}
	}
	return found
}

// owned is where a person's templates lie among the rows: a person's are next to each other.
type owned struct {
	person   int32
	from, to int
}

// ranges are everybody with templates, or, when these are more than most, every second, third and so on.
func (g *Gallery) ranges(most int) []owned {
	step := max(1, (g.Templates()+most-1)/max(most, 1))
	var all []owned
	n := 0
	for from := 0; from < len(g.owner); n++ {
		s := owned{g.owner[from], from, from + 1}
		for s.to < len(g.owner) && g.owner[s.to] == s.person {
			s.to++
		}
		if n%step == 0 {
			all = append(all, s)
		}
		from = s.to
	}
	return all
}

// uncompared are scores of templates that nothing was compared with.
func uncompared(n int) []float64 {
	scores := make([]float64, n)
	for i := range scores {
		scores[i] = -2
	}
	return scores
}

// compareWithin notes for each of a person's templates the highest cosine with another one of theirs.
func (g *Gallery) compareWithin(a owned, best []float64) {
	for i := a.from; i < a.to; i++ {
		for j := a.from; j < i; j++ {
			score := float64(dot(g.row(i), g.row(j)))
			best[i], best[j] = max(best[i], score), max(best[j], score)
		}
	}
}

// compare notes for each template of two people the highest cosine with one of the other's, and returns the highest.
func (g *Gallery) compare(a, b owned, best []float64) float64 {
	most := -1.0
	for i := a.from; i < a.to; i++ {
		for j := b.from; j < b.to; j++ {
			score := float64(dot(g.row(i), g.row(j)))
			best[i], best[j], most = max(best[i], score), max(best[j], score), max(most, score)
		}
	}
	return most
}

func (g *Gallery) row(i int) []float32 { return g.rows[i*g.size : (i+1)*g.size] }

// observe counts the scores that are wrong; below −1 there was nothing to compare with.
func observe(scores []float64, wrong func(float64) bool) (o Observed) {
	for _, score := range scores {
		if score < -1.5 {
			continue
		}
		o.Of++
		if wrong(score) {
			o.Count++
		}
	}
	if o.Of > 0 {
		o.Rate = float64(o.Count) / float64(o.Of)
		o.Low, o.High = wilson(o.Count, o.Of)
	}
	return o
}

// wilson is the 95 % score interval of count out of n (E. B. Wilson, "Probable inference, the law of succession, and
// statistical inference", Journal of the American Statistical Association 22, 1927).
func wilson(count, n int) (low, high float64) {
	const z = 1.959964
	p, m := float64(count)/float64(n), float64(n)
	centre := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	scale := 1 + z*z/m
	return max(0, (centre-half)/scale), min(1, (centre+half)/scale)
}

// rankPair puts a pair among the most alike, the most alike first, if it belongs there.
func rankPair(all []Alike, pair Alike) []Alike {
	if len(all) == mostAlike && pair.Score < all[mostAlike-1].Score {
		return all
	}
	at, _ := slices.BinarySearchFunc(all, pair, func(a, b Alike) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B))
	})
	all = slices.Insert(all, at, pair)
	return all[:min(len(all), mostAlike)]
}

func (g *Gallery) remark(score float64) string {
	switch d := score - g.threshold; {
	case d >= 0:
		return "may be taken for each other"
	case d >= -g.model.Margin:
		return "close to the threshold"
	}
	return ""
}
