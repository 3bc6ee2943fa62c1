package main

import (
	"errors"
	"fmt"
	"os"

	"vigil/internal/app"
	"vigil/vision"
)

type facesCommand struct {
	Images []string `arg:"" help:"Pictures: JPEG, PNG or PNM."`
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

// Run prints a line for each picture that can be read, and fails for each that cannot, or that shows no face.
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
		if err == nil {
			err = g.print(found)
		}
		if err == nil && len(found.Faces) == 0 {
			err = fmt.Errorf("%s: no face found", file)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, engine.Close())...)
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
