package child

import (
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Parent is what a child knows of the process that started it.
type Parent struct {
	orders *gob.Decoder

	mu      sync.Mutex
	answers *gob.Encoder
}

// Attach returns the parent of this process, which must have been started as a child. From then on the parent alone ends
// it: a terminal and a service manager tell both at once, and the parent has to be first.
func Attach() (*Parent, error) {
	if _, err := unix.FcntlInt(answers, unix.F_GETFD, 0); err != nil {
		return nil, errors.New("not started by vigil: this command is for its own use")
	}
	unix.CloseOnExec(answers)
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return newParent(os.Stdin, os.NewFile(answers, "answers")), nil
}

func newParent(orders io.Reader, told io.Writer) *Parent {
	return &Parent{orders: gob.NewDecoder(orders), answers: gob.NewEncoder(told)}
}

// Receive reads the next order, of the type that the parent sends then. At io.EOF the parent wants the child to end, or is
// gone itself.
func (p *Parent) Receive(order any) error {
	if err := p.orders.Decode(order); err != nil {
		return fmt.Errorf("orders of the parent: %w", err)
	}
	return nil
}

// Reached says how far the child has come.
func (p *Parent) Reached(stage string) error { return p.tell(message{Stage: stage}) }

// Failed says why the child ends.
func (p *Parent) Failed(err error) error { return p.tell(message{Failed: err.Error()}) }

// Logger writes into the parent's log.
func (p *Parent) Logger(level slog.Level) *slog.Logger {
	return slog.New(handler{parent: p, level: level})
}

func (p *Parent) tell(m message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answers.Encode(m)
}
