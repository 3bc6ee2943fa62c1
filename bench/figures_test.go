package main

import (
	"math"
	"strings"
	"testing"
)

func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		samples []float64
		p, want float64
	}{
		{[]float64{7}, 95, 7}, {[]float64{3, 1, 2}, 50, 2}, {[]float64{1, 2, 3, 4}, 50, 2.5}, {[]float64{0, 10}, 95, 9.5},
	} {
		if got := percentile(c.samples, c.p); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v at %v: got %v, want %v", c.samples, c.p, got, c.want)
		}
	}
	if !math.IsNaN(percentile(nil, 50)) {
		t.Error("of nothing: got a number")
	}
}

func TestFigureSaysWhetherItsMarkIsMet(t *testing.T) {
	for _, c := range []struct {
		f    Figure
		want string
	}{
		{figure("cpu", "busy", "", atMost(1.3), 1.1, 1.5, 1.2), "| busy | 1.2 | 1.1 to 1.5 (3) | ≤ 1.3 | met |"},
		{figure("cpu", "busy", "", atMost(1.3), 1.31), "| busy | 1.31 |  | ≤ 1.3 | **not met** |"},
		{figure("python", "dense", "", atLeast(2), 1.99), "**not met**"},
		{figure("scale", "memory", "MiB", nil, 412), "| memory | 412 MiB |  |  |  |"},
	} {
		if row := c.f.row(); !strings.Contains(row, c.want) {
			t.Errorf("got %q, want %q", row, c.want)
		}
	}
}

func TestFit(t *testing.T) {
	l := fit([]float64{1, 2, 4, 8}, []float64{13, 23, 43, 83})
	if math.Abs(l.slope-10) > 1e-9 || math.Abs(l.start-3) > 1e-9 || l.farthest > 1e-9 {
		t.Errorf("got %+v, want a straight line of 10 from 3", l)
	}
	if l := fit([]float64{1, 2, 3}, []float64{1, 4, 1}); l.farthest < 0.4 {
		t.Errorf("got %+v, want a point far off the line", l)
	}
}

func TestChoose(t *testing.T) {
	if got, err := choose("stages,cpu"); err != nil || len(got) != 2 || got[0].name != "cpu" {
		t.Errorf("got %v, %v, want cpu and stages", got, err)
	}
	if _, err := choose("cpu,gpu"); err == nil || !strings.Contains(err.Error(), "gpu") {
		t.Errorf("got %v, want an error that names gpu", err)
	}
}

func TestDiffering(t *testing.T) {
	if n := differing("a\nb\nb\n", "b\na\nb\n"); n != 0 {
		t.Errorf("in another order: got %d, want 0", n)
	}
	if n := differing("a\nb\n", "a\nc\nc\n"); n != 3 {
		t.Errorf("got %d, want 3", n)
	}
}

func TestEngineOfALog(t *testing.T) {
	log := "not JSON\n" + `{"time":"x","level":"INFO","msg":"face engine opened","runtime":"opencv","engine":"deep"}` + "\n"
	if got := engine(log); got != "engine deep, runtime opencv" {
		t.Errorf("got %q", got)
	}
	if got := engine(""); got != "unknown" {
		t.Errorf("got %q, want unknown", got)
	}
}
