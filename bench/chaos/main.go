// Command chaos proves that an alert that was raised is not lost. It runs every role as a process of its own, with a
// broker, and kills and hurts all of them at random moments, while cameras show a stranger every quarter of a minute. A
// ledger, which is another process and knows nothing but webhooks, streams and objects, must balance at the end:
// one alert for each visit, all of its events delivered, its clip in the store and playing, and a reason for whatever
// lacks. It writes docs/chaos.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// ledgerCommand is the first argument of the process that is the ledger.
const ledgerCommand = "ledger"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if len(os.Args) > 1 && os.Args[1] == ledgerCommand {
		err = keep(ctx, os.Args[2:])
	} else {
		err = run(ctx, os.Args[1:])
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// options say how much is done.
type options struct {
	vigil, nats string // programs
	models      string // folder of networks; empty: the classic engine
	dir         string // for everything; kept when the books do not balance
	kills       int    // of each process
	rounds      int    // of the other faults
	spread      time.Duration
	lasts       time.Duration
	cameras     int
	seed        uint64
	only        []string // of the other faults, "what how"; nil: all
}

func run(ctx context.Context, args []string) error {
	o := options{models: os.Getenv("VIGIL_MODELS_DIR")}
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&o.vigil, "vigil", "bin/vigil", "the program")
	flags.StringVar(&o.nats, "nats", "bin/nats-server", "the broker")
	flags.IntVar(&o.kills, "kills", 100, "how often each process is killed")
	flags.IntVar(&o.rounds, "rounds", 1, "how often each other fault is done")
	flags.DurationVar(&o.spread, "spread", 8*time.Second, "how long a process works at most until it is killed")
	flags.DurationVar(&o.lasts, "lasts", 15*time.Second, "how long each other fault lasts")
	flags.IntVar(&o.cameras, "cameras", 2, "how many cameras")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "what the random moments follow from") //nolint:gosec // any number
	out := flags.String("out", "docs/chaos.md", "file for the report")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if o.dir, err = os.MkdirTemp("", "vigil-chaos-"); err != nil {
		return err
	}
	r, err := chaos(ctx, o)
	if err != nil {
		return fmt.Errorf("%w (logs are in %s)", err, o.dir)
	}
	text := r.markdown()
	fmt.Print(text)
	if err := os.WriteFile(*out, []byte(text), 0o644); err != nil {
		return err
	}
	if n := len(r.balance.Problems); n > 0 {
		return fmt.Errorf("the books do not balance: %d problems (logs are in %s)", n, o.dir)
	}
	return os.RemoveAll(o.dir)
}

// chaos does everything and returns what came of it.
func chaos(ctx context.Context, o options) (r *report, err error) {
	fmt.Printf("seed %d, %d kills of each process, logs in %s\n", o.seed, o.kills, o.dir)
	for _, path := range []*string{&o.vigil, &o.nats} {
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer func() {
		cancel()
		err = errors.Join(err, group.Wait())
	}()
	s, err := newSite(ctx, o, o.dir, group)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := s.open(ctx, o, group); err != nil {
		return nil, err
	}
	cameras, stopCameras := context.WithCancel(ctx)
	defer stopCameras()
	s.reel.began = time.Now()
	for id, token := range s.tokens {
		group.Go(func() error { s.reel.publish(cameras, s.ports["rtsp"].String(), id, token); return nil })
	}
	r = &report{options: o, began: time.Now(), done: &done{}, disk: s.disk != ""}
	if err := s.work(ctx, o, r); err != nil {
		return nil, err
	}
	if err := s.reel.quiet(ctx); err != nil {
		return nil, err
	}
	passes := s.reel.passes(time.Now())
	stopCameras()
	r.worked = time.Since(r.began)
	before := fault{What: "ingest", How: "not started", From: r.began.Add(-time.Minute), To: s.reel.began}
	r.balance, err = s.settle(ctx, append(r.done.all(), before), passes)
	r.settled = time.Since(r.began) - r.worked
	return r, err
}

// open starts everything.
func (s *site) open(ctx context.Context, o options, group *errgroup.Group) error {
	if err := s.roles["nats"].start(); err != nil {
		return err
	}
	if err := s.roles["nats"].works(ctx); err != nil {
		return err
	}
	if err := s.listen(ctx, o, group); err != nil {
		return err
	}
	return s.start(ctx)
}

// work does what is to be done: the kills, and then the other faults.
func (s *site) work(ctx context.Context, o options, r *report) error {
	if err := rest(ctx, s.reel.length); err != nil { // one round without faults
		return err
	}
	if err := s.killAll(ctx, o, r.done); err != nil {
		return err
	}
	fmt.Printf("%s: killed\n", time.Since(r.began).Round(time.Second))
	for range o.rounds {
		if err := s.hurt(ctx, o.selected(s.injuries()), o, r.done); err != nil {
			return err
		}
	}
	fmt.Printf("%s: hurt\n", time.Since(r.began).Round(time.Second))
	return nil
}

// selected are those that are wanted.
func (o options) selected(list []injury) (some []injury) {
	for _, i := range list {
		wanted := o.only == nil
		for _, name := range o.only {
			wanted = wanted || name == i.what+" "+i.how
		}
		if wanted {
			some = append(some, i)
		}
	}
	return some
}

const (
	askEvery = 5 * time.Second
	// patience is how long the books may stay as they are without balancing. Deliveries to a receiver that was away wait
	// for minutes.
	patience = 6 * time.Minute
)

// settle waits until the books balance, or nothing changes any more.
func (s *site) settle(ctx context.Context, faults []fault, passes []pass) (b *balance, err error) {
	began, changed, before := time.Now(), time.Now(), ""
	for {
		if b, err = s.balance(ctx, faults, passes); err != nil {
			return nil, err
		}
		if len(b.Problems) == 0 {
			return b, nil
		}
		now := fmt.Sprint(len(b.Problems), b.Visits, b.Events, b.Webhooks)
		if now != before {
			fmt.Printf("%s after the end, %d problems: %.300s\n", time.Since(began).Round(time.Second), len(b.Problems), strings.Join(b.Problems, "; "))
			before, changed = now, time.Now()
		}
		if time.Since(changed) > patience {
			return b, nil
		}
		if err := rest(ctx, askEvery); err != nil {
			return nil, err
		}
	}
}
