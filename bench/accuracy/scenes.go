package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigil/clips/mp4"
	"vigil/frames"
	"vigil/internal/app"
	"vigil/vision"
)

// Scene is one scene with some of its people enrolled.
type Scene struct {
	File     string          `json:"file"`
	Enrolled []string        `json:"enrolled"`
	Passes   []Pass          `json:"passes"`
	Extra    map[Verdict]int `json:"extra"` // tracks beyond one for each pass
	Merged   int             `json:"merged"`
}

// Pass is what was said of somebody's way through a scene.
type Pass struct {
	Person  string  `json:"person"`
	Known   bool    `json:"known"`
	Enter   float64 `json:"enter"`
	Leave   float64 `json:"leave"`
	Start   float64 `json:"start"` // of the track
	End     float64 `json:"end"`
	Verdict Verdict `json:"verdict"`
	Said    string  `json:"said"` // the person or the stranger
}

// scenes looks at every scene twice: half of the people are enrolled, then the other half.
func (b *bench) scenes(ctx context.Context) ([]Scene, error) {
	files, err := filepath.Glob(filepath.Join(b.video, "*.mp4"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("scenes: %s holds no *.mp4: %w", b.video, errors.Join(err, os.ErrNotExist))
	}
	slices.Sort(files)
	scenes := make([]Scene, 2*len(files))
	err = parallel(ctx, len(scenes), func(i int) (err error) {
		scenes[i], err = b.scene(ctx, files[i/2], i%2)
		return err
	})
	return scenes, err
}

// scene enrols every second person, beginning with the one of that number.
func (b *bench) scene(ctx context.Context, file string, first int) (Scene, error) {
	s := Scene{File: filepath.Base(file)}
	t, err := readTruth(strings.TrimSuffix(file, ".mp4") + ".truth.json")
	if err != nil {
		return s, err
	}
	var everybody []enrolled
	for i, name := range t.cast() {
		if i%2 == first {
			files, err := b.photosOf(name)
			if err != nil {
				return s, err
			}
			everybody = append(everybody, enrolled{name, files})
			s.Enrolled = append(s.Enrolled, name)
		}
	}
	gallery, err := b.gallery(everybody)
	if err != nil {
		return s, fmt.Errorf("scene %s: %w", s.File, err)
	}
	tracks, err := analyse(ctx, file, b.engine, gallery)
	if err != nil {
		return s, fmt.Errorf("scene %s: %w", s.File, err)
	}
	s.compare(t, tracks)
	return s, nil
}

// photosOf finds photos of somebody in a scene: five of the ORL people, who are shown with all ten, or the portraits.
func (b *bench) photosOf(name string) ([]string, error) {
	if orl, ok := strings.CutPrefix(name, "orl-"); ok {
		for _, p := range b.people {
			if p.name == orl {
				var files []string
				for _, photo := range p.photos[:enrolPhotos] {
					files = append(files, photo.file)
				}
				return files, nil
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(b.faces, "portraits", name, "*"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no photo of %s in %s: %w", name, b.faces, errors.Join(err, os.ErrNotExist))
	}
	return files, nil
}

// compare fills s in.
func (s *Scene) compare(t truth, tracks []*heard) {
	known := func(name string) bool { return slices.Contains(s.Enrolled, name) }
	of, extra := assign(t.Passes, tracks)
	strangers := map[string]map[string]bool{} // who was told of by each name
	for i, p := range t.Passes {
		r := Pass{Person: p.Person, Known: known(p.Person), Enter: p.Enter, Leave: p.Leave, Verdict: NotSeen}
		name := ""
		if r.Known {
			name = p.Person
		}
		if h := of[i]; h != nil {
			r.Start, r.End, r.Said = seconds(h.start), seconds(h.end), h.person+h.stranger
			r.Verdict = judge(name, []*heard{h})
			if h.outcome == vision.Unknown && !r.Known {
				if strangers[h.stranger] == nil {
					strangers[h.stranger] = map[string]bool{}
				}
				strangers[h.stranger][p.Person] = true
			}
		}
		s.Passes = append(s.Passes, r)
	}
	s.Extra = map[Verdict]int{}
	for _, h := range extra {
		s.Extra[judgeExtra(h, t.Passes, known)]++
	}
	for _, people := range strangers {
		s.Merged += len(people) - 1
	}
}

// analyse is the vision role's way from a file to its tracks.
func analyse(ctx context.Context, name string, engine vision.Engine, gallery *vision.Gallery) ([]*heard, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	movie, err := mp4.Read(file)
	if err != nil {
		return nil, err
	}
	analysis, err := vision.NewAnalysis(vision.AnalysisConfig{
		Camera: "scene", Engine: engine, Gallery: func() *vision.Gallery { return gallery },
		Strangers: vision.NewStrangers(engine.Model(), 0),
	})
	if err != nil {
		return nil, err
	}
	var said ear
	see := func(p vision.Picture) error {
		due, err := analysis.Picture("scene", p)
		said.take(due)
		return err
	}
	viewer := &vision.Viewer{Analysis: analysis, NewDecoder: app.OpenDecoder, See: see}
	if err := viewer.Open(movie.Parameters); err != nil {
		return nil, err
	}
	defer func() { _ = viewer.Close() }()
	for unit, err := range movie.Units() {
		if err = errors.Join(err, ctx.Err()); err == nil {
			err = viewer.Unit(unit, sceneStart.Add(frames.Duration(unit.PTS)))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := viewer.Drain(); err != nil {
		return nil, err
	}
	said.take(analysis.End())
	return said.tracks, nil
}
