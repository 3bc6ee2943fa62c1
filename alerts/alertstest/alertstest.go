// Package alertstest holds every alerts.Store to one contract, and brings fakes that keep it: a store and a bus in
// memory that can fail in both ways, without having written and after having written. It imports alerts.
package alertstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"vigil/alerts"
)

// ErrInjected is what a fake returns when it is told to fail.
var ErrInjected = errors.New("injected fault")

// Fault is how an operation of a fake fails.
type Fault int

// The faults.
const (
	None       Fault = iota
	NotWritten       // nothing was written, and an error says so
	Written          // it was written, and an error says that it was not
)

// Faults decides how the next operation fails; a nil Faults lets everything pass.
type Faults func(operation string) Fault

func (f Faults) inject(operation string, write func() error) error {
	if f == nil {
		return write()
	}
	switch f(operation) {
	case NotWritten:
		return fmt.Errorf("%s: %w", operation, ErrInjected)
	case Written:
		if err := write(); err != nil {
			return err
		}
		return fmt.Errorf("%s: %w", operation, ErrInjected)
	default:
		return write()
	}
}

// Store is an alerts.Store in memory. It keeps JSON, as a real one does.
type Store struct {
	Faults Faults

	mu     sync.Mutex
	last   uint64
	visits map[string]stored
}

type stored struct {
	json     []byte
	revision uint64
}

var _ alerts.Store = (*Store)(nil)

// Create implements alerts.Store.
func (s *Store) Create(_ context.Context, v alerts.Visit) (alerts.Visit, error) {
	return v, s.Faults.inject("create", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := s.visits[v.Alert.ID]; ok {
			return alerts.ErrExists
		}
		return s.put(&v)
	})
}

// Get implements alerts.Store.
func (s *Store) Get(_ context.Context, alert string) (v alerts.Visit, err error) {
	return v, s.Faults.inject("get", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		kept, ok := s.visits[alert]
		if !ok {
			return alerts.ErrNotFound
		}
		v.Revision = kept.revision
		return json.Unmarshal(kept.json, &v)
	})
}

// Update implements alerts.Store.
func (s *Store) Update(_ context.Context, v alerts.Visit) (alerts.Visit, error) {
	return v, s.Faults.inject("update", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.visits[v.Alert.ID].revision != v.Revision {
			return alerts.ErrConflict
		}
		return s.put(&v)
	})
}

// List implements alerts.Store.
func (s *Store) List(_ context.Context) (all []alerts.Visit, err error) {
	return all, s.Faults.inject("list", func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, kept := range s.visits {
			v := alerts.Visit{Revision: kept.revision}
			if err := json.Unmarshal(kept.json, &v); err != nil {
				return err
			}
			all = append(all, v)
		}
		return nil
	})
}

func (s *Store) put(v *alerts.Visit) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	s.last++
	v.Revision = s.last
	if s.visits == nil {
		s.visits = make(map[string]stored)
	}
	s.visits[v.Alert.ID] = stored{json: body, revision: s.last}
	return nil
}

// Bus is an alerts.Outbox and alerts.ClipJobs in memory: what is sent again under the same ID is one message. That
// its bytes are the same is checked.
type Bus struct {
	T      testing.TB
	Faults Faults

	mu   sync.Mutex
	keys []string
	sent map[string][]byte
}

var (
	_ alerts.Outbox   = (*Bus)(nil)
	_ alerts.ClipJobs = (*Bus)(nil)
)

// Publish implements alerts.Outbox.
func (b *Bus) Publish(_ context.Context, n alerts.Notice) error {
	return b.Faults.inject("publish", func() error { return b.send("event "+n.ID, n) })
}

// Enqueue implements alerts.Outbox.
func (b *Bus) Enqueue(_ context.Context, n alerts.Notice, endpoint string) error {
	return b.Faults.inject("enqueue", func() error { return b.send(endpoint+" "+n.ID, n) })
}

// Request implements alerts.ClipJobs.
func (b *Bus) Request(_ context.Context, job alerts.ClipJob) error {
	return b.Faults.inject("request", func() error { return b.send("clip "+job.Name(), job) })
}

func (b *Bus) send(key string, message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if before, ok := b.sent[key]; ok {
		if !bytes.Equal(before, body) {
			b.T.Errorf("%s was sent twice with different content:\n%s\n%s", key, before, body)
		}
		return nil
	}
	if b.sent == nil {
		b.sent = make(map[string][]byte)
	}
	b.sent[key] = body
	b.keys = append(b.keys, key)
	return nil
}

// Sent is what was sent, in order: "event <id>", "<endpoint> <id>", "clip <name>".
func (b *Bus) Sent() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.keys)
}

// Message is the JSON of what was sent under the key, or nil.
func (b *Bus) Message(key string) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sent[key]
}

// Links are links to nowhere.
type Links struct{}

var _ alerts.Links = Links{}

// Shot implements alerts.Links.
func (Links) Shot(key string) string { return "https://vigil.example/media/" + key }

// Clip implements alerts.Links.
func (Links) Clip(key string) string { return "https://vigil.example/media/" + key }

// Console implements alerts.Links.
func (Links) Console(alert string) string { return "https://vigil.example/#/alerts/" + alert }
