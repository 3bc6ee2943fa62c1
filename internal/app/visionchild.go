package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"

	"vigil/clips/s3"
	"vigil/frames"
	framesjs "vigil/frames/jetstream"
	"vigil/internal/bus"
	"vigil/internal/child"
	"vigil/internal/objectd"
	"vigil/vision"
)

// What a child may take beyond its networks. A camera's pictures of 3840×2160 are 12 MB, of which a decoder keeps 17 and a
// few more, for each of two streams.
const (
	childMemory  = 1 << 30
	cameraMemory = 512 << 20
)

// RunVision is the child: it runs the vision role for the program that started this process, until that ends it or is
// gone. An error has been told the parent.
func RunVision() error {
	return runVision(func(open vision.NewDecoder) vision.NewDecoder { return open })
}

// runVision is RunVision with decoders that are wrapped.
func runVision(wrap func(vision.NewDecoder) vision.NewDecoder) error {
	parent, err := child.Attach()
	if err != nil {
		return err
	}
	err = serveParent(parent, wrap)
	if err != nil && !errors.Is(err, io.EOF) {
		return errors.Join(err, parent.Failed(err))
	}
	return nil
}

// serveParent does what the parent orders, and returns nil or io.EOF when it wants no more.
func serveParent(parent *child.Parent, wrap func(vision.NewDecoder) vision.NewDecoder) (err error) {
	var order handover
	if err := parent.Receive(&order); err != nil {
		return err
	}
	a := &App{
		cfg: order.Config, roles: []Role{Vision}, version: order.Version, log: parent.Logger(order.Level), routes: http.NewServeMux(),
		decoder: wrap(OpenDecoder), detail: wrap(openDetail), parent: &orders{from: parent, given: make(chan struct{})},
	}
	a.live.Store(&a.cfg)
	defer func() { err = errors.Join(err, a.Close()) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := a.openLanes(ctx); err != nil {
		return err
	}
	if a.parent.memory, err = child.MeasureMemory(); err != nil {
		return err
	}
	if err := errors.Join(a.parent.memory.Allow(childMemory), parent.Reached(stageEngine)); err != nil {
		return err
	}
	var around surroundings
	if err := parent.Receive(&around); err != nil {
		return err
	}
	// Reading the parent's orders is the one way to hear that it is gone.
	gone := make(chan error, 1)
	go func() {
		defer cancel()
		gone <- a.parent.receive()
	}()
	if err := a.openAround(ctx, around); err != nil {
		return unlessGone(ctx, err)
	}
	if err := parent.Reached(stageReady); err != nil {
		return err
	}
	if err := a.Run(ctx); err != nil {
		return unlessGone(ctx, err)
	}
	return <-gone
}

// unlessGone is err, unless the parent wanted the end.
func unlessGone(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return io.EOF
	}
	return err
}

// openAround opens what the parent has opened already, and the role.
func (a *App) openAround(ctx context.Context, s surroundings) (err error) {
	if a.bus, err = bus.Connect(ctx, s.Bus, bus.Options{CredsFile: s.Credentials, Log: a.log}); err != nil {
		return err
	}
	a.onClose(func() error { a.bus.Close(); return nil })
	a.frames = framesjs.New(a.bus.JetStream())
	if s.Socket != "" {
		s.Store.Transport = objectd.Transport(s.Socket)
	}
	store, err := s3.Open(s.Store)
	if err != nil {
		return err
	}
	a.store = store
	return a.openVision(ctx)
}

// orders are a child's, from its parent.
type orders struct {
	from    *child.Parent
	memory  child.Memory
	given   chan struct{} // closed when the parent wants the child to work
	guard   *child.Guard  // valid then
	began   atomic.Pointer[child.Guard]
	besides atomic.Int64 // lanes of beside
}

// receive takes the order to work, and returns when the parent has no more.
func (o *orders) receive() error {
	var careful child.Orders
	if err := o.from.Receive(&careful); err != nil {
		return err
	}
	o.guard = child.NewGuard(o.from, careful)
	o.began.Store(o.guard)
	close(o.given)
	return o.from.Receive(&struct{}{})
}

// whenTold runs the work when the parent wants it, which holds the lease.
func (o *orders) whenTold(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-o.given:
			return run(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// beside does something that crashes are laid to while lanes decode: a crash in it says nothing of the fragments in work
// beside it. A fragment's id may be empty.
func (o *orders) beside(what, fragment string, pos uint64, do func() error) error {
	if guard := o.began.Load(); guard != nil {
		lane := guard.Lane(what + " " + strconv.FormatInt(o.besides.Add(1), 10))
		if err := lane.Enter(fragment, pos); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		defer lane.Leave()
	}
	return do()
}

// guarded tells the parent what a worker decodes.
type guarded struct{ *child.Lane }

var _ vision.Guard = guarded{}

// Enter implements vision.Guard.
func (g guarded) Enter(f *frames.Fragment) error { return g.Lane.Enter(f.ID(), f.Pos) }
