// Package faultproxy is a TCP proxy that does to connections what networks do: it goes silent, resets them, refuses new
// ones, slows down, damages bytes and breaks off. Tests, soak and chaos put it before what Vigil talks to. It imports
// nothing of ours.
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Fault is what a proxy does to what passes.
type Fault int

// The faults.
const (
	// None passes everything on.
	None Fault = iota
	// Silent passes nothing on and closes nothing, as when a cable is pulled. What was held comes when it is over.
	Silent
	// Refused resets the connections there are, and each new one at once, as when a camera starts anew.
	Refused
	// Slow passes 4 KiB a second on, each way.
	Slow
	// Damaged inverts one byte in about a thousand.
	Damaged
	// Truncated resets a connection as soon as more than 16 KiB have passed on it in one direction.
	Truncated
)

// String implements fmt.Stringer.
func (f Fault) String() string {
	return [...]string{"none", "silent", "refused", "slow", "damaged", "truncated"}[f]
}

const (
	slowBytes = 400 // that much, slowEvery
	slowEvery = 100 * time.Millisecond
	damageGap = 1021

	truncateAt = 16 << 10
)

// Proxy passes TCP connections on to a target.
type Proxy struct {
	target   string
	listener net.Listener

	mu      sync.Mutex
	fault   Fault
	changed chan struct{} // closed, and replaced, when the fault changes
	pairs   map[*pair]bool
}

// pair is a connection and its other side.
type pair struct{ near, far *net.TCPConn }

// Listen returns a proxy on a free port of this machine. Nothing passes until Run.
func Listen(ctx context.Context, target string) (*Proxy, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fault proxy: %w", err)
	}
	return &Proxy{target: target, listener: l, changed: make(chan struct{}), pairs: make(map[*pair]bool)}, nil
}

// Addr is the address to connect to, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set makes the proxy do that from now on.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	p.fault = f
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	if f == Refused {
		p.Reset()
	}
}

// Reset resets all connections (RST). New ones pass as before.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.pairs {
		c.reset()
	}
}

// Run passes connections on until ctx ends, and then returns nil.
func (p *Proxy) Run(ctx context.Context) error {
	var connections sync.WaitGroup
	defer connections.Wait()
	defer p.Reset()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = p.listener.Close() })()
	for {
		near, err := p.listener.Accept()
		if ctx.Err() != nil {
			if err == nil {
				_ = near.Close()
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("fault proxy: %w", err)
		}
		connections.Go(func() { p.pass(ctx, near) })
	}
}

// pass connects near to the target until one of them ends.
func (p *Proxy) pass(ctx context.Context, near net.Conn) {
	far, err := new(net.Dialer).DialContext(ctx, "tcp", p.target)
	if err != nil {
		_ = near.Close()
		return
	}
	c := &pair{near.(*net.TCPConn), far.(*net.TCPConn)} //nolint:forcetypeassert // both are of tcp
	p.mu.Lock()
	refused := p.fault == Refused
	p.pairs[c] = true
	p.mu.Unlock()
	if refused || ctx.Err() != nil {
		c.reset()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ways sync.WaitGroup
	ways.Go(func() { defer c.close(); p.copy(ctx, far, near) })
	ways.Go(func() { defer c.close(); p.copy(ctx, near, far) })
	go func() { ways.Wait(); cancel() }()
	<-ctx.Done()
	c.close()
	ways.Wait()
	p.mu.Lock()
	delete(p.pairs, c)
	p.mu.Unlock()
}

// copy passes what comes from src on to dst, and does to it what the fault wants.
func (p *Proxy) copy(ctx context.Context, dst io.Writer, src io.Reader) {
	buffer := make([]byte, 32<<10)
	passed := 0
	for {
		n, err := src.Read(buffer)
		for part := buffer[:n]; len(part) > 0; {
			now, wait, ok := p.admit(ctx, part)
			if !ok || pause(ctx, wait) != nil {
				return
			}
			switch p.now() {
			case Damaged:
				damage(part[:now], passed)
			case Truncated:
				if passed+now > truncateAt {
					return
				}
			}
			if _, err := dst.Write(part[:now]); err != nil {
				return
			}
			passed, part = passed+now, part[now:]
		}
		if err != nil {
			return
		}
	}
}

// admit says how much of part may pass, and after what time; it waits while nothing may. It is false when ctx has ended.
func (p *Proxy) admit(ctx context.Context, part []byte) (n int, wait time.Duration, ok bool) {
	for {
		p.mu.Lock()
		fault, changed := p.fault, p.changed
		p.mu.Unlock()
		switch fault {
		case Silent:
			select {
			case <-changed:
			case <-ctx.Done():
				return 0, 0, false
			}
		case Slow:
			return min(len(part), slowBytes), slowEvery, true
		default:
			return len(part), 0, true
		}
	}
}

func (p *Proxy) now() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// damage inverts the bytes whose place in the stream is a multiple of damageGap.
func damage(part []byte, at int) {
	for i := (damageGap - at%damageGap) % damageGap; i < len(part); i += damageGap {
		part[i] = ^part[i]
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reset ends both sides with an RST: nothing lingers.
func (c *pair) reset() {
	_ = errors.Join(c.near.SetLinger(0), c.far.SetLinger(0)) // fails only for what is closed already
	c.close()
}

func (c *pair) close() { _ = errors.Join(c.near.Close(), c.far.Close()) }
