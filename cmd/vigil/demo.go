package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vigil/alerts"
	"vigil/internal/config"
	"vigil/internal/mediatest"
)

type demoCommand struct {
	Dir  string `type:"path" default:"demo" help:"Folder for photos, clips and data."`
	Exit bool   `help:"End when the job is shown, without keeping the console open."`
}

// demoListen is where the demo's console is when the port is free.
const demoListen = "127.0.0.1:8080"

func (c demoCommand) Run(ctx context.Context, g *Globals) error {
	photos := filepath.Join(c.Dir, "people", "Resident")
	if err := emptyDemo(c.Dir); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	if err := portraits(mediatest.Resident(), photos); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	log := slog.New(slog.NewTextHandler(g.err, &slog.HandlerOptions{Level: slog.LevelError}))
	r, err := newRehearsal(ctx, g, c.Dir, log, func(cfg *config.Config) {
		if free(ctx, demoListen) {
			cfg.HTTP.Listen = demoListen
		}
		cfg.People.Known = []config.Person{{Name: "Resident", Photos: photos}}
		cfg.Alerts.VisitGap = 5 * time.Second
		cfg.Clips.PreRoll, cfg.Clips.PostRoll = 3*time.Second, 2*time.Second
	})
	if err != nil {
		return fmt.Errorf("demo: start: %w", err)
	}
	d := &demo{g: g, r: r, dir: c.Dir, began: time.Now()}
	d.say("console        %s   (token %s)", r.program.Addresses().Console, r.program.AdminToken())
	d.say("enrolled       Resident, from %s", photos)
	d.say("camera         a drawn door is published to %s/%s; Resident comes by, then a stranger", r.program.Addresses().RTSP, rehearsalCamera)
	return r.play(ctx, "walk", func(ctx context.Context) error {
		if err := d.watch(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
		if c.Exit || g.JSON || !isTerminal(g.out) {
			return nil
		}
		d.say("the console stays open; end with Ctrl-C")
		<-ctx.Done()
		return nil
	})
}

// demoMark is a file that says that a folder is a demo's, to be emptied by the next one.
const demoMark = ".vigil-demo"

// emptyDemo makes the folder, or empties one of an earlier demo. It touches no other: its data folder could be
// somebody's.
func emptyDemo(dir string) error {
	mark := filepath.Join(dir, demoMark)
	there, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(mark); len(there) > 0 && err != nil {
		return fmt.Errorf("%s is not empty, and no earlier demo's: name another folder with --dir", dir)
	}
	for _, old := range []string{"data", "clips", "people"} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o644)
}

// demo tells what happens.
type demo struct {
	g     *Globals
	r     *rehearsal
	dir   string
	began time.Time
}

func (d *demo) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if d.g.JSON {
		_ = d.g.print(map[string]any{"after": time.Since(d.began).Seconds(), "text": text})
		return
	}
	d.g.say("%5.1f s  %s\n", time.Since(d.began).Seconds(), text)
}

// watch shows each event as the receiver got it, and fetches what it links to.
func (d *demo) watch(ctx context.Context) error {
	opened, err := d.r.wait(ctx, alerts.Opened, "", 40*time.Second)
	if err != nil {
		return err
	}
	alert := opened.Data.Alert
	if err := d.show(opened); err != nil {
		return err
	}
	shot := filepath.Join(d.dir, "clips", alert.ID+".jpg")
	if _, err := fetch(ctx, alert.BestShotURL, shot); err != nil {
		return fmt.Errorf("best shot of %s: %w", alert.ID, err)
	}
	d.say("best shot      %s", shot)
	ready, err := d.r.wait(ctx, alerts.ClipReady, alert.ID, 30*time.Second)
	if err != nil {
		return err
	}
	if err := d.show(ready); err != nil {
		return err
	}
	file := filepath.Join(d.dir, "clips", alert.ID+".mp4")
	if _, err := fetch(ctx, ready.Data.Clip.URL, file); err != nil {
		return fmt.Errorf("clip of %s: %w", alert.ID, err)
	}
	d.say("clip           %s", file)
	closed, err := d.r.wait(ctx, alerts.Closed, alert.ID, 30*time.Second)
	if err != nil {
		return err
	}
	if err := d.show(closed); err != nil {
		return err
	}
	return d.sum()
}

// show prints a webhook's body.
func (d *demo) show(event alerts.Event) error {
	var body strings.Builder
	e := encoder(&body)
	e.SetIndent("         ", "  ")
	if err := e.Encode(event); err != nil {
		return err
	}
	d.say("webhook        %s, signature good\n         %s", event.Type, strings.TrimSpace(body.String()))
	return nil
}

// sum checks that the stranger, and nobody else, raised an alert.
func (d *demo) sum() error {
	raised := map[string]bool{}
	for _, event := range d.r.receiver.Events() {
		if event.Data.Camera == nil {
			raised[event.Data.Alert.ID] = true
		}
	}
	if len(raised) != 1 {
		return fmt.Errorf("got %d alerts, want 1: the stranger's and not Resident's", len(raised))
	}
	d.say("done           one stranger, one alert; Resident raised none")
	return nil
}

// free says whether nobody listens at address.
func free(ctx context.Context, address string) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return false
	}
	return l.Close() == nil
}
