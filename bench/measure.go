package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// cost is what a program took until its end.
type cost struct {
	cpu    float64 // seconds, user and system, with its children
	memory float64 // MiB, its largest resident size
	output string
	errors string
}

// pinned runs a program on one core and returns what it took.
func pinned(ctx context.Context, core int, env []string, name string, args ...string) (cost, error) {
	cmd := exec.CommandContext(ctx, "taskset", append([]string{"-c", strconv.Itoa(core), name}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("run %s: %w\n%s", name, err, tail(errs.String()))
	}
	c := cost{output: out.String(), errors: errs.String()}
	c.cpu = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.memory = float64(usage.Maxrss) / 1024 // KiB on Linux
	}
	return c, nil
}

// tail is the end of what a program said.
func tail(s string) string {
	const most = 2000
	return strings.TrimSpace(s[max(0, len(s)-most):])
}

// ownCore is a core that this process may use.
func ownCore() (int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return 0, fmt.Errorf("ask for the cores: %w", err)
	}
	for core := 0; ; core++ {
		if set.IsSet(core) {
			return core, nil
		}
	}
}

// contest runs two programs in turn, n times each, so that both see the same machine.
func contest(n int, a, b func() (cost, error)) (as, bs []cost, err error) {
	for range n {
		for _, side := range []struct {
			run func() (cost, error)
			to  *[]cost
		}{{a, &as}, {b, &bs}} {
			c, err := side.run()
			if err != nil {
				return nil, nil, err
			}
			*side.to = append(*side.to, c)
		}
	}
	return as, bs, nil
}

// cpus are the CPU seconds of each.
func cpus(costs []cost) []float64 {
	out := make([]float64, len(costs))
	for i, c := range costs {
		out[i] = c.cpu
	}
	return out
}
