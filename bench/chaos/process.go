package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTime is how long a process may take until it works: the lease of one that was killed lasts ten seconds.
const startTime = 90 * time.Second

// errEnded says that a process ended, and nobody had killed it.
var errEnded = errors.New("ended by itself")

// process is a program that is started again and again.
type process struct {
	name string
	path string
	args []string
	log  string // file that all of its lives write to
	// sign is part of a line, of its output or of its log, with which it says that it is at work. Empty: it is when its
	// address answers.
	sign    string
	address string

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{}
	working chan struct{}
}

// start begins a life.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := exec.Command(p.path, p.args...) //nolint:noctx // it is killed on purpose, at its own time
	cmd.Stdout, cmd.Stderr, cmd.Env = writer, writer, environ()
	if err := errors.Join(cmd.Start(), writer.Close()); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	working, ended := make(chan struct{}), make(chan struct{})
	p.cmd, p.working, p.ended = cmd, working, ended
	go func() {
		defer close(ended)
		p.listen(reader, log, working)
		_ = cmd.Wait() // it was killed
	}()
	return nil
}

// listen copies what the process says to its log, and looks for the sign.
func (p *process) listen(r io.ReadCloser, log io.WriteCloser, working chan struct{}) {
	defer func() { _ = errors.Join(r.Close(), log.Close()) }()
	said := p.sign == ""
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		_, _ = io.WriteString(log, line) // a log that is cut short harms nobody
		if !said && strings.Contains(line, p.sign) {
			said = true
			close(working)
		}
		if err != nil {
			return
		}
	}
}

// works waits until the process is at work.
func (p *process) works(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	p.mu.Lock()
	working, ended := p.working, p.ended
	p.mu.Unlock()
	for {
		if p.sign == "" && answers(ctx, p.address) {
			return nil
		}
		again := time.After(50 * time.Millisecond)
		if p.sign != "" {
			again = nil
		}
		select {
		case <-working:
			return nil
		case <-again:
		case <-ended:
			return fmt.Errorf("%s %w: see %s", p.name, errEnded, p.log)
		case <-ctx.Done():
			return fmt.Errorf("%s is not at work: %w: see %s", p.name, ctx.Err(), p.log)
		}
	}
}

// answers reports whether somebody listens.
func answers(ctx context.Context, address string) bool {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	return err == nil && c.Close() == nil
}

// kill ends the life as a power cut would.
func (p *process) kill() {
	p.mu.Lock()
	cmd, ended := p.cmd, p.ended
	p.mu.Unlock()
	_ = cmd.Process.Kill() // it may have ended
	<-ended
}

// signal sends a signal to it.
func (p *process) signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// stop ends it as an owner does.
func (p *process) stop() error {
	_ = p.signal(syscall.SIGCONT)
	_ = p.signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
		return nil
	case <-time.After(20 * time.Second):
		p.kill()
		return fmt.Errorf("%s has not ended within 20 s of SIGTERM: see %s", p.name, p.log)
	}
}

// environ is ours without what would configure the program.
func environ() (env []string) {
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "VIGIL_") || strings.HasPrefix(e, "VIGIL_MODELS_") {
			env = append(env, e)
		}
	}
	return env
}

// port is a TCP port of this machine that is kept: bound and not listened on, so that nobody else is given it and a
// process that names it gets it, again and again.
type port struct{ fd, number int }

func reserve() (*port, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	name, nameErr := syscall.Getsockname(fd)
	address, ok := name.(*syscall.SockaddrInet4)
	if err = errors.Join(err, nameErr); err != nil || !ok {
		return nil, errors.Join(errors.New("reserve a port"), err, syscall.Close(fd))
	}
	return &port{fd, address.Port}, nil
}

func (p *port) String() string { return fmt.Sprintf("127.0.0.1:%d", p.number) }
