package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Machine describes what the figures were measured on and with.
type Machine struct {
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Memory  string `json:"memory"`
	System  string `json:"system"`
	Go      string `json:"go"`
	FFmpeg  string `json:"ffmpeg"`
	OpenCV  string `json:"opencv"`
	Engine  string `json:"engine"` // as Vigil describes it in its log when it opens it
	Vigil   string `json:"vigil"`  // its git version
	LoadAvg string `json:"load"`   // 1 minute's, before anything was measured
}

func (m Machine) facts() [][2]string {
	return [][2]string{
		{"CPU", fmt.Sprintf("%s, %d cores, %s of memory, load %s before the run", m.CPU, m.Cores, m.Memory, m.LoadAvg)},
		{"System", m.System + ", " + m.Go},
		{"FFmpeg", m.FFmpeg},
		{"OpenCV", m.OpenCV},
		{"Engine", m.Engine},
		{"Vigil", m.Vigil},
	}
}

func describe(ctx context.Context, python string) Machine {
	read := func(path string) string {
		b, _ := os.ReadFile(path) // what is not there is told as unknown
		return string(b)
	}
	kib := 0
	_, _ = fmt.Sscan(field(read("/proc/meminfo"), "MemTotal", ":"), &kib)
	load, _, _ := strings.Cut(read("/proc/loadavg"), " ")
	ffmpeg, _, _ := strings.Cut(said(ctx, "ffmpeg", "-version"), " Copyright")
	return Machine{
		CPU: field(read("/proc/cpuinfo"), "model name", ":"), Cores: runtime.NumCPU(),
		Memory: fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20)), LoadAvg: load,
		System: strings.Trim(field(read("/etc/os-release"), "PRETTY_NAME", "="), `"`), Go: runtime.Version(),
		FFmpeg: strings.TrimPrefix(ffmpeg, "ffmpeg version "), Engine: "unknown",
		OpenCV: said(ctx, "pkg-config", "--modversion", "opencv4") + ", Python's " + said(ctx, python, "-c", "import cv2; print(cv2.__version__)"),
		Vigil:  said(ctx, "git", "describe", "--tags", "--always", "--dirty"),
	}
}

// engine describes the engine as a log of JSON lines does that tells of its opening, networks and run time included.
func engine(log string) string {
	for line := range strings.Lines(log) {
		entry := map[string]any{}
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry["msg"] != "face engine opened" {
			continue
		}
		var said []string
		for _, key := range slices.Sorted(maps.Keys(entry)) {
			if !slices.Contains([]string{"time", "level", "msg"}, key) {
				said = append(said, fmt.Sprintf("%s %v", key, entry[key]))
			}
		}
		return strings.Join(said, ", ")
	}
	return "unknown"
}

// field returns what follows the name in the first line that begins with it, "unknown" when there is none.
func field(text, name, separator string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// said is the first line that a program prints, "unknown" when it cannot be run.
func said(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output()
	first, _, _ := strings.Cut(string(out), "\n")
	if first = strings.TrimSpace(first); err != nil || first == "" {
		return "unknown"
	}
	return first
}
