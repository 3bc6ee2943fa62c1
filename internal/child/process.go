package child

import (
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// stopWithin is how long a child that was told to end may take.
	stopWithin = 8 * time.Second
	// lastWords is how much of what a child writes to standard error is kept: its beginning says why Go ended it.
	lastWords = 2 << 10
)

// Process is a child as its parent has it.
type Process struct {
	cmd    *exec.Cmd
	orders *gob.Encoder
	stdin  io.WriteCloser
	log    *slog.Logger
	words  words
	stages chan string
	ended  chan struct{}
	oom    uint64 // processes that had been killed for want of memory when it began
	err    error  // of Wait, once ended is closed

	mu     sync.Mutex
	work   map[string]*doing
	failed string // what it said
	killed string // why it was killed by us
}

// doing is work since when.
type doing struct {
	Work
	since time.Time
	cpu   time.Duration // that the process had used by then; 0: not looked at yet
}

// Start starts the command as a child. It gets the environment without configuration, since that may hold secrets that
// others can read there. The child dies with this process, however that dies, and not with ctx, which is for its log.
func Start(ctx context.Context, command []string, log *slog.Logger) (*Process, error) {
	p := &Process{
		cmd: exec.Command(command[0], command[1:]...), log: log, //nolint:noctx // Stop ends it, by its orders first
		stages: make(chan string, 16), ended: make(chan struct{}), work: map[string]*doing{}, oom: oomKills(),
	}
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, "VIGIL_") })
	p.cmd.Stderr = &p.words
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	p.orders = gob.NewEncoder(p.stdin)
	told, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	p.cmd.ExtraFiles = []*os.File{write}
	started := make(chan error)
	go p.live(context.WithoutCancel(ctx), told, write, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	return p, nil
}

// live sees the child from its start to its end, on one thread: the kernel takes that one for the parent (prctl(2),
// PR_SET_PDEATHSIG).
func (p *Process) live(ctx context.Context, told, write *os.File, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	_ = write.Close()
	if err != nil {
		_ = told.Close()
	}
	started <- err
	if err != nil {
		return
	}
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		p.listen(ctx, told)
	}()
	<-listened // all that it has said, before it is known to have ended
	p.err = p.cmd.Wait()
	_ = told.Close()
	close(p.ended)
}

// listen takes what the child tells until it ends.
func (p *Process) listen(ctx context.Context, told io.Reader) {
	d := gob.NewDecoder(told)
	for {
		var m message
		if err := d.Decode(&m); err != nil {
			return
		}
		if m.Line != nil {
			m.Line.write(ctx, p.log)
			continue
		}
		p.mu.Lock()
		switch {
		case m.Begin != nil:
			p.work[m.Begin.Lane] = &doing{Work: *m.Begin, since: time.Now()}
		case m.End != "":
			delete(p.work, m.End)
		case m.Failed != "":
			p.failed = m.Failed
		}
		p.mu.Unlock()
		if m.Stage != "" {
			select {
			case p.stages <- m.Stage:
			default: // nobody waits for so many
			}
		}
	}
}

// Send gives the child its next order.
func (p *Process) Send(order any) error {
	if err := p.orders.Encode(order); err != nil {
		select {
		case <-p.ended:
			return errors.New(p.End().Reason)
		case <-time.After(time.Second):
		}
		return fmt.Errorf("orders for the child: %w", err)
	}
	return nil
}

// Await waits until the child has come so far. The error is what it said when it could not, or how it ended.
func (p *Process) Await(ctx context.Context, stage string) error {
	for {
		select {
		case s := <-p.stages:
			if s == stage {
				return nil
			}
		case <-p.ended:
			return errors.New(p.End().Reason)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Ended is closed when the child has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop tells the child to end, and kills it when it does not. It may be called again.
func (p *Process) Stop() {
	_ = p.stdin.Close()
	select {
	case <-p.ended:
	case <-time.After(stopWithin):
		p.log.Warn("the process did not end when it was told to", "within", stopWithin)
		p.kill("did not end when it was told to")
		<-p.ended
	}
}

// kill ends the child for a reason.
func (p *Process) kill(why string) {
	p.mu.Lock()
	p.killed = cmp.Or(p.killed, why)
	p.mu.Unlock()
	_ = p.cmd.Process.Kill() // it may just have ended
}

// End is how a child ended.
type End struct {
	Reason  string // in a line
	Words   string // what it wrote to standard error
	Outside bool   // somebody killed it
	Crash   bool   // it did not end by itself, nor because somebody ended it: what it worked on may be why
	Work    []Work // that was in work
}

// End tells how the child ended, when it has.
func (p *Process) End() End {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := End{Words: p.words.String(), Reason: p.failed}
	for _, d := range p.work {
		e.Work = append(e.Work, d.Work)
	}
	slices.SortFunc(e.Work, func(a, b Work) int { return cmp.Compare(a.Lane, b.Lane) })
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	first, _, _ := strings.Cut(e.Words, "\n")
	switch {
	case p.killed != "":
		e.Reason, e.Crash = p.killed, true
	case status.Signaled() && status.Signal() == syscall.SIGKILL && oomKills() > p.oom:
		e.Reason, e.Crash = "killed for want of memory", true
	case status.Signaled():
		e.Reason, e.Crash = "signal: "+status.Signal().String(), faults[status.Signal()]
		e.Outside = !e.Crash
	case status.ExitStatus() > 1 && !strings.HasPrefix(first, "SIGQUIT"): // Go ends with 2 by a panic or a fault
		e.Reason, e.Crash = cmp.Or(first, p.cmd.ProcessState.String()), true
	case e.Reason == "":
		e.Reason = cmp.Or(first, p.cmd.ProcessState.String())
	}
	return e
}

// faults are the signals that a process brings upon itself. Others, SIGKILL among them, come from outside.
var faults = map[syscall.Signal]bool{
	syscall.SIGSEGV: true, syscall.SIGABRT: true, syscall.SIGBUS: true, syscall.SIGILL: true, syscall.SIGFPE: true,
	syscall.SIGTRAP: true, syscall.SIGSYS: true, syscall.SIGXCPU: true,
}

// words keeps the beginning of what is written.
type words struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// Write implements io.Writer.
func (w *words) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept.Write(b[:min(len(b), lastWords-w.kept.Len())])
	return len(b), nil
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept.String()
}
