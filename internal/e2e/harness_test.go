package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	startTime = time.Minute      // for a process to come up, on a machine that builds something else meanwhile
	stopTime  = 20 * time.Second // for one to end when it is asked to
	pollEvery = 50 * time.Millisecond
)

// binaries are the programs under test, built once.
type binaries struct{ vigil, nats string }

var built struct {
	once sync.Once
	dir  string
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

func build(t *testing.T) binaries {
	t.Helper()
	if testing.Short() {
		t.Skip("runs other processes")
	}
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "vigil-e2e-"); built.err != nil {
			return
		}
		args := []string{"build", "-o", built.dir + "/"}
		if os.Getenv("VIGIL_E2E_RACE") == "1" {
			args = append(args, "-race")
		}
		for _, pkg := range []string{"vigil/cmd/vigil", "github.com/nats-io/nats-server/v2"} {
			out, err := exec.Command("go", append(args, pkg)...).CombinedOutput()
			if err != nil {
				built.err = fmt.Errorf("build %s: %w\n%s", pkg, err, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return binaries{vigil: filepath.Join(built.dir, "vigil"), nats: filepath.Join(built.dir, "nats-server")}
}

// port is a TCP port of this machine that is kept for the test: bound and not listened on, so that connections are
// refused, nobody else is given it, and a process that names it gets it, again and again.
type port struct {
	fd     int
	number int
}

func reserve(t *testing.T) *port {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &port{fd: fd}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	// Go's listeners set it too; two such sockets may be bound to one port as long as only one listens.
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	p.number = name.(*syscall.SockaddrInet4).Port
	return p
}

func (p *port) String() string { return fmt.Sprintf("127.0.0.1:%d", p.number) }

// serve listens on the port until the returned function is called or the test ends.
func (p *port) serve(t *testing.T, handler http.Handler) (stop func()) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", p.String())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve on %s: %v", p, err)
		}
	})
	stop = sync.OnceFunc(func() {
		_ = server.Close()
		serving.Wait()
	})
	t.Cleanup(stop)
	return stop
}

// greeting is what vigil serve --json says when it has started.
type greeting struct {
	Console    string
	RTSP       string
	WHIP       string
	Store      string
	AdminToken string `json:"admin_token"`
}

// process is a program that runs.
type process struct {
	name  string
	cmd   *exec.Cmd
	first chan []byte // the first line that it prints
	ended chan struct{}
	err   error // of Wait, once ended is closed
}

// spawn starts a program whose output goes to the test's log. It is stopped at the test's end at the latest.
func spawn(t *testing.T, name, path string, args ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(path, args...), first: make(chan []byte, 1), ended: make(chan struct{})}
	output := &lines{to: t.Output(), prefix: name}
	p.cmd.Stdout, p.cmd.Stderr = &lines{to: t.Output(), prefix: name, first: p.first}, output
	p.cmd.WaitDelay = time.Second
	p.cmd.Env = environ()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() { p.stop(t) })
	return p
}

// environ is ours without what would configure the program.
func environ() (env []string) {
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "VIGIL_") {
			env = append(env, e)
		}
	}
	return env
}

// launch starts vigil with a configuration. roles are all when none are given.
func launch(t *testing.T, config string, roles ...string) *process {
	t.Helper()
	file := filepath.Join(t.TempDir(), "vigil.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	name, args := "vigil", []string{"serve", "--json", "--config", file}
	if len(roles) > 0 {
		name = strings.Join(roles, ",")
		args = append(args, "--roles", name)
	}
	return spawn(t, name, build(t).vigil, args...)
}

// greeted waits until the program says where it is reached.
func (p *process) greeted(t *testing.T) greeting {
	t.Helper()
	select {
	case line := <-p.first:
		var g greeting
		if err := json.Unmarshal(line, &g); err != nil {
			t.Fatalf("%s greets with %q: %v", p.name, line, err)
		}
		return g
	case <-p.ended:
		t.Fatalf("%s ended before it greeted: %v", p.name, p.err)
	case <-time.After(startTime):
		t.Fatalf("%s has not greeted within %s", p.name, startTime)
	}
	return greeting{}
}

// start runs vigil with a configuration and waits until it is ready.
func start(t *testing.T, config string, roles ...string) (*process, greeting) {
	t.Helper()
	p := launch(t, config, roles...)
	g := p.greeted(t)
	if g.Console != "" {
		ready(t, g.Console)
	}
	return p, g
}

// ready waits until every part works.
func ready(t *testing.T, console string) {
	t.Helper()
	eventually(t, startTime, "/readyz answers 200", func() error {
		status, _, body, err := get(t.Context(), console+"/readyz", nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
}

// stop asks the process to end, and expects that it does and is content. A process that has ended is left alone.
func (p *process) stop(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may just have ended
	select {
	case <-p.ended:
		if p.err != nil {
			t.Errorf("%s ended with %v, want exit code 0", p.name, p.err)
		}
	case <-time.After(stopTime):
		t.Errorf("%s has not ended within %s of SIGTERM; its goroutines follow", p.name, stopTime)
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
			p.kill(t)
		}
	}
}

// finished waits until the process has ended by itself, and expects that it is content.
func (p *process) finished(t *testing.T, within time.Duration) {
	t.Helper()
	select {
	case <-p.ended:
		if p.err != nil {
			t.Errorf("%s ended with %v, want exit code 0", p.name, p.err)
		}
	case <-time.After(within):
		t.Fatalf("%s has not ended within %s", p.name, within)
	}
}

// kill ends the process as a power cut would.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Errorf("kill %s: %v", p.name, err)
	}
	<-p.ended
}

// lines writes whole lines, each behind a prefix, and hands out the first.
type lines struct {
	to     io.Writer
	prefix string
	first  chan<- []byte
	rest   []byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(b), nil
		}
		if l.first != nil {
			l.first <- bytes.Clone(line)
			l.first = nil
		}
		if _, err := fmt.Fprintf(l.to, "%s: %s\n", l.prefix, line); err != nil {
			return 0, err
		}
		l.rest = rest
	}
}

// eventually repeats try until it returns nil.
func eventually(t *testing.T, within time.Duration, what string, try func() error) {
	t.Helper()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	deadline := time.After(within)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %s: %v", what, within, err)
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// get reads an address.
func get(ctx context.Context, address string, header http.Header) (status int, got http.Header, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header, body, err
}
