package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"vigil/frames"
	"vigil/vision"
)

// camera says how the simulated camera sees somebody: their photos one after the other, each for some pictures.
type camera struct {
	photos int     // of each person
	steps  int     // pictures of each photo
	eyes   float64 // pixels between the eyes; 0: 32 to 48, from photo to photo
	blur   float64 // sigma in pixels; 0: 0.4 to 0.8
	motion int     // pixels that a face moves to the side while the shutter is open
	noise  float64 // sigma in shades
}

// The simulated camera's picture.
const (
	cameraWidth  = 640
	cameraHeight = 360
	cameraNoise  = 2.0 // shades: a room in the evening
)

// picture draws one picture. It follows from the photo and the step, not from the track, so that it is looked at once
// however many tracks it is part of.
func (c camera) picture(seed uint64, p photo, step int) vision.Picture {
	still := rand.New(rand.NewPCG(seed, uint64(number(p.file))))
	eyes, blur := 32+16*still.Float64(), 0.4+0.4*still.Float64()
	if c.eyes > 0 {
		eyes = c.eyes
	}
	if c.blur > 0 {
		blur = c.blur
	}
	x, y := cameraWidth/2+still.IntN(16)-8, cameraHeight/2+still.IntN(16)-8
	r := rand.New(rand.NewPCG(seed, uint64(number(p.file)*100+step)))
	face := p.grey.scaled(eyes * (1 + 0.02*float64(step)) / p.eyes).blurred(blur).moved(c.motion)
	face.noise(c.noise, r)
	canvas := newCanvas(cameraWidth, cameraHeight, p.grey.mean())
	canvas.paste(face, x+3*step, y+step)
	return canvas.picture()
}

// watch has the photos pass the camera and returns what the analysis says.
func (b *bench) watch(c camera, who int, photos []int, gallery *vision.Gallery) ([]*heard, error) {
	analysis, err := vision.NewAnalysis(vision.AnalysisConfig{
		Camera: "simulated", Engine: b.drawn, Gallery: func() *vision.Gallery { return gallery },
		Strangers: vision.NewStrangers(b.engine.Model(), 0),
	})
	if err != nil {
		return nil, err
	}
	var said ear
	shown := photos[:min(c.photos, len(photos))]
	for i := range len(shown) * c.steps {
		p := c.picture(b.seed+uint64(who)<<32, b.people[who].photos[shown[i/c.steps]], i%c.steps)
		p.PTS = int64(i) * frames.ClockRate / vision.DefaultFPS
		p.Time = time.Unix(0, 0).Add(frames.Duration(p.PTS))
		due, err := analysis.Picture("simulated", p)
		if err != nil {
			return nil, fmt.Errorf("picture %d of %s: %w", i, b.people[who].name, err)
		}
		said.take(due)
	}
	said.take(analysis.End())
	return said.tracks, nil
}

// Tracks is open-set identification, track by track.
type Tracks struct {
	Splits    int             `json:"splits"`
	Pictures  int             `json:"pictures"` // of each track
	Known     map[Verdict]int `json:"known"`    // people enrolled
	Strangers map[Verdict]int `json:"strangers"`
	Extra     int             `json:"extra"` // tracks beyond one for each appearance

	FPIR      Rate `json:"fpir"`      // strangers taken for somebody enrolled
	FNIR      Rate `json:"fnir"`      // people enrolled who were called unknown or somebody else, or not seen at all
	Undecided Rate `json:"undecided"` // of both, not counted in the others
}

// tracks has everybody of every split pass the camera.
func (b *bench) tracks(ctx context.Context, splits []split, c camera) (*Tracks, error) {
	galleries := make([]*vision.Gallery, len(splits))
	for i, s := range splits {
		g, err := b.enrol(s)
		if err != nil {
			return nil, err
		}
		galleries[i] = g
	}
	n := len(b.people)
	said := make([][]*heard, len(splits)*n)
	// Person by person, so that the pictures of one are drawn in one place.
	err := parallel(ctx, n, func(who int) (err error) {
		for i, s := range splits {
			if said[i*n+who], err = b.watch(c, who, s.probes(who), galleries[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	r := &Tracks{Splits: len(splits), Pictures: c.photos * c.steps, Known: map[Verdict]int{}, Strangers: map[Verdict]int{}}
	for i, s := range splits {
		for who, p := range b.people {
			tracks := said[i*n+who]
			r.Extra += max(0, len(tracks)-1)
			if s.known[who] {
				r.Known[judge(p.name, tracks)]++
			} else {
				r.Strangers[judge("", tracks)]++
			}
		}
	}
	r.rates(n)
	return r, nil
}

func (r *Tracks) rates(people int) {
	known, strangers := 0, 0
	for _, n := range r.Known {
		known += n
	}
	for _, n := range r.Strangers {
		strangers += n
	}
	r.FPIR = rateOf(r.Strangers[StrangerMissed], strangers, people)
	r.FNIR = rateOf(r.Known[CalledUnknown]+r.Known[WrongName]+r.Known[NotSeen], known, people)
	r.Undecided = rateOf(r.Known[NoAnswer]+r.Strangers[NoAnswer], known+strangers, people)
}

// Rung is a step of the ladder of degradation.
type Rung struct {
	Eyes float64 `json:"eyes"` // pixels between them
	Blur float64 `json:"blur"` // sigma in pixels

	// Motion is how far, in pixels, faces move to the side while the shutter is open.
	Motion int `json:"motion"`

	// Noise in shades, added behind the lens: it is as sharp as the sensor, however blurred the face is.
	Noise float64 `json:"noise"`
	*Tracks
}

// ladder has the people of one split pass ever farther away, and ever less sharp.
func (b *bench) ladder(ctx context.Context) ([]Rung, error) {
	var rungs []Rung
	for _, eyes := range []float64{48, 32, 24, 16, 12} {
		rungs = append(rungs, Rung{Eyes: eyes, Blur: 0.5, Noise: cameraNoise})
	}
	for _, noise := range []float64{5, 10} { // a room at night
		rungs = append(rungs, Rung{Eyes: 48, Blur: 0.5, Noise: noise})
	}
	for _, noise := range []float64{0, cameraNoise, 5, 10} {
		for _, blur := range []float64{2, 3, 4, 6} {
			rungs = append(rungs, Rung{Eyes: 48, Blur: blur, Noise: noise})
		}
	}
	for _, noise := range []float64{cameraNoise, 5} { // as blurred as by 4 pixels, with grains that are enlarged
		rungs = append(rungs, Rung{Eyes: 24, Blur: 2, Noise: noise})
	}
	for _, motion := range []int{6, 12, 18} {
		rungs = append(rungs, Rung{Eyes: 48, Blur: 0.5, Motion: motion, Noise: cameraNoise})
	}
	for i, rung := range rungs {
		c := camera{photos: 3, steps: 2, eyes: rung.Eyes, blur: rung.Blur, motion: rung.Motion, noise: rung.Noise}
		t, err := b.tracks(ctx, b.splits[:1], c)
		if err != nil {
			return nil, err
		}
		rungs[i].Tracks = t
	}
	return rungs, nil
}
