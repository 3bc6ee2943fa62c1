package natsd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"golang.org/x/sys/unix"
)

const (
	// watchEvery is how often the server is asked whether it can write: publishers must know within a second.
	watchEvery = 250 * time.Millisecond
	// healEvery is the pause between attempts to open the store again.
	healEvery = time.Second
	// fullBelow is the free space under which the disk counts as full: nothing of any size can be written then.
	fullBelow = 256 << 10
	// healAbove is the free space from which the store is opened again: its own state wants to be written first.
	healAbove = 8 << 20
	// slowSync is the time of a write, fsync included, above which an owner is warned: every acknowledgement waits for one.
	slowSync = 50 * time.Millisecond
)

// ErrDiskFull says that the disk of the store has no room. It is over by itself when there is room again.
var ErrDiskFull = errors.New("disk full")

// Healthy is a context that ends when the server can store nothing any more, with the reason as its cause: a write
// failed, or the disk is full. What is acknowledged after that is not stored for certain. Once the store is healed
// Healthy is another one.
func (s *Server) Healthy() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.healthy
}

// Healed is how often the store was opened again after it could not be written.
func (s *Server) Healed() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.healed
}

// Free is how many bytes the disk of the store has free.
func (s *Server) Free() (int64, error) { return free(s.opts.StoreDir) }

func free(dir string) (int64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, fmt.Errorf("look for free space: %w", err)
	}
	return int64(disk.Bavail * uint64(disk.Bsize)), nil
}

// renew makes a Healthy that has not ended.
func (s *Server) renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.healthy != nil {
		s.healed++
	}
	s.healthy, s.fail = context.WithCancelCause(context.Background())
	for _, nc := range s.conns {
		_ = nc.ForceReconnect() // whoever reads would wait in vain for a reader that ended with the store, for ten seconds
	}
}

// Watch looks after the store until ctx ends. A stream whose write has failed refuses all later ones without an answer,
// for as long as the server runs, also when the disk has room again; so the store is then closed and opened anew, which
// reads back what is on the disk.
func (s *Server) Watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := s.trouble()
		if err == nil {
			continue
		}
		s.fail(err)
		s.log.Error("nothing can be stored: publishers are refused until it is healed", "dir", s.opts.StoreDir, "error", err)
		if !s.heal(ctx) {
			return nil
		}
	}
}

// trouble is why nothing can be stored, nil when it can.
func (s *Server) trouble() error {
	room, err := s.Free()
	if err != nil {
		return err
	}
	if room < fullBelow {
		return fmt.Errorf("%w: %d bytes free", ErrDiskFull, room) // no path: /readyz shows it to everybody
	}
	for _, e := range s.srv.Healthz(&server.HealthzOptions{Details: true}).Errors {
		// That connections take long to be made, on a busy machine, is no concern of the store.
		if e.Type == server.HealthzErrorStream || e.Type == server.HealthzErrorJetStream {
			return errors.New(e.Error)
		}
	}
	return nil
}

// heal opens the store again as soon as the disk has room, and reports whether it did before ctx ended.
func (s *Server) heal(ctx context.Context) bool {
	said := ""
	for {
		err := s.reopen(ctx)
		if err == nil {
			s.renew()
			s.log.Info("the store is healed, publishers are served again")
			return true
		}
		if ctx.Err() == nil && err.Error() != said && !errors.Is(err, ErrDiskFull) {
			said = err.Error()
			s.log.Error("the store cannot be opened again, still trying", "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(healEvery):
		}
	}
}

// reopen closes JetStream and opens it again, when there is room for what it writes meanwhile.
func (s *Server) reopen(ctx context.Context) error {
	room, err := s.Free()
	if err != nil {
		return err
	}
	if room < healAbove {
		return fmt.Errorf("%w: %d bytes free, waiting for %d", ErrDiskFull, room, healAbove)
	}
	if err := s.srv.DisableJetStream(); err != nil {
		return fmt.Errorf("close the store: %w", err)
	}
	err = s.srv.EnableJetStream(&server.JetStreamConfig{
		StoreDir: s.opts.StoreDir, SyncAlways: s.opts.SyncAlways, SyncInterval: s.opts.SyncInterval,
		MaxMemory: s.opts.JetStreamMaxMemory, MaxStore: s.opts.JetStreamMaxStore, Strict: !s.opts.NoJetStreamStrict,
	})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	if err := s.checkStreams(ctx, s.opts.StoreDir); err != nil {
		return err
	}
	return s.trouble()
}
