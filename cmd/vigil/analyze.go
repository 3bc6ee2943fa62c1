package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"vigil/clips/mp4"
	"vigil/frames"
	"vigil/internal/app"
	"vigil/internal/config"
	"vigil/internal/people"
	"vigil/vision"
)

type analyzeCommand struct {
	Videos []string `arg:"" help:"MP4 files with H.264 or H.265."`
	NoGate bool     `name:"no-gate" help:"Decode quiet stretches too, of which else only the key frames are looked at."`
	People string   `type:"path" placeholder:"DIR" help:"Folder of folders of photos, one for each person."`
}

// trackLine is what is printed of a track; times are seconds from the file's start.
type trackLine struct {
	Camera   string         `json:"camera"`
	Start    float64        `json:"start"`
	End      float64        `json:"end"`
	Decision vision.Outcome `json:"decision"`
	Person   string         `json:"person"`
	Score    float64        `json:"score"`
	Margin   float64        `json:"margin"`
	Stranger string         `json:"stranger,omitempty"`
	Reason   string         `json:"reason"`
}

func (c analyzeCommand) Run(ctx context.Context, g *Globals) error {
	cfg, err := g.load()
	if err != nil {
		return err
	}
	engine, err := app.OpenEngine(cfg, g.log())
	if err != nil {
		return err
	}
	gallery, err := c.gallery(cfg, engine, g.log())
	var errs []error
	if err == nil {
		for _, video := range c.Videos {
			a := &fileAnalysis{g: g, cfg: cfg, video: video, engine: engine, gallery: gallery, ungated: c.NoGate}
			if err := a.run(ctx); err != nil {
				errs = append(errs, fmt.Errorf("analyze %s: %w", video, err))
			}
		}
	}
	return errors.Join(err, errors.Join(errs...), engine.Close())
}

func (c analyzeCommand) gallery(cfg config.Config, engine vision.Engine, log *slog.Logger) (*vision.Gallery, error) {
	if c.People == "" {
		return vision.NewGallery(engine.Model(), cfg.People.FalseAccept, nil)
	}
	return folderOf(c.People, cfg, engine, log)
}

// folderOf is the gallery of a folder of folders of photos.
func folderOf(dir string, cfg config.Config, engine vision.Engine, log *slog.Logger) (*vision.Gallery, error) {
	g := &people.Gallery{Engine: engine, Read: app.ReadPicture, FalseAccept: cfg.People.FalseAccept, Log: log}
	return g.Folder(dir)
}

// fileAnalysis is the vision path on one file.
type fileAnalysis struct {
	g       *Globals
	cfg     config.Config
	video   string
	engine  vision.Engine
	gallery *vision.Gallery
	ungated bool
}

// start is where a file's capture clock begins; only differences to it are shown.
var start = time.Unix(0, 0)

func (a *fileAnalysis) run(ctx context.Context) error {
	file, err := os.Open(a.video)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	movie, err := mp4.Read(file)
	if err != nil {
		return err
	}
	how := app.AnalysisOf(a.cfg, cameraOf(a.video), a.engine)
	how.Gallery = func() *vision.Gallery { return a.gallery }
	how.Strangers = vision.NewStrangers(a.engine.Model(), 0)
	analysis, err := vision.NewAnalysis(how)
	if err != nil {
		return err
	}
	// A file that ends in the middle has tracks all the same.
	err = a.watch(ctx, movie, analysis)
	return errors.Join(err, a.print(analysis.End()))
}

// watch analyses all of the file. What cannot be decoded of it is told at the end: the rest still counts.
func (a *fileAnalysis) watch(ctx context.Context, movie *mp4.File, analysis *vision.Analysis) (err error) {
	bar := a.bar(movie.Duration)
	var blind, corrupt error
	see := func(p vision.Picture) error {
		due, err := analysis.Picture("file", p)
		blind = errors.Join(err, a.print(due))
		return blind
	}
	viewer := &vision.Viewer{Analysis: analysis, NewDecoder: app.OpenDecoder, See: see, Ungated: a.ungated}
	if err := viewer.Open(movie.Parameters); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, viewer.Close()) }()
	broken := 0
	var cut error // where the file ends in the middle
	decoded := func(err error) {
		if err != nil {
			broken, corrupt = broken+1, err
		}
	}
	for unit, err := range movie.Units() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if cut = err; cut != nil {
			break
		}
		decoded(viewer.Unit(unit, start.Add(frames.Duration(unit.PTS))))
		if blind != nil {
			return blind
		}
		_ = bar.Set64(frames.Duration(unit.PTS).Milliseconds())
	}
	decoded(viewer.Drain())
	_ = bar.Finish()
	if blind == nil && broken > 0 {
		blind = fmt.Errorf("%d access units could not be decoded, the last: %w", broken, corrupt)
	}
	return errors.Join(cut, blind)
}

// print prints the tracks that have ended.
func (a *fileAnalysis) print(due []vision.Observation) error {
	for _, o := range due {
		if !o.Ended {
			continue
		}
		err := a.g.print(trackLine{
			Camera: string(o.Camera), Start: o.Start.Sub(start).Seconds(), End: o.Seen.Sub(start).Seconds(),
			Decision: o.Decision.Outcome, Person: o.Decision.Person, Score: o.Decision.Score, Margin: o.Decision.Margin,
			Stranger: o.Stranger, Reason: o.Decision.Reason,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *fileAnalysis) bar(length time.Duration) *progressbar.ProgressBar {
	if a.g.JSON || !isTerminal(a.g.err) {
		return progressbar.DefaultSilent(length.Milliseconds())
	}
	return progressbar.NewOptions64(length.Milliseconds(), progressbar.OptionSetWriter(a.g.err),
		progressbar.OptionSetDescription(filepath.Base(a.video)), progressbar.OptionClearOnFinish())
}

var notInCamera = regexp.MustCompile(`[^a-z0-9-]+`)

// cameraOf names a file's camera after the file.
func cameraOf(video string) frames.CameraID {
	name := strings.TrimSuffix(filepath.Base(video), filepath.Ext(video))
	name = strings.Trim(notInCamera.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if name == "" {
		name = "video"
	}
	return frames.CameraID(name[:min(len(name), 63)])
}
