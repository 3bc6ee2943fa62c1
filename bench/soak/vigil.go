package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// program is the Vigil that is watched.
type program struct {
	command *exec.Cmd
	log     string // file
	said    struct {
		Console, RTSP string
		Token         string `json:"admin_token"`
	}
}

// launch starts Vigil with the configuration and waits for its greeting.
func launch(ctx context.Context, binary, dir, yaml string) (p *program, err error) {
	file := filepath.Join(dir, "vigil.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	p = &program{log: filepath.Join(dir, "log")}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the program has its own
	p.command = exec.CommandContext(context.WithoutCancel(ctx), binary, "serve", "--json", "--config", file)
	p.command.Stderr = log
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start vigil: %w", err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.said)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("vigil greets with %q: %w", line, err), p.stop())
	}
	return p, nil
}

// stop ends Vigil as an owner does.
func (p *program) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(time.Minute, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	if err := p.command.Wait(); err != nil {
		return fmt.Errorf("vigil ended: %w", err)
	}
	return nil
}

// sample is what Vigil says of itself.
type sample struct {
	at          time.Time
	goroutines  float64
	descriptors float64
	program     float64 // MiB of the program that are resident
	vision      float64 // MiB of the process that decodes and decides
	online      map[string]bool
	latest      map[string]float64 // when each camera's latest access unit came, seconds since 1970
}

var cameraLine = regexp.MustCompile(`(?m)^vigil_stream_(up|last_frame_timestamp_seconds)\{camera="([^"]+)"\} (\S+)$`)

// sample reads the metrics.
func (p *program) sample(ctx context.Context) (s sample, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.said.Console+"/metrics", nil)
	if err != nil {
		return s, err
	}
	request.Header.Set("Authorization", "Bearer "+p.said.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return s, fmt.Errorf("metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil || response.StatusCode != http.StatusOK {
		return s, fmt.Errorf("metrics: %s, %w", response.Status, err)
	}
	s = sample{at: time.Now(), online: map[string]bool{}, latest: map[string]float64{}}
	var files, visionFiles float64
	for name, to := range map[string]*float64{
		"go_goroutines": &s.goroutines, "process_open_fds": &files, "process_resident_memory_bytes": &s.program,
		"vigil_vision_process_open_fds": &visionFiles, "vigil_vision_process_resident_memory_bytes": &s.vision,
	} {
		found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(body)
		if found == nil {
			return s, fmt.Errorf("metrics: no %s", name)
		}
		if *to, err = strconv.ParseFloat(string(found[1]), 64); err != nil {
			return s, fmt.Errorf("metrics: %s: %w", name, err)
		}
	}
	s.descriptors = files + visionFiles
	s.program /= 1 << 20
	s.vision /= 1 << 20
	for _, found := range cameraLine.FindAllSubmatch(body, -1) {
		value, err := strconv.ParseFloat(string(found[3]), 64)
		if err != nil {
			return s, fmt.Errorf("metrics: camera %s: %w", found[2], err)
		}
		if string(found[1]) == "up" {
			s.online[string(found[2])] = value == 1
		} else {
			s.latest[string(found[2])] = value
		}
	}
	return s, nil
}
