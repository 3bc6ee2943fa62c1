package vision

import (
	"fmt"
	"slices"
)

// Likeness is somebody enrolled, and the cosine of a face to the nearest of their templates.
type Likeness struct {
	Person string  `json:"person"`
	Score  float64 `json:"score"`
}

// Ranking returns the n people that the embedding is most like, the nearest first. The first two are those of Match, of
// which it is a slower form that tells more: it is for explaining a decision, not for making one.
func (g *Gallery) Ranking(e Embedding, n int) ([]Likeness, error) {
	if len(g.owner) == 0 {
		return nil, nil
	}
	if len(e) != g.size {
		return nil, fmt.Errorf("ranking: %w: got length %d, want %d", ErrTemplate, len(e), g.size)
	}
	best := make([]scored, 0, n+1)
	for row := 0; row < len(g.owner); {
		s := scored{g.owner[row], -2}
		for ; row < len(g.owner) && g.owner[row] == s.person; row++ {
			s.score = max(s.score, dot(g.rows[row*g.size:(row+1)*g.size], e))
		}
		at, _ := slices.BinarySearchFunc(best, s, func(b, s scored) int {
			if b.score >= s.score { // of equals the one enrolled first is nearer, as in Match
				return -1
			}
			return 1
		})
		if best = slices.Insert(best, at, s); len(best) > n {
			best = best[:n]
		}
	}
	list := make([]Likeness, len(best))
	for i, s := range best {
		list[i] = Likeness{Person: g.names[s.person], Score: float64(s.score)}
	}
	return list, nil
}
