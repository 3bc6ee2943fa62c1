package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// site is a running Vigil, and the cameras that publish to it.
type site struct {
	dir     string // removed at the end
	vigil   *exec.Cmd
	cameras []*exec.Cmd
	rtsp    string
}

// settings are what a site is opened with.
type settings struct {
	yaml string   // lines of the configuration, besides addresses, the data folder and the networks
	args []string // of vigil serve
	gap  string   // that ends visits; empty: shortVisits
	path string   // of the HTTP listener that answers 200 when all is ready; empty: there is none
}

// whole is a Vigil with every role that knows the people in a folder, if any, and sends webhooks to hook, if any.
func whole(people, hook, secret string) settings {
	s := settings{path: "/readyz"}
	if people != "" {
		s.yaml += fmt.Sprintf("people: [ { name: Somebody, photos: %q } ]\n", people)
	}
	if hook != "" {
		s.yaml += fmt.Sprintf("endpoints: [ { id: bench, url: %q, secret: %q, allow_private: true } ]\n", hook, secret)
	}
	return s
}

// shortVisits lets each crossing be a visit.
const shortVisits = "3s"

// greeting is what vigil serve --json says when it has started.
type greeting struct{ Console, WHIP, RTSP string }

// open starts Vigil on free ports and waits until it is ready.
func (l *lab) open(ctx context.Context, with settings) (s *site, err error) {
	s = &site{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "vigil-bench-"); err != nil {
		return s, err
	}
	file := filepath.Join(s.dir, "vigil.yaml")
	if err := os.WriteFile(file, []byte(l.config(s.dir, cmp.Or(with.gap, shortVisits))+with.yaml), 0o600); err != nil {
		return s, err
	}
	s.vigil = exec.CommandContext(context.WithoutCancel(ctx), l.vigil, append([]string{"serve", "--json", "--config", file}, with.args...)...)
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return s, err
	}
	defer func() { _ = log.Close() }() // the program has its own
	s.vigil.Stderr = log
	out, err := s.vigil.StdoutPipe()
	if err != nil {
		return s, err
	}
	if err := s.vigil.Start(); err != nil {
		return s, err
	}
	var g greeting
	if line, err := bufio.NewReader(out).ReadBytes('\n'); err != nil {
		return s, fmt.Errorf("vigil said nothing: %w\n%s", err, s.log())
	} else if err := json.Unmarshal(line, &g); err != nil {
		return s, fmt.Errorf("vigil greets with %q: %w", line, err)
	}
	s.rtsp = g.RTSP
	if with.path == "" {
		return s, nil
	}
	return s, s.ready(ctx, cmp.Or(g.Console, strings.TrimSuffix(g.WHIP, "/whip"))+with.path)
}

func (l *lab) config(dir, gap string) string {
	models, err := filepath.Abs(l.models)
	if err != nil {
		models = l.models
	}
	return fmt.Sprintf("data_dir: %q\nhttp: { listen: \"127.0.0.1:0\" }\nrtsp: { listen: \"127.0.0.1:0\" }\n"+
		"webrtc: { udp: \"127.0.0.1:0\" }\nmodels: { engine: deep, dir: %q }\nalerts: { visit_gap: %s }\n", filepath.Join(dir, "data"), models, gap)
}

func (s *site) log() string {
	data, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return tail(string(data))
}

// ready waits until the address answers 200.
func (s *site) ready(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := rest(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("vigil is not ready: %w\n%s", err, s.log())
		}
	}
}

// rest waits.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// publish adds a camera that shows the video over and over, as it was encoded.
func (s *site) publish(ctx context.Context, video string) error {
	url := s.rtsp + "/camera-" + strconv.Itoa(len(s.cameras)+1)
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "-1", "-i", video, "-c", "copy", "-f", "rtsp",
		"-rtsp_transport", "tcp", url)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start camera: %w", err)
	}
	s.cameras = append(s.cameras, cmd)
	return nil
}

// close ends the cameras, then Vigil.
func (s *site) close() error {
	for _, c := range s.cameras {
		_ = c.Process.Kill()
		_ = c.Wait() // it was killed
	}
	var errs []error
	if s.vigil != nil && s.vigil.Process != nil {
		_ = s.vigil.Process.Signal(syscall.SIGTERM)
		stop := time.AfterFunc(30*time.Second, func() { _ = s.vigil.Process.Kill() })
		if err := s.vigil.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("vigil ended: %w\n%s", err, s.log()))
		}
		stop.Stop()
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// folders lists the folders in dir.
func folders(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found, nil
}
