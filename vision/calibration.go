package vision

import "math"

// CalibrationPoint says how often a stranger's face reaches a cosine.
type CalibrationPoint struct {
	Rate   float64 `json:"rate"`   // false match rate: the part of comparisons of two people that reach Cosine
	Cosine float64 `json:"cosine"` // of a track's fused face with one template
}

// Calibration says which cosine keeps which false match rate, for one embedder. Points fall in rate and rise in
// cosine.
type Calibration struct {
	Points []CalibrationPoint `json:"points"`
	// Estimated says that nobody has measured the points: they follow from the model's threshold.
	Estimated bool `json:"estimated"`
}

// What is assumed of a model that brings no points. A threshold that is published for pairs stands where about one
// pair of different people in a thousand is taken for one person; from there the cosine rises by what MobileFaceNet's
// measured table shows for each factor of ten.
const (
	assumedRate   = 1e-3
	assumedDecade = 0.09
	assumedLowest = 1e-6
)

// Estimate is the calibration assumed of a model of which only the threshold is known.
func Estimate(threshold float64) Calibration {
	at := func(rate float64) CalibrationPoint {
		return CalibrationPoint{Rate: rate, Cosine: min(1, threshold+assumedDecade*math.Log10(assumedRate/rate))}
	}
	return Calibration{Points: []CalibrationPoint{at(0.1), at(assumedLowest)}, Estimated: true}
}

// Threshold is the cosine above which one stranger's track is accepted with the probability falseAccept by anybody of a
// gallery whose templates are comparisons many. Each comparison may err with the rate f for which
// falseAccept = 1 − (1 − f)^comparisons; between points the cosine follows the logarithm of the rate. Templates of one
// person err together, so that what is kept is at most the stated rate. The answer is never below the cosine of the
// first point and never above the last one's: beyond them nothing is known, and FalseAccept says what rate is kept.
func (c Calibration) Threshold(falseAccept float64, comparisons int) float64 {
	rate := -math.Expm1(math.Log1p(-falseAccept) / float64(max(comparisons, 1)))
	p := c.Points
	if rate >= p[0].Rate {
		return p[0].Cosine
	}
	for i := 1; i < len(p); i++ {
		if rate >= p[i].Rate {
			part := math.Log(rate/p[i-1].Rate) / math.Log(p[i].Rate/p[i-1].Rate)
			return p[i-1].Cosine + part*(p[i].Cosine-p[i-1].Cosine)
		}
	}
	return p[len(p)-1].Cosine
}

// FalseAccept is the inverse of Threshold: the probability that one stranger's track reaches the threshold with any of
// so many templates. Below the first point's cosine and above the last one's it is theirs.
func (c Calibration) FalseAccept(threshold float64, comparisons int) float64 {
	p := c.Points
	rate := p[len(p)-1].Rate
	for i := range p {
		if threshold > p[i].Cosine {
			continue
		}
		rate = p[i].Rate
		if i > 0 {
			part := (threshold - p[i-1].Cosine) / (p[i].Cosine - p[i-1].Cosine)
			rate = p[i-1].Rate * math.Pow(p[i].Rate/p[i-1].Rate, part)
		}
		break
	}
	return -math.Expm1(float64(comparisons) * math.Log1p(-rate))
}

// calibrated is the model's calibration, or the one assumed of its threshold.
func (m Model) calibrated() Calibration {
	if len(m.Calibration.Points) == 0 {
		return Estimate(m.Threshold)
	}
	return m.Calibration
}

// within is the model as it decides with that gallery.
func (m Model) within(g *Gallery) Model {
	if g.Templates() > 0 {
		m.Threshold = g.Threshold()
	}
	return m
}
