package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"vigil/internal/app"
	"vigil/vision"
)

type facesCommand struct {
	Images []string `arg:"" help:"Pictures: JPEG, PNG or PNM. On a terminal a table tells of their faces, else JSON."`
}

// imageFaces is the answer for one picture.
type imageFaces struct {
	File  string         `json:"file"`
	Faces []embeddedFace `json:"faces"`
}

type embeddedFace struct {
	vision.Face
	Landmarks [][2]float64     `json:"landmarks"` // of the face, as pairs
	Embedding vision.Embedding `json:"embedding"`
}

// Run prints the faces of each picture that can be read, and fails for each that cannot, or that shows no face.
func (c facesCommand) Run(g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	engine, err := app.OpenEngine(cfg, g.log())
	if err != nil {
		return err
	}
	var errs []error
	for _, file := range c.Images {
		found, err := facesOf(engine, file)
		switch {
		case err != nil:
		case g.JSON || !isTerminal(g.out):
			err = g.print(found)
		case len(found.Faces) > 0:
			err = g.tabulate(found)
		}
		if err == nil && len(found.Faces) == 0 {
			err = fmt.Errorf("%s: no face found", file)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, engine.Close())...)
}

// tabulate prints the faces as enrolment counts them, the others behind them.
func (g *Globals) tabulate(found imageFaces) error {
	var all []vision.Face
	for _, face := range found.Faces {
		all = append(all, face.Face)
	}
	var rows []string
	counted := vision.Foreground(all)
	for i, face := range counted {
		rows = append(rows, fmt.Sprintf("%d\t%s", i+1, faceRow(face)))
	}
	for _, face := range all {
		if !slices.Contains(counted, face) {
			rows = append(rows, "-\t"+faceRow(face))
		}
	}
	g.say("%s\n", found.File)
	return g.table("FACE\tPLACE\tEYES\tSHARP\tYAW\tPITCH\tROLL\tLIGHT\tINSIDE\tDETECTOR\tSCORE", rows)
}

// faceRow shows where the middle of the face is, as parts of the picture's width and height, and how good the face is.
func faceRow(f vision.Face) string {
	q := f.Quality
	return fmt.Sprintf("%.0f %%, %.0f %%\t%.0f\t%.0f\t%+.0f°\t%+.0f°\t%+.0f°\t%.2f\t%.2f\t%.2f\t%.2f", 100*(f.Box.X+f.Box.W/2),
		100*(f.Box.Y+f.Box.H/2), q.EyeDistance, q.Sharpness, q.Yaw, q.Pitch, q.Roll, q.Light, q.Inside, q.Detector, q.Score)
}

func facesOf(engine vision.Engine, file string) (imageFaces, error) {
	answer := imageFaces{File: file, Faces: []embeddedFace{}}
	data, err := os.ReadFile(file)
	if err != nil {
		return answer, err
	}
	picture, err := app.ReadPicture(file, data)
	if err != nil {
		return answer, err
	}
	faces, err := engine.Detect(picture, nil)
	if err != nil {
		return answer, fmt.Errorf("%s: detect: %w", file, err)
	}
	for _, face := range faces {
		embedding, quality, err := engine.Embed(picture, face)
		if err != nil {
			return answer, fmt.Errorf("%s: embed: %w", file, err)
		}
		face.Quality = quality
		shown := embeddedFace{Face: face, Embedding: embedding}
		for _, point := range face.Landmarks {
			shown.Landmarks = append(shown.Landmarks, [2]float64{point.X, point.Y})
		}
		answer.Faces = append(answer.Faces, shown)
	}
	return answer, nil
}
