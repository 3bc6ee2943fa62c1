package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes a child of the test's own program.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "child" {
		if err := live(); err != nil && !errors.Is(err, io.EOF) {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// live is the child: it does what the first order says, with what the second says to be careful.
func live() error {
	parent, err := Attach()
	if err != nil {
		return err
	}
	var order string
	if err := parent.Receive(&order); err != nil {
		return err
	}
	log := parent.Logger(slog.LevelInfo).With("text", "t").WithGroup("g")
	log.Debug("not wanted")
	log.Warn("said", "n", -3, "wait", time.Second, "ok", true, "x", 1.5, "error", errors.New("why"), slog.Group("h", "u", uint64(7)))
	if err := parent.Reached("ready"); err != nil {
		return err
	}
	var careful Orders
	if err := parent.Receive(&careful); err != nil {
		return err
	}
	guard := NewGuard(parent, careful)
	lane, other := guard.Lane("door"), guard.Lane("yard")
	if err := other.Enter("yard/1", 1); err != nil {
		return err
	}
	other.Leave()
	if err := lane.Enter("door/1", 2); err != nil {
		return errors.Join(parent.Failed(err), err)
	}
	return do(order, parent)
}

func do(order string, parent *Parent) error {
	self := syscall.Getpid()
	switch order {
	case "fault":
		_ = syscall.Kill(self, syscall.SIGSEGV)
	case "panic":
		panic("of the child")
	case "fail":
		err := errors.New("cannot go on")
		return errors.Join(parent.Failed(err), err)
	case "memory":
		had, err := MeasureMemory()
		if err != nil {
			return err
		}
		if err := had.Allow(64 << 20); err != nil {
			return err
		}
		taken := bytes.Repeat([]byte{1}, 4<<30)
		return fmt.Errorf("got %d bytes", len(taken))
	}
	return parent.Receive(&struct{}{})
}

func begin(t *testing.T, order string, log *slog.Logger, careful Orders) *Process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(t.Context(), []string{self, "child"}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	if err := errors.Join(p.Send(order), p.Await(t.Context(), "ready"), p.Send(careful)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEnds(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	for order, test := range map[string]struct {
		reason string
		crash  bool
		work   string
	}{
		"fault":  {"SIGSEGV: segmentation violation", true, "door/1"},
		"panic":  {"panic: of the child", true, "door/1"},
		"memory": {"", true, "door/1"},
		"fail":   {"cannot go on", false, "door/1"},
	} {
		p := begin(t, order, quiet, Orders{})
		<-p.Ended()
		e := p.End()
		if !strings.Contains(e.Reason+e.Words, test.reason) || e.Crash != test.crash || len(e.Work) != 1 || e.Work[0].ID != test.work {
			t.Errorf("%s: got %+v", order, e)
		}
	}
}

func TestKilledFromOutsideIsNoCrash(t *testing.T) {
	p := begin(t, "wait", slog.New(slog.DiscardHandler), Orders{})
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Ended()
	if e := p.End(); e.Crash || e.Reason != "signal: killed" {
		t.Errorf("got %+v", e)
	}
}

func TestStop(t *testing.T) {
	p := begin(t, "wait", slog.New(slog.DiscardHandler), Orders{Suspected: []string{"door/1"}})
	p.Stop()
	p.Stop()
	if e := p.End(); p.err != nil || e.Crash {
		t.Errorf("got %+v, %v", e, p.err)
	}
}

func TestLeftOut(t *testing.T) {
	p := begin(t, "wait", slog.New(slog.DiscardHandler), Orders{LeftOut: []string{"door/1"}})
	<-p.Ended()
	if e := p.End(); e.Crash || !strings.HasPrefix(e.Reason, "left out") {
		t.Errorf("got %+v", e)
	}
}

func TestLog(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil)).With("role", "vision")
	p := begin(t, "wait", log, Orders{})
	p.Stop()
	want := `level=WARN msg=said role=vision text=t g.n=-3 g.wait=1s g.ok=true g.x=1.5 g.error=why g.h.u=7`
	if !strings.Contains(text.String(), want) || strings.Contains(text.String(), "not wanted") {
		t.Errorf("got %s", text.String())
	}
}

func TestKeeper(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	buried, up := make(chan Work, 1), make(chan Status, 100)
	k := &Keeper{
		Begin: func(ctx context.Context) (*Process, error) {
			p, err := Start(ctx, []string{self, "child"}, slog.New(slog.DiscardHandler))
			if err != nil {
				return nil, err
			}
			return p, errors.Join(p.Send("fault"), p.Await(ctx, "ready"))
		},
		Bury: func(_ context.Context, w Work, _ string) { buried <- w },
		Tell: func(_ context.Context, s Status) { up <- s },
		Log:  slog.New(slog.DiscardHandler),
	}
	if err := k.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	if w := <-buried; w.ID != "door/1" || w.Lane != "door" || w.Pos != 2 {
		t.Errorf("buried %+v", w)
	}
	for s := range up {
		// The third child leaves it out, and fails for it.
		if s.Restarts == 3 {
			if !strings.HasPrefix(s.Reason, "left out") || s.Up {
				t.Errorf("got %+v", s)
			}
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReplace(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	up := make(chan int, 10)
	begin := func(ctx context.Context) (*Process, error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		p, err := Start(ctx, []string{self, "child"}, slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		return p, errors.Join(p.Send("wait"), p.Await(ctx, "ready"))
	}
	var k *Keeper
	k = &Keeper{
		Begin: begin,
		Tell: func(_ context.Context, s Status) {
			if s.Restarts > 0 {
				t.Errorf("got %+v", s)
			}
			up <- k.PID()
		},
		Log: slog.New(slog.DiscardHandler),
	}
	done := make(chan error)
	go func() { done <- k.Run(ctx) }()
	first := <-up
	next, err := begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	k.Replace(next)
	if second := <-up; second == first || second != next.PID() {
		t.Errorf("got process %d after %d, want %d", second, first, next.PID())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
