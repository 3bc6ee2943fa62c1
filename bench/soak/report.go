package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"vigil/alerts"
	"vigil/internal/mediatest"
)

// What may have grown between the beginning and the end: goroutines and descriptors of requests that are under way, and
// memory that the collector has not given back.
const (
	moreGoroutines  = 10
	moreDescriptors = 10
	moreMemory      = 1.15
)

// report is what was seen.
type report struct {
	began         time.Time
	length        time.Duration
	before, after []sample
	course        []sample
	events        map[alerts.EventType]int

	mu      sync.Mutex
	healing map[injury][]time.Duration
}

// window samples for that long, without faults.
func (r *report) window(ctx context.Context, p *program, length time.Duration, to *[]sample) error {
	for until := time.Now().Add(length); time.Now().Before(until); {
		if err := rest(ctx, sampleEvery); err != nil {
			return err
		}
		s, err := p.sample(ctx)
		if err != nil {
			return err
		}
		*to = append(*to, s)
	}
	return nil
}

// healed notes how long a camera took.
func (r *report) healed(i injury, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.healing == nil {
		r.healing = make(map[injury][]time.Duration)
	}
	r.healing[i] = append(r.healing[i], took)
}

// count notes what the receiver was sent, each event once.
func (r *report) count(deliveries []mediatest.Delivery) {
	r.events = make(map[alerts.EventType]int)
	seen := map[string]bool{}
	for _, d := range deliveries {
		if !seen[d.ID] {
			seen[d.ID] = true
			r.events[d.Event.Type]++
		}
	}
}

// level is the median of the last half of a window, when what began with it has settled.
func level(window []sample, of func(sample) float64) float64 {
	var values []float64
	for _, s := range window[len(window)/2:] {
		values = append(values, of(s))
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func goroutines(s sample) float64  { return s.goroutines }
func descriptors(s sample) float64 { return s.descriptors }
func ofProgram(s sample) float64   { return s.program }
func ofVision(s sample) float64    { return s.vision }
func memory(s sample) float64      { return s.program + s.vision }

// verdict is an error that names what is not where it began.
func (r *report) verdict() error {
	var errs []error
	grown := func(what string, of func(sample) float64, most func(float64) float64) {
		before, after := level(r.before, of), level(r.after, of)
		if after > most(before) {
			errs = append(errs, fmt.Errorf("%s: %.0f at the end, %.0f at the beginning", what, after, before))
		}
	}
	grown("goroutines", goroutines, func(v float64) float64 { return v + moreGoroutines })
	grown("descriptors", descriptors, func(v float64) float64 { return v + moreDescriptors })
	grown("MiB of memory", memory, func(v float64) float64 { return v * moreMemory })
	if len(r.after) > 0 {
		last := r.after[len(r.after)-1]
		for _, id := range slices.Sorted(maps.Keys(last.online)) {
			if !last.online[id] {
				errs = append(errs, fmt.Errorf("camera %s is not back", id))
			}
		}
	}
	for i, took := range r.healing {
		if slices.Max(took) > backWithin {
			errs = append(errs, fmt.Errorf("%s for %s: a camera did not come back within %s", i.fault, i.lasts, backWithin))
		}
	}
	return errors.Join(errs...)
}

// markdown is the report for people.
func (r *report) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A long run with faults\n\nOf `make soak`, %s, %s: four cameras, two that Vigil connects to and two that publish, each\n"+
		"behind a proxy that hurts one of their connections every %s. The beginning is a few minutes without faults after a quarter of\n"+
		"the time, when faults were met before; the end is without faults again.\n\n",
		r.began.UTC().Format("2 January 2006 15:04 UTC"), r.length, hurtEvery)
	b.WriteString("| | at the beginning | most, meanwhile | at the end |\n|---|---|---|---|\n")
	for _, row := range []struct {
		what string
		of   func(sample) float64
	}{{"goroutines", goroutines}, {"descriptors", descriptors}, {"memory, MiB resident", memory}, {"of the program", ofProgram}, {"of its vision process", ofVision}} {
		most := 0.0
		for _, s := range r.course {
			most = max(most, row.of(s))
		}
		fmt.Fprintf(&b, "| %s | %.0f | %.0f | %.0f |\n", row.what, level(r.before, row.of), most, level(r.after, row.of))
	}
	b.WriteString("\n| fault | lasted | times | video again after its end: median | longest |\n|---|---|---|---|---|\n")
	order := slices.SortedFunc(maps.Keys(r.healing), func(a, b injury) int {
		return cmp.Or(cmp.Compare(a.fault, b.fault), cmp.Compare(a.lasts, b.lasts))
	})
	for _, i := range order {
		took := slices.Sorted(slices.Values(r.healing[i]))
		fmt.Fprintf(&b, "| %s | %s | %d | %.1f s | %.1f s |\n", i.fault, i.lasts, len(took), took[len(took)/2].Seconds(), took[len(took)-1].Seconds())
	}
	b.WriteString("\nWebhooks, each once:")
	for _, kind := range slices.Sorted(maps.Keys(r.events)) {
		fmt.Fprintf(&b, " %d `%s`,", r.events[kind], kind)
	}
	text := strings.TrimSuffix(b.String(), ",")
	if err := r.verdict(); err != nil {
		return text + ".\n\n**Not as it began:**\n\n```\n" + err.Error() + "\n```\n"
	}
	return text + ".\n\nEverything is where it began.\n"
}
