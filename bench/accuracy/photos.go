package main

import (
	"fmt"
	"slices"
)

// Pairs is the pair test: every two photos, of one person and of two.
type Pairs struct {
	Photos    int        `json:"photos"`
	NoFace    int        `json:"no_face"`
	Same      int        `json:"same"`
	Different int        `json:"different"`
	SameLow   [3]float64 `json:"same_least_5_median"`
	DiffHigh  [3]float64 `json:"different_median_99_most"`

	Threshold     float64 `json:"threshold"` // the shipped one
	Accuracy      float64 `json:"accuracy"`  // at it, both kinds counting half
	FalseReject   float64 `json:"false_reject"`
	FalseAccept   float64 `json:"false_accept"`
	EqualError    float64 `json:"equal_error"`
	EqualErrorsAt float64 `json:"equal_error_threshold"`
}

func (b *bench) pairs() (*Pairs, error) {
	p := &Pairs{}
	var same, different []float64
	for i, one := range b.people {
		p.Photos += len(one.photos)
		for k, x := range one.photos {
			if !x.found {
				p.NoFace++
				continue
			}
			for _, y := range one.photos[k+1:] {
				same = appendPair(same, x, y)
			}
			for _, other := range b.people[i+1:] {
				for _, y := range other.photos {
					different = appendPair(different, x, y)
				}
			}
		}
	}
	if len(same) == 0 || len(different) == 0 {
		return nil, fmt.Errorf("pair test: %d of %d photos have no face", p.NoFace, p.Photos)
	}
	slices.Sort(same)
	slices.Sort(different)
	p.Same, p.Different = len(same), len(different)
	p.SameLow = [3]float64{same[0], quantile(same, 0.05), quantile(same, 0.5)}
	p.DiffHigh = [3]float64{quantile(different, 0.5), quantile(different, 0.99), different[len(different)-1]}
	p.Threshold = b.engine.Model().Threshold
	p.FalseReject, p.FalseAccept = below(same, p.Threshold), 1-below(different, p.Threshold)
	p.Accuracy = 1 - (p.FalseReject+p.FalseAccept)/2
	p.EqualErrorsAt, p.EqualError = equalError(same, different)
	return p, nil
}

func appendPair(scores []float64, x, y photo) []float64 {
	if !y.found {
		return scores
	}
	return append(scores, x.e.Dot(y.e))
}

// Photos is open-set identification, photo by photo.
type Photos struct {
	Splits    int     `json:"splits"`
	Enrolled  int     `json:"enrolled"` // people in each
	Templates int     `json:"templates"`
	Offered   int     `json:"offered"` // photos for enrolment, over all splits
	Points    []Point `json:"points"`

	Threshold float64 `json:"threshold"` // that follows from what is stated
	Margin    float64 `json:"margin"`    // the shipped one
	FPIR      Rate    `json:"fpir"`
	FNIR      Rate    `json:"fnir"`
	Wrong     Rate    `json:"wrong_names"`
}

func (b *bench) photos() (*Photos, error) {
	r := &Photos{Splits: len(b.splits), Enrolled: len(b.people) / 2}
	var known, strangers []probe
	for _, s := range b.splits {
		g, err := b.enrol(s)
		if err != nil {
			return nil, err
		}
		r.Templates += g.Templates()
		r.Threshold = g.Threshold() // the same in all splits, as long as as many photos are used
		r.Offered += r.Enrolled * enrolPhotos
		for i, p := range b.people {
			for _, k := range s.probes(i) {
				found := probe{score: -2}
				if p.photos[k].found {
					m, err := g.Match(p.photos[k].e)
					if err != nil {
						return nil, err
					}
					found = probe{m.Score, m.Margin, m.Person == p.name}
				}
				if s.known[i] {
					known = append(known, found)
				} else {
					strangers = append(strangers, found)
				}
			}
		}
	}
	r.Points = detPoints(known, strangers, 0.001, 0.01, 0.03, 0.1)
	r.Margin = b.engine.Model().Margin
	named := func(p probe) bool { return p.score >= r.Threshold && p.margin >= r.Margin }
	distinct := len(b.people) * len(b.people[0].photos)
	r.FPIR = rateOf(count(strangers, named), len(strangers), distinct)
	r.FNIR = rateOf(count(known, func(p probe) bool { return !named(p) || !p.right }), len(known), distinct)
	r.Wrong = rateOf(count(known, func(p probe) bool { return named(p) && !p.right }), len(known), distinct)
	return r, nil
}
