package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"vigil/internal/web"
)

const (
	// drillTime is longer than a drill that passes, and one that fails, may take.
	drillTime = 3 * time.Minute
	// drillEnds is how long one that is told to end may take to take its folder away.
	drillEnds = 10 * time.Second
)

// drill runs the program's drill in a process of its own, one at a time: there is one embedded store per process.
type drill struct {
	command []string // see Options.Drill
	dir     string   // where that was written: the embedded store has changed this process's

	running sync.Mutex
}

var _ web.Driller = (*drill)(nil)

// Drill implements web.Driller.
func (d *drill) Drill(ctx context.Context) (web.Drill, error) {
	if len(d.command) == 0 {
		return web.Drill{}, web.Refused{Reason: "the program does not know its own file; run `vigil drill`"}
	}
	if !d.running.TryLock() {
		return web.Drill{}, web.Conflict{Reason: "a drill goes on already"}
	}
	defer d.running.Unlock()
	ctx, cancel := context.WithTimeout(ctx, drillTime)
	defer cancel()
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, d.command[0], d.command[1:]...)
	c.Dir, c.Stdout, c.Stderr = d.dir, &out, &errs
	c.Cancel, c.WaitDelay = func() error { return c.Process.Signal(os.Interrupt) }, drillEnds
	err := c.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		return web.Drill{}, fmt.Errorf("drill: %w", err)
	}
	done := web.Drill{Passed: err == nil, Steps: drillSteps(out.Bytes())}
	if err != nil {
		done.Problem = lastLine(errs.String())
	}
	return done, ctx.Err()
}

// drillSteps reads what a drill prints with --json.
func drillSteps(lines []byte) (steps []web.DrillStep) {
	for line := range bytes.Lines(lines) {
		var told struct {
			Step  string  `json:"step"`
			After float64 `json:"after"`
		}
		if json.Unmarshal(line, &told) == nil && told.Step != "" {
			steps = append(steps, web.DrillStep{Step: told.Step, After: told.After})
		}
	}
	return steps
}

// lastLine is what a program that failed said last.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndex(text, "\n")+1:]
}
