package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Figure is one thing that was measured.
type Figure struct {
	Part    string    `json:"part"`
	What    string    `json:"what"`
	Unit    string    `json:"unit,omitempty"` // empty for a ratio
	Samples []float64 `json:"samples"`        // never empty
	Median  float64   `json:"median"`
	Mark    *Mark     `json:"mark,omitempty"`
	Met     *bool     `json:"met,omitempty"` // whether the median meets the mark
	Note    string    `json:"note,omitempty"`
}

// Mark is what a figure ought to be.
type Mark struct {
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least"` // else at most
}

// atMost and atLeast are the two kinds of mark.
func atMost(limit float64) *Mark  { return &Mark{Limit: limit} }
func atLeast(limit float64) *Mark { return &Mark{Limit: limit, AtLeast: true} }

func (m Mark) met(v float64) bool {
	if m.AtLeast {
		return v >= m.Limit
	}
	return v <= m.Limit
}

func (m Mark) String() string {
	if m.AtLeast {
		return "≥ " + number(m.Limit)
	}
	return "≤ " + number(m.Limit)
}

func figure(part, what, unit string, mark *Mark, samples ...float64) Figure {
	f := Figure{Part: part, What: what, Unit: unit, Samples: samples, Median: percentile(samples, 50), Mark: mark}
	if mark != nil {
		met := mark.met(f.Median)
		f.Met = &met
	}
	return f
}

// row is the figure as a row of a table in Markdown.
func (f Figure) row() string {
	unit, spread, mark, met := "", "", "", ""
	if f.Unit != "" {
		unit = " " + f.Unit
	}
	if len(f.Samples) > 1 {
		spread = fmt.Sprintf("%s to %s (%d)", number(slices.Min(f.Samples)), number(slices.Max(f.Samples)), len(f.Samples))
	}
	if f.Mark != nil {
		mark, met = f.Mark.String()+unit, "**not met**"
		if *f.Met {
			met = "met"
		}
	}
	return fmt.Sprintf("| %s | %s%s | %s | %s | %s | %s |", f.What, number(f.Median), unit, spread, mark, met, f.Note)
}

// number prints three figures that count.
func number(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Sprint(v)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	s := fmt.Sprintf("%.*f", digits, v)
	if digits > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// percentile is the value below which p percent of the samples lie, between two of them in proportion.
func percentile(samples []float64, p float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(samples))
	at := p / 100 * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// ratios divides sample by sample: both were measured in turn, so that each pair saw the same machine.
func ratios(a, b []float64) []float64 {
	out := make([]float64, min(len(a), len(b)))
	for i := range out {
		out[i] = a[i] / b[i]
	}
	return out
}

// line is the straight line through points in the sense of least squares, and how far the farthest point is from it as
// a part of what the line has there.
type line struct{ slope, start, farthest float64 }

func fit(x, y []float64) line {
	var mx, my, xx, xy float64
	n := float64(len(x))
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	l := line{slope: xy / xx}
	l.start = my - l.slope*mx
	for i := range x {
		at := l.start + l.slope*x[i]
		l.farthest = max(l.farthest, math.Abs(y[i]-at)/math.Abs(at))
	}
	return l
}
