package app

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// crew runs tasks that come and go while the program runs. The error of one ends all of them, and the program.
type crew struct {
	mu      sync.Mutex
	ctx     context.Context //nolint:containedctx // of run, for tasks that come later
	group   *errgroup.Group
	waiting map[string]func(ctx context.Context) error // until run
	members map[string]member
}

type member struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

// add starts a task, now or with the crew.
func (c *crew) add(name string, run func(ctx context.Context) error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ctx == nil && c.waiting == nil:
		c.waiting = map[string]func(context.Context) error{name: run}
	case c.ctx == nil:
		c.waiting[name] = run
	case c.ctx.Err() == nil:
		c.start(name, run)
	}
}

// start is called with the mutex held.
//
//nolint:contextcheck // members live as long as the crew, not as whoever adds one
func (c *crew) start(name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(c.ctx)
	m := member{cancel: cancel, ended: make(chan struct{})}
	c.members[name] = m
	c.group.Go(func() error {
		defer close(m.ended)
		err := run(ctx)
		if ctx.Err() != nil {
			return nil // it was told to end
		}
		return err
	})
}

// remove ends a task, and returns when it has ended.
func (c *crew) remove(name string) {
	c.mu.Lock()
	m, ok := c.members[name]
	delete(c.members, name)
	delete(c.waiting, name)
	c.mu.Unlock()
	if ok {
		m.cancel()
		<-m.ended
	}
}

// run works until ctx ends or a task fails.
func (c *crew) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	c.mu.Lock()
	c.ctx, c.group, c.members = ctx, group, map[string]member{}
	for name, run := range c.waiting {
		c.start(name, run)
	}
	c.waiting = nil
	c.mu.Unlock()
	group.Go(func() error { <-ctx.Done(); return nil }) // keeps the group when nobody is in it
	return group.Wait()
}
