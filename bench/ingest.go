package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// ingestCounts are how many cameras are recorded at once.
var ingestCounts = []int{1, 4, 16, 32}

const (
	// mostOfCore is the part of a core that a camera of 4 Mbit/s may cost on its way to the log.
	mostOfCore = 0.03
	// mostOfMemory is the memory of a further camera, in MiB.
	mostOfMemory = 20
)

// ingest measures what a camera costs from the socket to the acknowledged fragment, beside FFmpeg that records the same
// video into a file, and how that grows. The log is a server of its own, whose cost is told apart.
func (l *lab) ingest(ctx context.Context) error {
	if _, err := os.Stat(l.nats); errors.Is(err, os.ErrNotExist) {
		l.skip("ingest: %s is not there: make nats-server", l.nats)
		return nil
	}
	video, err := l.studio.shoot(ctx, personFilm, l.length)
	if err != nil {
		return err
	}
	const part = "From the socket to the log"
	var n, cpu, memory []float64
	for _, count := range ingestCounts {
		here, log, err := l.record(ctx, video, count)
		if err != nil {
			return fmt.Errorf("%d cameras: %w", count, err)
		}
		there, err := l.recorders(ctx, video, count)
		if err != nil {
			return fmt.Errorf("%d recorders: %w", count, err)
		}
		n, cpu, memory = append(n, float64(count)), append(cpu, here.cpu), append(memory, here.memory)
		each := func(v load) string { return number(v.cpu/float64(count)) + " each" }
		what := fmt.Sprintf("%d × 1080p25 at 4 Mbit/s: ", count)
		vigil := figure(part, what+"Vigil's ingest", "cores", nil, here.cpu)
		vigil.Note = fmt.Sprintf("%s; %.0f MiB resident; machine %.0f %% busy", each(here), here.memory, 100*here.busy)
		server := figure(part, what+"the NATS server", "cores", nil, log.cpu)
		server.Note = fmt.Sprintf("%s; %.0f MiB resident", each(log), log.memory)
		ffmpeg := figure(part, what+"FFmpeg into files", "cores", nil, there.cpu)
		ffmpeg.Note = fmt.Sprintf("%s; %.0f MiB resident", each(there), there.memory)
		l.add(vigil, server, ffmpeg)
	}
	work, room := fit(n, cpu), fit(n, memory)
	straight := figure(part, "Vigil's CPU each at the most cameras over CPU of one", "", atMost(1.15), cpu[len(n)-1]/n[len(n)-1]/cpu[0])
	straight.Note = fmt.Sprintf("farthest from a straight line: %.0f %%", 100*work.farthest)
	l.add(
		figure(part, "CPU of a further camera", "cores", atMost(mostOfCore), work.slope), straight,
		figure(part, "memory of a further camera", "MiB", atMost(mostOfMemory), room.slope),
		figure(part, "memory without cameras, by that line", "MiB", nil, room.start),
	)
	return nil
}

