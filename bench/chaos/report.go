package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is what was done and what came of it.
type report struct {
	options options
	began   time.Time
	worked  time.Duration // with faults
	settled time.Duration // until the books balanced
	done    *done
	disk    bool // the broker's was small
	balance *balance
}

// markdown is the report for people.
func (r *report) markdown() string {
	var b strings.Builder
	o, w := r.options, r.balance
	engine := "classic engine"
	if o.models != "" {
		engine = "deep engine"
	}
	fmt.Fprintf(&b, "# Alerts under chaos\n\nOf `make chaos`, %s, seed %d: %s of faults, then %s until the books balanced or nothing changed any more. %d cameras showed a "+
		"stranger every %s (%s); all roles, the broker (nats-server, `sync_interval: always`) and the ledger were processes of their own on %s.\n\n",
		r.began.UTC().Format("2 January 2006 15:04 UTC"), o.seed, r.worked.Round(time.Second), r.settled.Round(time.Second), o.cameras,
		(14 * time.Second), engine, machine())
	b.WriteString("| what | fault | times | together |\n|---|---|---|---|\n")
	r.rows(&b)
	if !r.disk {
		b.WriteString("\nThe broker's disk was not filled: nobody may mount a small one here.\n")
	}
	b.WriteString("\nClocks were not stepped: every process of a machine shares its clock.\n\n| the ledger's books | |\n|---|---|\n")
	for _, row := range []struct {
		what string
		n    int
	}{
		{"times that the stranger was shown to the cameras", w.Passes},
		{"of them not seen, while ingest or the broker was away", w.Unseen},
		{"visits, by what vision decided", w.Visits},
		{"alerts", w.Alerts},
		{"events on the bus", w.Events},
		{"events that the receiver got, with a good signature", w.Webhooks},
		{"repeated deliveries, each with the same bytes", w.Repeated},
		{"clips in the store, each with its size and SHA-256, and decoded to its end", w.Clips},
		{"gaps in clips, each while ingest or the broker was away", w.Gaps},
		{"messages of the ledger's own that the broker acknowledged, each there once", w.Produced},
		{"**problems**", len(w.Problems)},
	} {
		fmt.Fprintf(&b, "| %s | %d |\n", row.what, row.n)
	}
	list(&b, "What lacks, and why", w.Explained)
	list(&b, "Problems", w.Problems)
	return b.String()
}

// rows are the faults, in the order in which they were first done.
func (r *report) rows(b *strings.Builder) {
	type kind struct{ what, how string }
	var order []kind
	times, lasted := map[kind]int{}, map[kind]time.Duration{}
	for _, f := range r.done.all() {
		k := kind{f.What, f.How}
		if times[k]++; times[k] == 1 {
			order = append(order, k)
		}
		lasted[k] += f.To.Sub(f.From)
	}
	for _, k := range order {
		fmt.Fprintf(b, "| %s | %s | %d | %s |\n", k.what, k.how, times[k], lasted[k].Round(time.Second))
	}
}

func list(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "- %s\n", line)
	}
}

// machine is what it ran on.
func machine() string {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
				break
			}
		}
	}
	return fmt.Sprintf("%d cores (%s)", runtime.NumCPU(), model)
}
