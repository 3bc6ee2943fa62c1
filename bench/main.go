// Command bench measures what Vigil costs on this machine, each figure against something that was measured in the same
// run: CPU time against FFmpeg's decoder and against a Python script with the same networks, the cost and the memory of
// further cameras, the time of each stage, and how long a webhook takes. It writes RESULTS.md and results.json.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"vigil/internal/mediatest"
)

// lab is what the parts measure with.
type lab struct {
	*Report
	studio *studio
	vigil  string // the program
	nats   string // a NATS server
	python string // Debian's, which has OpenCV
	script string // what Vigil is compared with
	videos string // VIGIL_VIDEO_DIR, may be empty
	models string // VIGIL_MODELS_DIR, never empty
	people string // folder of folders of photos
	core   int    // the one that single programs run on
	repeat int
	length time.Duration // of the films
	window time.Duration // that cameras are watched for
}

// part is one of the benchmark's parts.
type part struct {
	name string
	run  func(*lab, context.Context) error
}

func parts() []part {
	return []part{
		{"cpu", (*lab).againstDecoder},
		{"python", (*lab).againstPython},
		{"gate", (*lab).gate},
		{"scale", (*lab).cameras},
		{"ingest", (*lab).ingest},
		{"stages", (*lab).stages},
		{"alerts", (*lab).alerting},
		{"flood", (*lab).flood},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	l := &lab{Report: &Report{Taken: time.Now(), progress: os.Stdout}, models: os.Getenv("VIGIL_MODELS_DIR"), videos: os.Getenv("VIGIL_VIDEO_DIR")}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("only", "", "parts to run, of cpu, python, gate, scale, ingest, stages, alerts and flood, with commas between, beside what the report has of the others; all of them when empty")
	dir := flags.String("dir", "bench", "folder of baseline.py, and for the results")
	films := flags.String("films", "bin/films", "folder in which films are kept for the next run")
	flags.StringVar(&l.vigil, "vigil", "bin/vigil", "the program to measure")
	flags.StringVar(&l.nats, "nats-server", "bin/nats-server", "a NATS server, so that ingest is measured by itself")
	flags.StringVar(&l.python, "python", "/usr/bin/python3", "a Python with OpenCV")
	flags.IntVar(&l.repeat, "repeat", 3, "how often a program is run on a file")
	flags.DurationVar(&l.length, "length", time.Minute, "length of the films")
	flags.DurationVar(&l.window, "window", 20*time.Second, "how long cameras are watched")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if err := l.prepare(ctx, *dir, *films); err != nil {
		return err
	}
	for _, p := range chosen {
		if l.models == "" && !slices.Contains([]string{"stages", "alerts", "flood"}, p.name) {
			l.skip("%s: VIGIL_MODELS_DIR is not set", p.name)
			continue
		}
		if err := p.run(l, ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	l.Took = time.Since(l.Taken).Round(time.Second).String()
	if *only != "" {
		if err := l.keep(*dir); err != nil {
			return err
		}
	}
	return l.save(*dir)
}

// choose returns the parts that are named, in their order.
func choose(only string) ([]part, error) {
	all := parts()
	if only == "" {
		return all, nil
	}
	names := strings.Split(only, ",")
	var chosen []part
	for _, p := range all {
		if slices.Contains(names, p.name) {
			chosen = append(chosen, p)
		}
	}
	if len(chosen) != len(names) {
		return nil, fmt.Errorf("parts %q: want some of cpu, python, gate, scale, ingest, stages, alerts and flood, each once", only)
	}
	return chosen, nil
}

func (l *lab) prepare(ctx context.Context, dir, films string) (err error) {
	faces := os.Getenv("VIGIL_FACES_DIR")
	if l.studio, err = newStudio(films, faces); err != nil {
		return err
	}
	if l.people, err = enrolled(films, faces); err != nil {
		return err
	}
	if l.core, err = ownCore(); err != nil {
		return err
	}
	l.script = filepath.Join(dir, "baseline.py")
	l.Machine = describe(ctx, l.python)
	return nil
}

// enrolled is the folder of the people to enrol: those of VIGIL_FACES_DIR, or somebody drawn.
func enrolled(films, faces string) (string, error) {
	if faces != "" {
		return filepath.Join(faces, "portraits"), nil
	}
	people := filepath.Join(films, "people")
	if err := os.MkdirAll(filepath.Join(people, "Resident"), 0o755); err != nil {
		return "", fmt.Errorf("enrol: %w", err)
	}
	for i := range 3 {
		photo, err := mediatest.PortraitJPEG(mediatest.Resident(), 480, i)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(people, "Resident", fmt.Sprint(i, ".jpg")), photo, 0o644); err != nil {
			return "", fmt.Errorf("enrol: %w", err)
		}
	}
	return people, nil
}
