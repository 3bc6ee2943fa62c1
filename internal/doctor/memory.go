package doctor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// What the program takes, as measured (bench/RESULTS.md).
const (
	baseMemory   = 330 * mib
	cameraMemory = 45 * mib
	// spareMemory is what should be left beside a Vigil that runs.
	spareMemory = 128 * mib
)

// Memory looks whether there is enough memory for so many cameras. root is the root of the file system. What a running
// Vigil has taken is not counted again.
func Memory(root fs.FS, cameras int, running bool) []Finding {
	available, err := memAvailable(root)
	if err != nil {
		return []Finding{warning("look with `free`", "memory: %v", err)}
	}
	from := "is available"
	if left, limited := groupMemory(root); limited && left < available {
		available, from = left, "is left of the limit of its control group"
	}
	if running {
		if available < spareMemory {
			return []Finding{warning("raise the limit, or watch fewer cameras here", "memory: %s %s beside the running vigil", size(available), from)}
		}
		return []Finding{ok("memory: %s %s beside the running vigil", size(available), from)}
	}
	need := int64(baseMemory + cameraMemory*max(cameras, 1))
	text := fmt.Sprintf("memory: %s %s, %s are needed for %d camera(s)", size(available), from, size(need), max(cameras, 1))
	switch {
	case available < need:
		return []Finding{problem("free memory or raise the limit, or watch fewer cameras here", "%s", text)}
	case available < need+need/4:
		return []Finding{warning("free memory, or raise the limit: little is left for anything else", "%s", text)}
	}
	return []Finding{ok("%s", text)}
}

func memAvailable(root fs.FS) (int64, error) {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("/proc/meminfo has no MemAvailable")
}

// groupMemory is what the tightest control group of this process leaves (cgroups(7), versions 2 and 1).
func groupMemory(root fs.FS) (left int64, limited bool) {
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		g := group{root: root, base: "sys/fs/cgroup", limit: "memory.max", usage: "memory.current", cache: "inactive_file"}
		if parts[1] != "" {
			if parts[1] != "memory" {
				continue
			}
			g = group{root: root, base: "sys/fs/cgroup/memory", limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", cache: "total_inactive_file"}
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			if l, ok := g.left(at); ok && (!limited || l < left) {
				left, limited = l, true
			}
			if at == "/" {
				break
			}
		}
	}
	return left, limited
}

// group is where a hierarchy of control groups keeps its numbers.
type group struct {
	root                      fs.FS
	base, limit, usage, cache string
}

// left is the limit less what is used and could not be given back.
func (g group) left(at string) (int64, bool) {
	limit, err := g.number(at, g.limit)
	if err != nil || limit >= 1<<60 { // none: version 1 shows a number that no machine has
		return 0, false
	}
	used, err := g.number(at, g.usage)
	if err != nil {
		return 0, false
	}
	if text, err := fs.ReadFile(g.root, path.Join(g.base, at, "memory.stat")); err == nil {
		for line := range strings.Lines(string(text)) {
			if rest, ok := strings.CutPrefix(line, g.cache+" "); ok {
				if cache, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64); err == nil {
					used -= min(cache, used)
				}
			}
		}
	}
	return max(limit-used, 0), true
}

func (g group) number(at, name string) (int64, error) {
	text, err := fs.ReadFile(g.root, path.Join(g.base, at, name))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // "max" is an error, and no limit
}
