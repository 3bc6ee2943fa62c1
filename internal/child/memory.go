package child

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Memory bounds what this process takes.
type Memory struct{ had uint64 }

// MeasureMemory takes what the process has by now as its own: code, networks, and a race detector's shadow.
func MeasureMemory() (Memory, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return Memory{}, err
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "VmData:"); ok {
			kib, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
			return Memory{had: kib << 10}, err
		}
	}
	return Memory{}, fmt.Errorf("/proc/self/status: no VmData")
}

// Allow lets the process have so many bytes beyond what it had, and no more: what asks for more is refused, or ends the
// process (getrlimit(2), RLIMIT_DATA).
func (m Memory) Allow(more uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limit of memory: %w", err)
	}
	limit.Cur = min(m.had+more, limit.Max)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &limit); err != nil {
		return fmt.Errorf("limit of memory: %w", err)
	}
	return nil
}
