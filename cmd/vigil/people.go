package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"vigil/internal/web"
)

type peopleCommand struct {
	Enroll peopleEnroll `cmd:"" help:"Enrol a person from photos."`
	List   peopleList   `cmd:"" help:"List the people."`
	Remove peopleRemove `cmd:"" help:"Forget a person and the photos."`

	Calibrate peopleCalibrate `cmd:"" help:"Tell how well the people are kept apart, and strangers out."`
}

type peopleEnroll struct {
	remote
	Name   string   `arg:"" help:"As alerts and the console show it."`
	Photos []string `arg:"" type:"existingfile" help:"Photos, one face each."`
	Face   int      `placeholder:"N" help:"Take this face of each photo, counted from left to right, from 1."`
	Force  bool     `help:"Use photos also when they resemble somebody else, or not the person's other photos."`
}

func (c peopleEnroll) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	var photos []web.Photo
	for _, path := range c.Photos {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("enrol %s: %w", c.Name, err)
		}
		photos = append(photos, web.Photo{Name: filepath.Base(path), Data: data})
	}
	person, err := asked.Enrol(ctx, c.Name, photos, web.Choices{Face: c.Face, Force: c.Force})
	if err != nil {
		return fmt.Errorf("enrol %s: %w", c.Name, err)
	}
	if g.JSON {
		return g.print(person)
	}
	for _, photo := range person.Photos {
		g.say("%s: %s\n", photo.File, photo.Verdict)
	}
	g.say("%s is enrolled\n", person.Name)
	return nil
}

type peopleList struct{ remote }

func (c peopleList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	people, err := asked.People(ctx)
	if err != nil {
		return err
	}
	var rows []string
	for _, person := range people {
		if g.JSON {
			if err := g.print(person); err != nil {
				return err
			}
			continue
		}
		used := 0
		for _, photo := range person.Photos {
			if photo.Used {
				used++
			}
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%d of %d", person.Name, person.Source, used, len(person.Photos)))
	}
	if g.JSON {
		return nil
	}
	return g.table("PERSON\tFROM\tPHOTOS USED", rows)
}

type peopleRemove struct {
	remote
	Name string `arg:"" help:"Who."`
}

func (c peopleRemove) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	if err := asked.RemovePerson(ctx, c.Name); err != nil {
		return err
	}
	if g.JSON {
		return g.print(map[string]any{"removed": c.Name})
	}
	g.say("%s is removed\n", c.Name)
	return nil
}