// record measures an ingest role with so many cameras, and the server that keeps their log.
func (l *lab) record(ctx context.Context, video string, count int) (here, log load, err error) {
	server, address, err := l.openNATS(ctx)
	if err != nil {
		return load{}, load{}, err
	}
	defer func() { err = errors.Join(err, server.close()) }()
	s, err := l.open(ctx, settings{
		yaml: fmt.Sprintf("nats: { url: %q }\n", "nats://"+address), args: []string{"--roles", "ingest"}, path: "/healthz",
	})
	if err != nil {
		return load{}, load{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for range count {
		if err := s.publish(ctx, video); err != nil {
			return load{}, load{}, err
		}
	}
	if err := rest(ctx, settle); err != nil {
		return load{}, load{}, err
	}
	ended := make(chan error, 1)
	go func() {
		var err error
		log, err = watch(ctx, server.command.Process.Pid, l.window)
		ended <- err
	}()
	here, err = watch(ctx, s.vigil.Process.Pid, l.window)
	return here, log, errors.Join(err, <-ended)
}

// recorders measures as many FFmpegs that each take one camera's video into a file.
func (l *lab) recorders(ctx context.Context, video string, count int) (sum load, err error) {
	dir, err := os.MkdirTemp("", "vigil-bench-")
	if err != nil {
		return load{}, err
	}
	all := programs{dir: dir}
	defer func() { err = errors.Join(err, all.close()) }()
	var pids []int
	for i := range count {
		port, err := freePort(ctx)
		if err != nil {
			return load{}, err
		}
		address := fmt.Sprintf("rtsp://127.0.0.1:%d/camera", port)
		file := filepath.Join(dir, strconv.Itoa(i)+".mp4")
		pid, err := all.start(ctx, "-rtsp_flags", "listen", "-i", address, "-c", "copy", "-movflags", "frag_keyframe", file)
		if err != nil {
			return load{}, err
		}
		pids = append(pids, pid)
		if err := listening(ctx, port); err != nil {
			return load{}, err
		}
		if _, err := all.start(ctx, "-re", "-stream_loop", "-1", "-i", video, "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", address); err != nil {
			return load{}, err
		}
	}
	if err := rest(ctx, settle); err != nil {
		return load{}, err
	}
	return watchAll(ctx, pids, l.window)
}

// watchAll sums up what processes take during the window.
func watchAll(ctx context.Context, pids []int, window time.Duration) (sum load, err error) {
	loads, errs := make([]load, len(pids)), make([]error, len(pids))
	done := make(chan struct{})
	for i, pid := range pids {
		go func() {
			loads[i], errs[i] = watch(ctx, pid, window)
			done <- struct{}{}
		}()
	}
	for range pids {
		<-done
	}
	for _, one := range loads {
		sum.cpu, sum.memory = sum.cpu+one.cpu, sum.memory+one.memory
	}
	return sum, errors.Join(errs...)
}

// programs are ffmpegs at work in a folder that goes with them.
type programs struct {
	dir     string
	running []*exec.Cmd
}

func (p *programs) start(ctx context.Context, args ...string) (pid int, err error) {
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...)
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start ffmpeg: %w", err)
	}
	p.running = append(p.running, cmd)
	return cmd.Process.Pid, nil
}

func (p *programs) close() error {
	for _, cmd := range p.running {
		_ = cmd.Process.Kill()
	}
	for _, cmd := range p.running {
		_ = cmd.Wait() // it was killed
	}
	return os.RemoveAll(p.dir)
}

// natsServer is a NATS server with JetStream in a folder of its own.
type natsServer struct {
	dir     string
	command *exec.Cmd
}

func (l *lab) openNATS(ctx context.Context) (s *natsServer, address string, err error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, "", err
	}
	s = &natsServer{}
	if s.dir, err = os.MkdirTemp("", "vigil-bench-"); err != nil {
		return nil, "", err
	}
	s.command = exec.CommandContext(context.WithoutCancel(ctx), l.nats, "-a", "127.0.0.1", "-p", strconv.Itoa(port), "-js", "-sd", s.dir)
	if err := s.command.Start(); err != nil {
		return nil, "", errors.Join(fmt.Errorf("start the NATS server: %w", err), os.RemoveAll(s.dir))
	}
	if err := listening(ctx, port); err != nil {
		return nil, "", errors.Join(err, s.close())
	}
	return s, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}

func (s *natsServer) close() error {
	_ = s.command.Process.Kill()
	_ = s.command.Wait() // it was killed
	return os.RemoveAll(s.dir)
}

// freePort is a TCP port on which nobody listens right now.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	address, _ := listener.Addr().(*net.TCPAddr)
	return address.Port, listener.Close()
}

// listening waits until somebody listens on the port. It reads what the kernel says of it, since a connection to find
// out would be the only one that an FFmpeg takes.
func listening(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		found, err := listens(port)
		if err != nil || found {
			return err
		}
		if err := rest(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("nobody listens on port %d: %w", port, err)
		}
	}
}
