package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"vigil/alerts"
	"vigil/clips/mp4"
	"vigil/internal/config"
)

type drillCommand struct {
	Verbose bool `help:"Show the log."`
}

// drillProcess is the command line of a drill with the networks of that configuration; none where the program does not know
// its own file.
func drillProcess(config string) []string {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	command := []string{self, "--json", "drill"}
	if config != "" {
		command = append(command, "--config", config)
	}
	return command
}

// Run goes through the steps and stops at the first that fails.
func (c drillCommand) Run(ctx context.Context, g *Globals) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "vigil-drill-")
	if err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	log := slog.New(slog.DiscardHandler)
	if c.Verbose {
		log = g.log()
	}
	r, err := newRehearsal(ctx, g, dir, log, func(cfg *config.Config) {
		cfg.Alerts.VisitGap = 3 * time.Second
		cfg.Clips.PreRoll, cfg.Clips.PostRoll = 2*time.Second, time.Second
	})
	if err != nil {
		return fmt.Errorf("drill: start: %w", err)
	}
	step := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if g.JSON {
			_ = g.print(map[string]any{"ok": true, "step": text, "after": time.Since(began).Seconds()})
			return
		}
		g.say("ok  %5.1f s  %s\n", time.Since(began).Seconds(), text)
	}
	step("a private Vigil runs on free ports, a drawn stranger is published over RTSP")
	if err := r.play(ctx, "solo", func(ctx context.Context) error { return drillWatch(ctx, r, dir, step) }); err != nil {
		return fmt.Errorf("drill: %w", err)
	}
	step("passed")
	return nil
}

func drillWatch(ctx context.Context, r *rehearsal, dir string, step func(string, ...any)) error {
	opened, err := r.wait(ctx, alerts.Opened, "", 20*time.Second)
	if err != nil {
		return err
	}
	alert := opened.Data.Alert
	step("alert.opened arrived, signed, for %s at camera %s", alert.Stranger, alert.Camera)
	shot := filepath.Join(dir, "shot.jpg")
	if _, err := fetch(ctx, alert.BestShotURL, shot); err != nil {
		return fmt.Errorf("best shot of %s: %w", alert.ID, err)
	}
	step("the best shot's link opens")
	ready, err := r.wait(ctx, alerts.ClipReady, alert.ID, 30*time.Second)
	if err != nil {
		return err
	}
	clip := ready.Data.Clip
	file := filepath.Join(dir, "clip.mp4")
	digest, err := fetch(ctx, clip.URL, file)
	if err != nil {
		return fmt.Errorf("clip of %s: %w", alert.ID, err)
	}
	if digest != clip.SHA256 {
		return fmt.Errorf("clip of %s: SHA-256 is %s, the webhook says %s", alert.ID, digest, clip.SHA256)
	}
	pictures, length, err := checkClip(file)
	if err != nil {
		return fmt.Errorf("clip of %s: %w", alert.ID, err)
	}
	step("alert.clip_ready arrived; the clip has its SHA-256, %d pictures and %.1f s", pictures, length.Seconds())
	if _, err := r.wait(ctx, alerts.Closed, alert.ID, 20*time.Second); err != nil {
		return err
	}
	step("alert.closed arrived")
	for _, e := range r.receiver.Events() {
		if e.Data.Camera == nil && e.Data.Alert.ID != alert.ID {
			return fmt.Errorf("one stranger raised two alerts: %s and %s", alert.ID, e.Data.Alert.ID)
		}
	}
	return nil
}

// checkClip reads all of a clip.
func checkClip(path string) (pictures int, length time.Duration, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = file.Close() }()
	movie, err := mp4.Read(file)
	if err != nil {
		return 0, 0, err
	}
	for unit, err := range movie.Units() {
		if err != nil {
			return 0, 0, err
		}
		if pictures == 0 && !unit.Key {
			return 0, 0, fmt.Errorf("it does not begin with a key picture")
		}
		pictures++
	}
	return pictures, movie.Duration, nil
}
