package vision

import (
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// Limits of evidence, so that it stays small whoever is enrolled: below 8 KiB as JSON.
const (
	evidencePeople = 5  // for each face
	evidenceName   = 40 // bytes of a person's name
)

// Evidence is why a track was decided so: all that the decision was made of but the picture and the template. It is
// of the moment of its sighting.
type Evidence struct {
	Gate   Gate   `json:"gate"`   // the condition that the faces came down to
	Reason string `json:"reason"` // the same, for people
	// Held says that the track keeps an answer that it had, though the faces by now say what Gate does.
	Held bool `json:"held,omitempty"`

	Model     string  `json:"model"`
	Threshold float64 `json:"threshold"` // that was in force
	Margin    float64 `json:"margin"`
	Enrolled  int     `json:"enrolled"` // people in the gallery
	Config    string  `json:"config"`   // hash of the configuration that decided; see AnalysisConfig

	Fused []Likeness     `json:"fused"` // whom the weighed faces together look like
	Shots []ShotEvidence `json:"shots"` // in order of time
}

// ShotEvidence is one face of a track.
type ShotEvidence struct {
	Time    time.Time  `json:"time"` // capture time
	Quality Quality    `json:"quality"`
	Limit   string     `json:"limit,omitempty"` // the limit that refused it, as Limits calls it; empty for a good one
	Weight  float64    `json:"weight"`          // its part in the fused face, 0 to 1
	Scores  []Likeness `json:"scores"`          // whom it looks like by itself; empty where it was not compared
}

// refuse notes a face that is not usable. It keeps the best maxShots of them, the best first.
func (s *subject) refuse(at time.Time, q Quality, limit string) {
	better := func(r ShotEvidence) bool { return r.Quality.Score < q.Score }
	place := slices.IndexFunc(s.refused, better)
	if place < 0 {
		place = len(s.refused)
	}
	s.refused = slices.Insert(s.refused, place, ShotEvidence{Time: at, Quality: q, Limit: limit, Scores: []Likeness{}})
	s.refused = s.refused[:min(len(s.refused), maxShots)]
}

// evidence is that of what was judged last.
func (s *subject) evidence() *Evidence {
	e := &Evidence{
		Gate: s.latest.Gate, Reason: s.latest.Reason,
		Held:  s.latest.Outcome != s.decision.Outcome || s.latest.Person != s.decision.Person,
		Model: s.model.ID, Threshold: rounded(s.model.Threshold), Margin: rounded(s.model.Margin), Config: s.config,
		Fused: []Likeness{}, Shots: []ShotEvidence{},
	}
	if s.judged == nil {
		return e // no face could be embedded
	}
	e.Enrolled = len(s.judged.names)
	e.Fused = ranked(s.judged, s.fused)
	chosen := weighed(s.shots, s.model.Threshold*foreignPart)
	sum := 0.0
	for _, c := range chosen {
		sum += c.quality.Score
	}
	for _, t := range s.shots {
		limit, _ := s.limits.refusal(t.quality)
		told := ShotEvidence{Time: t.time, Quality: t.quality.rounded(), Limit: limit, Scores: ranked(s.judged, t.e)}
		if slices.ContainsFunc(chosen, func(c shot) bool { return c.pts == t.pts }) {
			told.Weight = rounded(t.quality.Score / sum)
		}
		e.Shots = append(e.Shots, told)
	}
	for _, r := range s.refused[:min(len(s.refused), maxShots-len(s.shots))] {
		r.Quality = r.Quality.rounded()
		e.Shots = append(e.Shots, r)
	}
	slices.SortFunc(e.Shots, func(a, b ShotEvidence) int { return a.Time.Compare(b.Time) })
	return e
}

// ranked never fails for what could be judged.
func ranked(g *Gallery, e Embedding) []Likeness {
	list, _ := g.Ranking(e, evidencePeople)
	for i := range list {
		list[i] = Likeness{Person: shortened(list[i].Person), Score: rounded(list[i].Score)}
	}
	return append([]Likeness{}, list...)
}

// shortened cuts a long name between two characters.
func shortened(name string) string {
	if len(name) <= evidenceName {
		return name
	}
	end := evidenceName
	for end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "…"
}

// rounded keeps what can be read of a number.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }

func (q Quality) rounded() Quality {
	for _, v := range []*float64{
		&q.EyeDistance, &q.Sharpness, &q.Yaw, &q.Pitch, &q.Roll, &q.Light, &q.Inside, &q.Detector, &q.Score,
	} {
		*v = rounded(*v)
	}
	return q
}
