package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"
)

// longLength is the length of a film in which somebody comes by four times.
const longLength = 20 * time.Minute

// gate holds the tracks with the gate to those without it: it may save work, never a face.
func (l *lab) gate(ctx context.Context) error {
	long, err := l.studio.shoot(ctx, longFilm, longLength)
	if err != nil {
		return err
	}
	videos := []string{long}
	if l.videos == "" {
		l.skip("gate: the filmed scenes: VIGIL_VIDEO_DIR is not set")
	} else {
		scenes, err := filepath.Glob(filepath.Join(l.videos, "*.mp4"))
		if err != nil {
			return err
		}
		videos = append(videos, scenes...)
	}
	for _, video := range videos {
		if err := l.compareGate(ctx, video); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) compareGate(ctx context.Context, video string) error {
	gated, err := l.analyze(ctx, video)
	if err != nil {
		return err
	}
	open, err := l.analyze(ctx, video, "--no-gate")
	if err != nil {
		return err
	}
	const part = "The gate"
	what := filepath.Base(video)
	differ := figure(part, what+": tracks that are others without the gate", "", atMost(0), float64(differing(gated.output, open.output)))
	differ.Note = strings.TrimSpace(number(float64(tracks(open.output))) + " tracks without it")
	l.add(differ, figure(part, what+": CPU with the gate, of that without", "", nil, gated.cpu/open.cpu))
	return nil
}

// differing is how many lines stand in only one of two outputs.
func differing(a, b string) (n int) {
	count := map[string]int{}
	for line := range strings.Lines(a) {
		count[line]++
	}
	for line := range strings.Lines(b) {
		count[line]--
	}
	for _, c := range count {
		n += max(c, -c)
	}
	return n
}
