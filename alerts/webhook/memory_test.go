package webhook

import (
	"context"
	"sync"
)

// memory is a Ledger that can fail.
type memory struct {
	mu      sync.Mutex
	records map[string]Record
	stands  map[string]Standing
	getErr  error
	putErr  error
}

func (m *memory) Get(_ context.Context, key string) (Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.getErr != nil {
		return Record{}, m.getErr
	}
	r, ok := m.records[key]
	if !ok {
		return Record{}, ErrNoRecord
	}
	return r, nil
}

func (m *memory) Put(_ context.Context, key string, r Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.putErr != nil {
		return m.putErr
	}
	if m.records == nil {
		m.records = make(map[string]Record)
	}
	m.records[key] = r
	return nil
}

func (m *memory) Standing(_ context.Context, endpoint string) (Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stands[endpoint], m.getErr
}

func (m *memory) Amend(_ context.Context, endpoint string, f func(Standing) Standing) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.putErr != nil {
		return m.putErr
	}
	if m.stands == nil {
		m.stands = make(map[string]Standing)
	}
	m.stands[endpoint] = f(m.stands[endpoint])
	return nil
}

// forget is a ledger as new.
func (m *memory) forget() { m.records, m.stands = nil, nil }
