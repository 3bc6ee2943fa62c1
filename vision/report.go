package vision

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// mostAlike is how many pairs of people a report names.
const mostAlike = 10

// Report says how well a gallery keeps its people apart, and strangers out. It holds names and numbers, no template.
type Report struct {
	Model     string  `json:"model"`
	Estimated bool    `json:"estimated"` // the model's calibration was not measured
	People    int     `json:"people"`
	Templates int     `json:"templates"`
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

// Report compares every template with every other one. It ends with ctx.
func (g *Gallery) Report(ctx context.Context) (Report, error) {
	c := g.model.calibrated()
	r := Report{
		Model: g.model.ID, Estimated: c.Estimated, People: len(g.names), Templates: g.Templates(),
		Stated: g.falseAccept, Threshold: g.threshold, Margin: g.model.Margin,
	}
	r.Expected = c.FalseAccept(g.threshold, g.Templates())
	same, other := make([]float64, g.Templates()), make([]float64, g.Templates())
	for i := range same {
		same[i], other[i] = -2, -2
	}
	pairs := map[[2]int32]float64{}
	for i, a := range g.owner {
		if ctx.Err() != nil {
			return Report{}, fmt.Errorf("report on the gallery: %w", ctx.Err())
		}
		for j, b := range g.owner[:i] {
			score := float64(dot(g.row(i), g.row(j)))
			best := other
			if a == b {
				best = same
			} else if before, ok := pairs[[2]int32{b, a}]; !ok || score > before {
				pairs[[2]int32{b, a}] = score
			}
			best[i], best[j] = max(best[i], score), max(best[j], score)
		}
	}
	r.FalseAccepts = observe(other, func(score float64) bool { return score >= g.threshold })
	r.FalseAlarms = observe(same, func(score float64) bool { return score < g.threshold })
	r.Single = g.single()
	r.Alike = g.alike(pairs)
	return r, nil
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

func (g *Gallery) single() []string {
	count := make([]int, len(g.names))
	for _, person := range g.owner {
		count[person]++
	}
	names := []string{}
	for person, n := range count {
		if n == 1 {
			names = append(names, g.names[person])
		}
	}
	return names
}

func (g *Gallery) alike(pairs map[[2]int32]float64) []Alike {
	all := make([]Alike, 0, len(pairs))
	for pair, score := range pairs {
		all = append(all, Alike{A: g.names[pair[0]], B: g.names[pair[1]], Score: score})
	}
	slices.SortFunc(all, func(a, b Alike) int {
		switch {
		case a.Score != b.Score && a.Score > b.Score:
			return -1
		case a.Score != b.Score:
			return 1
		}
		return slices.Compare([]string{a.A, a.B}, []string{b.A, b.B})
	})
	all = all[:min(len(all), mostAlike)]
	for i := range all {
		switch d := all[i].Score - g.threshold; {
		case d >= 0:
			all[i].Remark = "may be taken for each other"
		case d >= -g.model.Margin:
			all[i].Remark = "close to the threshold"
		}
	}
	return all
}
