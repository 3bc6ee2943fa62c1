package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"vigil/internal/faultproxy"
)

// done is the list of what was done, as it grows.
type done struct {
	mu     sync.Mutex
	faults []fault
}

// begin notes the beginning of a fault; the returned function its end.
func (d *done) begin(what, how string) (end func()) {
	f := fault{What: what, How: how, From: time.Now()}
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		f.To = time.Now()
		d.faults = append(d.faults, f)
	}
}

// all are the faults that are over.
func (d *done) all() []fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]fault(nil), d.faults...)
}

// count is how often something was done.
func (d *done) count(what, how string) (n int) {
	for _, f := range d.all() {
		if f.What == what && f.How == how {
			n++
		}
	}
	return n
}

// killAll kills every process that many times, each at moments of its own.
func (s *site) killAll(ctx context.Context, o options, d *done) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		random := rand.New(rand.NewPCG(o.seed, uint64(i))) //nolint:gosec // moments, no secrets
		group.Go(func() error {
			for n := range o.kills {
				if n%10 == 0 {
					fmt.Printf("%s: %s was killed %d times\n", time.Now().Format(time.TimeOnly), name, n)
				}
				if err := s.killOnce(ctx, name, random, o, d); err != nil {
					return fmt.Errorf("kill %d of %s: %w", n+1, name, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// killOnce kills a process at a random moment of its work, and starts it again after as random a while.
func (s *site) killOnce(ctx context.Context, name string, random *rand.Rand, o options, d *done) error {
	p := s.roles[name]
	if err := s.works(ctx, p, d); err != nil {
		return err
	}
	if err := rest(ctx, time.Duration(random.Int64N(int64(o.spread)))); err != nil {
		return err
	}
	end := d.begin(name, "killed")
	p.kill()
	if err := rest(ctx, time.Duration(random.Int64N(int64(time.Second)))); err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	err := s.works(ctx, p, d)
	end()
	return err
}

// works waits until the process is at work, and starts it again when it ends by itself, as whoever looks after a machine's
// processes does: a start may fail for want of the broker.
func (s *site) works(ctx context.Context, p *process, d *done) error {
	for range 5 {
		end := d.begin(p.name, "ended by itself")
		err := p.works(ctx)
		if !errors.Is(err, errEnded) {
			return err
		}
		fmt.Println(err)
		if err := p.start(); err != nil {
			return err
		}
		end()
	}
	return p.works(ctx)
}

// injury is what is done for a while.
type injury struct {
	what, how string
	begin     func(ctx context.Context, s *site) error
	end       func(ctx context.Context, s *site) error
}

// through a proxy.
func through(what string, proxy func(*site) *faultproxy.Proxy, f faultproxy.Fault) injury {
	set := func(f faultproxy.Fault) func(context.Context, *site) error {
		return func(_ context.Context, s *site) error { proxy(s).Set(f); return nil }
	}
	return injury{what, f.String(), set(f), set(faultproxy.None)}
}

// mood of the receiver.
func mood(how string, m int) injury {
	set := func(m int) func(context.Context, *site) error {
		return func(ctx context.Context, s *site) error {
			_, err := s.ask(ctx, "/mood", []byte(fmt.Sprint(m)))
			return err
		}
	}
	return injury{"receiver", how, set(m), set(honest)}
}

// paused is a process that is stopped and goes on where it was.
func paused(name string) injury {
	send := func(signal syscall.Signal) func(context.Context, *site) error {
		return func(_ context.Context, s *site) error { return s.roles[name].signal(signal) }
	}
	return injury{name, "paused", send(syscall.SIGSTOP), send(syscall.SIGCONT)}
}

// fullDisk fills the broker's disk. A broker of its owner's does not heal by itself: its owner makes room and starts it again.
func fullDisk() injury {
	free := func() error { return nil }
	return injury{
		"nats", "out of disk",
		func(_ context.Context, s *site) (err error) { free, err = fillDisk(s.disk); return err },
		func(ctx context.Context, s *site) error {
			if err := free(); err != nil {
				return err
			}
			s.roles["nats"].kill()
			if err := s.roles["nats"].start(); err != nil {
				return err
			}
			return s.roles["nats"].works(ctx)
		},
	}
}

// injuries are all of them.
func (s *site) injuries() []injury {
	hook := func(s *site) *faultproxy.Proxy { return s.hook }
	store := func(s *site) *faultproxy.Proxy { return s.store }
	list := []injury{
		through("receiver", hook, faultproxy.Refused), through("receiver", hook, faultproxy.Silent), through("receiver", hook, faultproxy.Slow),
		mood("lying", lying), mood("slow to answer", slow),
		through("store", store, faultproxy.Refused), through("store", store, faultproxy.Silent), through("store", store, faultproxy.Slow),
		through("store", store, faultproxy.Truncated),
		paused("nats"), paused("vision"), paused("alerts"), paused("clips"),
	}
	if s.disk != "" {
		list = append(list, fullDisk())
	}
	return list
}

// hurt does one thing after the other.
func (s *site) hurt(ctx context.Context, list []injury, o options, d *done) error {
	for _, i := range list {
		end := d.begin(i.what, i.how)
		err := i.begin(ctx, s)
		if err == nil {
			err = rest(ctx, o.lasts)
		}
		if e := i.end(ctx, s); err == nil {
			err = e
		}
		end()
		if err != nil {
			return fmt.Errorf("%s %s: %w", i.what, i.how, err)
		}
		if err := rest(ctx, o.lasts/2); err != nil {
			return err
		}
	}
	return nil
}
