// Package doctor looks for what keeps Vigil from working on a machine, and says what to do about it: one function for
// each thing to look at, which takes values and returns findings. It changes nothing but files of its own that it removes
// again. What is looked at, and with which values, is internal/app's to say. It imports the parts that it looks at.
package doctor

import (
	"context"
	"fmt"
	"iter"
	"time"

	"vigil/frames"
)

// Level says how much a finding matters.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // works, but not as it should
	Problem Level = "problem" // does not work
)

// Finding is one thing that was looked at.
type Finding struct {
	Check string `json:"check"`
	Level Level  `json:"level"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // what somebody can do about it
}

// Check looks at one thing.
type Check struct {
	Name string
	Look func(ctx context.Context) []Finding
}

// patience bounds one check, in which all cameras are looked at together.
const patience = time.Minute

// Run looks at everything in order and yields what it finds, until ctx ends.
func Run(ctx context.Context, checks []Check) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		for _, c := range checks {
			if ctx.Err() != nil {
				return
			}
			for _, f := range c.look(ctx) {
				f.Check = c.Name
				if !yield(f) {
					return
				}
			}
		}
	}
}

func (c Check) look(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.Look(ctx)
}

// Running is the Vigil that runs on the data folder, as it tells of itself.
type Running struct {
	Server  string // address of its console
	Parts   []Part
	Cameras []frames.CameraState
}

// Part is a line of /readyz.
type Part struct {
	Name   string
	OK     bool
	Detail string
}

// part is what the running Vigil says of one of its parts; it does not say anything of those that run elsewhere.
func (r *Running) part(name string) (p Part, ok bool) {
	if r == nil {
		return Part{}, false
	}
	for _, p := range r.Parts {
		if p.Name == name {
			return p, true
		}
	}
	return Part{}, false
}

// ok is good news.
func ok(format string, args ...any) Finding {
	return Finding{Level: OK, Text: fmt.Sprintf(format, args...)}
}

// warning tells what is not as it should be, and what to do.
func warning(do, format string, args ...any) Finding {
	return Finding{Level: Warning, Text: fmt.Sprintf(format, args...), Do: do}
}

// problem tells what does not work, and what to do.
func problem(do, format string, args ...any) Finding {
	return Finding{Level: Problem, Text: fmt.Sprintf(format, args...), Do: do}
}

const mib = 1 << 20

// size is a number of bytes for people.
func size(bytes int64) string {
	if bytes >= 10<<30 {
		return fmt.Sprintf("%d GiB", bytes>>30)
	}
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", bytes/mib)
}
