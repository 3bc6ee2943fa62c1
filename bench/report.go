package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Report is one run of the benchmark.
type Report struct {
	Taken   time.Time `json:"taken"`
	Took    string    `json:"took"`
	Machine Machine   `json:"machine"`
	Figures []Figure  `json:"figures"`
	Skipped []string  `json:"skipped,omitempty"` // what was not measured, and why
	Earlier []Earlier `json:"earlier,omitempty"` // what only runs before this one have measured

	progress io.Writer
}

// Earlier are figures of a run before.
type Earlier struct {
	Taken   time.Time `json:"taken"`
	Vigil   string    `json:"vigil"` // its git version
	Figures []Figure  `json:"figures"`
}

// keep takes over from the report in dir what this run, of some parts, has not measured.
func (r *Report) keep(dir string) error {
	data, err := os.ReadFile(filepath.Join(dir, "results.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var before Report
	if err == nil {
		err = json.Unmarshal(data, &before)
	}
	if err != nil {
		return fmt.Errorf("the report before: %w", err)
	}
	if r.Machine.Engine == "unknown" { // no part of this run has opened one
		r.Machine.Engine = before.Machine.Engine
	}
	measured := map[string]bool{}
	for _, f := range r.Figures {
		measured[f.Part+"/"+f.What] = true
	}
	for _, e := range append([]Earlier{{before.Taken, before.Machine.Vigil, before.Figures}}, before.Earlier...) {
		e.Figures = slices.DeleteFunc(e.Figures, func(f Figure) bool { return measured[f.Part+"/"+f.What] })
		if len(e.Figures) > 0 {
			r.Earlier = append(r.Earlier, e)
		}
	}
	return nil
}

// all are the figures with those of earlier runs, by part.
func (r *Report) all() []Figure {
	all := slices.Clone(r.Figures)
	for _, e := range r.Earlier {
		for _, f := range e.Figures {
			of := fmt.Sprintf("of %s, Vigil %s", e.Taken.UTC().Format("2 January 15:04"), e.Vigil)
			f.Note = strings.TrimPrefix(f.Note+"; "+of, "; ")
			all = append(all, f)
		}
	}
	var order []string
	for _, f := range all {
		if !slices.Contains(order, f.Part) {
			order = append(order, f.Part)
		}
	}
	slices.SortStableFunc(all, func(a, b Figure) int { return cmp.Compare(slices.Index(order, a.Part), slices.Index(order, b.Part)) })
	return all
}

// add shows the figures as they come and keeps them.
func (r *Report) add(figures ...Figure) {
	for _, f := range figures {
		_, _ = fmt.Fprintln(r.progress, f.row())
	}
	r.Figures = append(r.Figures, figures...)
}

// skip says what is not measured.
func (r *Report) skip(format string, args ...any) {
	why := fmt.Sprintf(format, args...)
	_, _ = fmt.Fprintln(r.progress, "skipped:", why)
	r.Skipped = append(r.Skipped, why)
}

// Markdown writes the report for people.
func (r *Report) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\nOf `make bench`, %s, in %s. A figure is the median of its samples; a ratio is the median of "+
		"the ratios of\nruns that alternated. CPU seconds are user and system time.\n\n", r.Taken.UTC().Format("2 January 2006 15:04 UTC"), r.Took)
	for _, f := range r.Machine.facts() {
		fmt.Fprintf(&b, "- %s: %s\n", f[0], f[1])
	}
	part := ""
	for _, f := range r.all() {
		if f.Part != part {
			part = f.Part
			fmt.Fprintf(&b, "\n## %s\n\n| what | median | samples | mark | | |\n|---|---|---|---|---|---|\n", part)
		}
		fmt.Fprintln(&b, f.row())
	}
	if len(r.Skipped) > 0 {
		fmt.Fprint(&b, "\n## Not measured\n\n")
		for _, s := range r.Skipped {
			fmt.Fprintln(&b, "-", s)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// save writes RESULTS.md and results.json.
func (r *Report) save(dir string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("marshal report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "results.json"), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("save report: %w", err)
	}
	var b strings.Builder
	if err := r.Markdown(&b); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("save report: %w", err)
	}
	return nil
}
