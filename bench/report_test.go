package main

import (
	"strings"
	"testing"
	"time"
)

func TestARunOfSomePartsKeepsTheOthers(t *testing.T) {
	dir := t.TempDir()
	first := &Report{Taken: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC), Machine: Machine{Vigil: "one"}, Figures: []Figure{
		figure("CPU", "decoder", "s", nil, 1), figure("Alerts", "p50", "s", nil, 2), figure("Alerts", "flood", "s", nil, 3),
	}}
	if err := first.save(dir); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"two", "three"} { // again, and what was kept stays
		next := &Report{Taken: time.Now(), Machine: Machine{Vigil: version}, Figures: []Figure{figure("Alerts", "flood", "s", nil, 1)}}
		if err := next.keep(dir); err != nil {
			t.Fatal(err)
		}
		if err := next.save(dir); err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := next.Markdown(&b); err != nil {
			t.Fatal(err)
		}
		got := b.String()
		for text, times := range map[string]int{"## Alerts": 1, "## CPU": 1, "| decoder | 1 s": 1, "| p50 | 2 s": 1, "| flood | 1 s": 1, "| flood": 1, "of 25 November 10:00, Vigil one": 2} {
			if n := strings.Count(got, text); n != times {
				t.Errorf("%s: got %q %d times, want %d:\n%s", version, text, n, times, got)
			}
		}
	}
}
