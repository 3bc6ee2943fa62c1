package child

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// When work has gone on for too long: a fragment is a quarter of a second of video. A machine that is overloaded, or was
// stopped, makes everything late, so the child must have had the processor meanwhile; one that waits for ever uses none.
const (
	lookEvery  = 500 * time.Millisecond
	hungAfter  = 8 * time.Second
	hungCPU    = 4 * time.Second // of the whole child since the work began
	stuckAfter = time.Minute
)

// hung reports whether work that has gone on for so long, in which the child used so much of the processor, will not end.
func hung(wall, cpu time.Duration) bool {
	return wall >= hungAfter && cpu >= hungCPU || wall >= stuckAfter
}

// look kills the child when a lane hangs.
func (p *Process) look(now time.Time) {
	used, err := cpuTime(p.PID())
	if err != nil {
		return // it has just ended
	}
	p.mu.Lock()
	var why string
	for _, d := range p.work {
		if d.cpu == 0 {
			d.cpu = used
		}
		if wall := now.Sub(d.since); hung(wall, used-d.cpu) {
			why = fmt.Sprintf("hung: at work on the same for %s", wall.Round(100*time.Millisecond))
			// Only what hangs is suspected: the others would have gone on.
			p.work = map[string]*doing{d.Lane: d}
			break
		}
	}
	p.mu.Unlock()
	if why != "" {
		p.kill(why)
	}
}

// tick is the unit of the times in /proc (sysconf(_SC_CLK_TCK)), which Linux has the same on every machine.
const tick = time.Second / 100

// cpuTime is how much of the processor a process has used (proc_pid_stat(5)).
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, err
	}
	// The name in the second field may hold anything, a parenthesis too.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick, err
}

// oomKills is how many processes the kernel has killed for want of memory; 0 where it does not tell.
func oomKills() uint64 {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			count, _ := strconv.ParseUint(strings.TrimSpace(n), 10, 64)
			return count
		}
	}
	return 0
}
