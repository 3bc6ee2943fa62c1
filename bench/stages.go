package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// libraryVariable names ONNX Runtime's library to the tests, which else do without; the program finds it beside itself.
const libraryVariable = "VIGIL_ONNXRUNTIME"

// stages runs the benchmarks of the vision packages: decode, detect, embed, track, match, whatever there is.
func (l *lab) stages(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchtime", "200ms", "-count", "3", "./vision/...")
	if os.Getenv(libraryVariable) == "" {
		library, err := filepath.Abs(filepath.Join(filepath.Dir(l.vigil), "libonnxruntime.so.1"))
		if err != nil {
			return err
		}
		cmd.Env = append(os.Environ(), libraryVariable+"="+library)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test: %w\n%s", err, tail(string(out)))
	}
	if l.videos == "" || l.models == "" {
		l.skip("stages: those that need VIGIL_VIDEO_DIR, VIGIL_MODELS_DIR and VIGIL_FACES_DIR")
	}
	l.add(benchmarks(string(out))...)
	return nil
}

var benchmarkLine = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+([0-9.]+) ns/op(.*)$`)

// benchmarks reads what go test prints of benchmarks, repetitions together.
func benchmarks(output string) []Figure {
	var names []string
	times, notes := map[string][]float64{}, map[string]string{}
	for line := range strings.Lines(output) {
		m := benchmarkLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		ns, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			continue
		}
		if times[m[1]] == nil {
			names = append(names, m[1])
		}
		times[m[1]] = append(times[m[1]], ns/1e6)
		notes[m[1]] = strings.Join(strings.Fields(m[3]), " ")
	}
	var figures []Figure
	for _, name := range names {
		var mark *Mark
		if name == "Match/128d/100000" {
			mark = atMost(2)
		}
		f := figure("Time of each stage", name, "ms", mark, times[name]...)
		f.Note = notes[name]
		figures = append(figures, f)
	}
	return figures
}
