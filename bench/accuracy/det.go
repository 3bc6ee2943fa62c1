package main

import (
	"math"
	"slices"
)

// probe is what the gallery answers to one face.
type probe struct {
	score  float64 // to the nearest person; less than any cosine when no face was found
	margin float64
	right  bool // the nearest person is who it is
}

// Rate is a part of a whole, and where it lies with a confidence of 95 %. The splits share their people and photos, so
// the interval counts each photo, or person, once: however many splits there are, it gets no narrower.
type Rate struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Rate  float64 `json:"rate"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// rateOf counts; distinct is how many of them are not repetitions.
func rateOf(count, of, distinct int) Rate {
	r := Rate{Count: count, Of: of}
	if of > 0 {
		r.Rate = float64(count) / float64(of)
	}
	r.Low, r.High = wilson(r.Rate, min(of, distinct))
	return r
}

// Point is a point of the curve of detection error trade-offs: of strangers, FPIR are taken for somebody; of people who
// are enrolled, FNIR are not found or taken for somebody else (ISO/IEC 19795-1).
type Point struct {
	Allowed   float64 `json:"fpir_allowed"`
	FPIR      float64 `json:"fpir"`
	Threshold float64 `json:"threshold"`
	FNIR      float64 `json:"fnir"`
}

// detPoints finds, for each rate, the lowest threshold at which no larger part of the strangers is taken for somebody.
func detPoints(known, strangers []probe, rates ...float64) []Point {
	scores := make([]float64, len(strangers))
	for i, s := range strangers {
		scores[i] = s.score
	}
	slices.Sort(scores)
	slices.Reverse(scores)
	var points []Point
	for _, rate := range rates {
		threshold := math.Inf(-1)
		if allowed := int(rate * float64(len(scores))); allowed < len(scores) {
			threshold = math.Nextafter(scores[allowed], math.Inf(1))
		}
		points = append(points, Point{
			Allowed: rate, FPIR: share(strangers, func(p probe) bool { return p.score >= threshold }), Threshold: threshold,
			FNIR: share(known, func(p probe) bool { return p.score < threshold || !p.right }),
		})
	}
	return points
}

func share(probes []probe, holds func(probe) bool) float64 {
	return float64(count(probes, holds)) / float64(max(1, len(probes)))
}

func count(probes []probe, holds func(probe) bool) int {
	n := 0
	for _, p := range probes {
		if holds(p) {
			n++
		}
	}
	return n
}

// equalError is the threshold at which as large a part of one person's pairs lies below as of two persons' reaches it,
// and that part. Both lists are sorted.
func equalError(same, different []float64) (threshold, rate float64) {
	best := math.Inf(1)
	for _, t := range slices.Concat(same, different) {
		rejected, accepted := below(same, t), 1-below(different, t)
		if gap := math.Abs(rejected - accepted); gap < best {
			best, threshold, rate = gap, t, (rejected+accepted)/2
		}
	}
	return threshold, rate
}

// below is the part of sorted that lies below v.
func below(sorted []float64, v float64) float64 {
	i, _ := slices.BinarySearch(sorted, v)
	return float64(i) / float64(max(1, len(sorted)))
}

// quantile is the value below which the part q of sorted lies.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
