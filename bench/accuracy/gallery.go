package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"vigil/internal/app"
	"vigil/internal/config"
	"vigil/internal/people"
	"vigil/vision"
)

// enrolled is somebody to enrol.
type enrolled struct {
	name  string
	files []string
}

// gallery enrols people as a folder of folders of photos, the way the command line does.
func (b *bench) gallery(everybody []enrolled) (g *vision.Gallery, err error) {
	dir, err := os.MkdirTemp("", "vigil-accuracy-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, p := range everybody {
		if err := os.Mkdir(filepath.Join(dir, p.name), 0o700); err != nil {
			return nil, err
		}
		for _, file := range p.files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("photo of %s: %w", p.name, err)
			}
			if err := os.WriteFile(filepath.Join(dir, p.name, filepath.Base(file)), data, 0o600); err != nil {
				return nil, err
			}
		}
	}
	folder := people.Gallery{Engine: b.drawn, Read: readPhoto, FalseAccept: falseAccept(), Log: slog.New(slog.DiscardHandler)}
	return folder.Folder(dir)
}

// falseAccept is what the product states where its owner states nothing.
func falseAccept() float64 { return config.Default().People.FalseAccept }

// readPhoto reads a photo. Those of ORL, in which the face fills the picture, are enlarged and framed.
func readPhoto(name string, data []byte) (vision.Picture, error) {
	p, err := app.ReadPicture(name, data)
	if err != nil || filepath.Ext(name) != ".pgm" {
		return p, err
	}
	return portrait(greyOf(p)), nil
}

// portrait is a photo as large as two and a frame around it.
func portrait(photo grey) vision.Picture {
	large := photo.scaled(2)
	canvas := newCanvas(2*large.w, 2*large.h, photo.mean())
	canvas.paste(large, canvas.w/2, canvas.h/2)
	return canvas.picture()
}
