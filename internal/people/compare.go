package people

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"vigil/vision"
)

const (
	// comparedPeople is how many of the people most like a face are told.
	comparedPeople = 5
	// comparers is how many pictures are looked at at once: cameras need the engine too.
	comparers = 2
	// NotCompared is the score of a picture that could not be compared, below that of any.
	NotCompared = -2
)

// Comparison asks whom the face of a photo is like, and which of some pictures show it. Both lie in the store.
type Comparison struct {
	Photo string   `json:"photo"`
	Among []string `json:"among"`
}

// Compared is the answer.
type Compared struct {
	Verdict   string            `json:"verdict"`   // why the photo could not be compared; empty when it was
	Threshold float64           `json:"threshold"` // cosine from which two faces are taken for one person's
	People    []vision.Likeness `json:"people"`    // the enrolled people most like it
	Scores    []float64         `json:"scores"`    // of Among, in order; NotCompared where there was no face
}

// Compare embeds the largest face of each picture, and keeps none of the embeddings: a stranger's face is remembered no
// longer than the pictures that were kept of it.
func (g *Gallery) Compare(ctx context.Context, c Comparison) (Compared, error) {
	answer := Compared{Threshold: g.Engine.Model().Threshold, Scores: make([]float64, len(c.Among))}
	data, err := g.Photos.Get(ctx, c.Photo)
	if err != nil {
		return answer, fmt.Errorf("photo: %w", err)
	}
	probe, err := g.face(c.Photo, data)
	if err != nil {
		return answer, err
	}
	if probe == nil {
		answer.Verdict = "no face found"
		return answer, nil
	}
	if gallery := g.Roster.Gallery(); gallery != nil {
		if answer.People, err = gallery.Ranking(probe, comparedPeople); err != nil {
			return answer, err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(comparers)
	for i, key := range c.Among {
		group.Go(func() error {
			answer.Scores[i] = NotCompared
			if ctx.Err() != nil {
				return ctx.Err()
			}
			data, err := g.Photos.Get(ctx, key)
			if err != nil {
				return nil //nolint:nilerr // deleted since, or the store is away: the score says that it was not compared
			}
			other, err := g.face(key, data)
			if err == nil && len(other) == len(probe) {
				answer.Scores[i] = probe.Dot(other)
			}
			return err
		})
	}
	return answer, group.Wait()
}

// face embeds the largest face of a picture, good or not; nil when there is none or the file is no picture.
func (g *Gallery) face(name string, data []byte) (vision.Embedding, error) {
	picture, err := g.Read(name, data)
	if err != nil {
		return nil, nil //nolint:nilerr // it is no picture, which shows no face
	}
	found, err := g.Engine.Detect(picture, nil)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	largest := found[0]
	for _, f := range found {
		if f.Box.W*f.Box.H > largest.Box.W*largest.Box.H {
			largest = f
		}
	}
	e, _, err := g.Engine.Embed(picture, largest)
	return e, err
}
