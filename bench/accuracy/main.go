// Command accuracy measures how right Vigil's answers are, with the engine that the configuration gives, and prints a
// table: photos and simulated tracks of the ORL faces, the scenes against their truth, and faces that get smaller and
// blurred. What is not met is printed as such. The same faces, scenes and seed give the same numbers.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"

	"vigil/internal/app"
	"vigil/internal/config"
	"vigil/vision"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "accuracy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	out := flag.String("json", filepath.Join("bench", "accuracy.json"), "file for the numbers")
	file := flag.String("config", "", "configuration file; VIGIL_… variables override it")
	seed := flag.Uint64("seed", 1, "of the splits and of the simulated camera")
	flag.Parse()
	faces := os.Getenv("VIGIL_FACES_DIR")
	if faces == "" {
		return errors.New("VIGIL_FACES_DIR is not set: want a folder with orl/ and portraits/, without which nothing can be measured")
	}
	cfg, _, err := config.Load(*file, os.Environ())
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	lanes, err := vision.NewLanes(func() (vision.Engine, error) { return app.OpenEngine(cfg, log) }, runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	b := &bench{
		seed: *seed, faces: faces, video: os.Getenv("VIGIL_VIDEO_DIR"),
		engine: lanes, drawn: newMemo(lanes),
	}
	report, err := b.measure(ctx)
	if err := errors.Join(err, lanes.Close()); err != nil {
		return err
	}
	if err := report.print(os.Stdout); err != nil {
		return err
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return fmt.Errorf("marshal the numbers: %w", err)
	}
	return os.WriteFile(*out, append(text, '\n'), 0o644)
}

// bench is what the measurements share.
type bench struct {
	seed   uint64
	faces  string // folder that holds orl and portraits
	video  string // folder of scenes; empty: not there
	engine vision.Engine
	drawn  *memo // the same engine, for pictures that are drawn again and again

	people []person
	splits []split
}

// What is measured on how many splits: photos cost nothing once they are embedded, tracks are analysed picture by
// picture.
const (
	photoSplits = 50
	trackSplits = 10
)

// measure does what the folders allow, and says what they lack.
func (b *bench) measure(ctx context.Context) (*Report, error) {
	r := &Report{Model: b.engine.Model(), Seed: b.seed}
	var err error
	if b.people, err = readPeople(filepath.Join(b.faces, "orl")); err != nil {
		return nil, err
	}
	if err := b.survey(ctx); err != nil {
		return nil, err
	}
	b.splits = makeSplits(len(b.people), len(b.people[0].photos), photoSplits, b.seed)
	if r.Pairs, err = b.pairs(); err != nil {
		return nil, err
	}
	if r.Photos, err = b.photos(); err != nil {
		return nil, err
	}
	if r.Tracks, err = b.tracks(ctx, b.splits[:trackSplits], camera{photos: 5, steps: 4, noise: cameraNoise}); err != nil {
		return nil, err
	}
	if r.Ladder, err = b.ladder(ctx); err != nil {
		return nil, err
	}
	if b.video == "" {
		r.Missing = append(r.Missing, "VIGIL_VIDEO_DIR is not set: no scene was looked at")
	} else if r.Scenes, err = b.scenes(ctx); err != nil {
		return nil, err
	}
	r.Goals = goals(r)
	return r, nil
}
