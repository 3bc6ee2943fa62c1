package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ticks is the unit of CPU time in /proc: USER_HZ, 100 a second on every Linux that Go runs on (proc(5)).
const ticks = 100.0

// usage is what a process and its children have taken so far.
type usage struct {
	cpu    float64 // seconds
	memory float64 // MiB that are resident now
}

// stat is what is read of /proc/<pid>/stat.
type stat struct {
	pid, parent int
	cpu         float64 // seconds, user and system, with that of children that have ended
	resident    float64 // MiB
}

// parseStat reads a line of /proc/<pid>/stat. The program's name, in brackets, may hold anything, brackets included.
func parseStat(line string) (stat, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}, fmt.Errorf("stat %q: no name in brackets", line)
	}
	fields := strings.Fields(line[end+1:]) // from the third field of proc(5) on
	if len(fields) < 22 {
		return stat{}, fmt.Errorf("stat %q: %d fields behind the name", line, len(fields))
	}
	var n [22]int
	for i := 1; i < len(n); i++ {
		n[i], _ = strconv.Atoi(fields[i]) // some that nobody reads exceed an int
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line[:open]))
	if err != nil {
		return stat{}, fmt.Errorf("stat %q: %w", line, err)
	}
	return stat{
		pid: pid, parent: n[1], cpu: float64(n[11]+n[12]+n[13]+n[14]) / ticks,
		resident: float64(n[21]) * float64(os.Getpagesize()) / (1 << 20),
	}, nil
}

// used sums up a process and everything that it started.
func used(pid int) (usage, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return usage{}, fmt.Errorf("processes: %w", err)
	}
	var all []stat
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil {
			continue
		}
		line, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue // it has ended
		}
		s, err := parseStat(string(line))
		if err != nil {
			return usage{}, err
		}
		all = append(all, s)
	}
	return family(all, pid)
}

// family sums up a process and its descendants.
func family(all []stat, pid int) (usage, error) {
	var u usage
	found := false
	for _, s := range all {
		if s.pid == pid {
			u, found = usage{u.cpu + s.cpu, u.memory + s.resident}, true
		} else if s.parent == pid {
			child, err := family(all, s.pid)
			if err != nil {
				return u, err
			}
			u = usage{u.cpu + child.cpu, u.memory + child.memory}
		}
	}
	if !found {
		return u, fmt.Errorf("process %d has ended", pid)
	}
	return u, nil
}

// idle is how long the machine's cores have had nothing to do, in seconds, together.
func idle() (float64, error) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("idle time: %w", err)
	}
	first, _, _ := bytes.Cut(data, []byte("\n"))
	fields := strings.Fields(string(first)) // cpu user nice system idle iowait …
	if len(fields) < 6 {
		return 0, fmt.Errorf("idle time: got %q", first)
	}
	resting, err := strconv.ParseFloat(fields[4], 64)
	if err != nil {
		return 0, fmt.Errorf("idle time: %w", err)
	}
	waiting, err := strconv.ParseFloat(fields[5], 64)
	if err != nil {
		return 0, fmt.Errorf("idle time: %w", err)
	}
	return (resting + waiting) / ticks, nil
}

// listens reports whether a process of this machine listens on the TCP port, by /proc/net/tcp (proc(5)): local addresses
// are in the second field, in hexadecimal, and 0A in the fourth is a listener.
func listens(port int) (bool, error) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			return false, fmt.Errorf("listeners: %w", err)
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line)
			if len(fields) > 3 && fields[3] == "0A" && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				return true, nil
			}
		}
	}
	return false, nil
}
