package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/internal/bus"
	"vigil/internal/natsd"
	"vigil/internal/web"
)

// storage says whether the bus can store what is published.
type storage struct {
	// failing is why it cannot, nil while it can.
	failing func() error
	// healed is how often the embedded store was opened again, nil with a NATS of its owner's.
	healed func() int64
}

// embeddedStorage looks after the embedded store, which heals by itself.
func (a *App) embeddedStorage(server *natsd.Server) {
	a.bus.Healthy = server.Healthy
	a.task("storage", server.Watch)
	a.openStorage(&storage{failing: func() error { return context.Cause(server.Healthy()) }, healed: server.Healed})
}

// openStorage shows it to /readyz and to /metrics.
func (a *App) openStorage(s *storage) {
	a.storage = s
	a.checks = append(a.checks, web.Check{Name: "storage", Probe: func(context.Context) error {
		if err := s.failing(); err != nil {
			return fmt.Errorf("the bus stores nothing, and goes on when it can again: %w", err)
		}
		return nil
	}})
}

const (
	// probeEvery is how often a NATS of its owner's is asked to store a byte.
	probeEvery = 5 * time.Second
	// probeTime is how long it may take: one with a full disk does not answer at all.
	probeTime = 2 * time.Second
	// probeSetting is the key of that byte.
	probeSetting = "probe"
)

// remoteStorage finds out whether a NATS of its owner's stores. Healing it is its owner's: nobody else may close its
// store.
func (a *App) remoteStorage(ctx context.Context) error {
	settings, err := bus.OpenKV[int](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var last error
	a.task("storage", func(ctx context.Context) error {
		tick := time.NewTicker(probeEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			err := probe(ctx, settings)
			mu.Lock()
			if err != nil && last == nil && ctx.Err() == nil && a.bus.Connected() { // a lost connection is told of as one
				a.log.Error("NATS does not store: is its disk full? A stream that could not be written once refuses until "+
					"the server is restarted or its JetStream reloaded", "error", err)
			}
			last = err
			mu.Unlock()
		}
	})
	a.openStorage(&storage{failing: func() error {
		mu.Lock()
		defer mu.Unlock()
		return last
	}})
	return nil
}

// probe stores one byte.
func probe(ctx context.Context, settings *bus.KV[int]) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	if _, err := settings.Put(ctx, probeSetting, 1); err != nil {
		return fmt.Errorf("store a byte: %w", err)
	}
	return nil
}

// storageMetrics tell of storage.
type storageMetrics struct {
	storage *storage
	up      *prometheus.Desc
	healed  *prometheus.Desc
}

func newStorageMetrics(s *storage) *storageMetrics {
	return &storageMetrics{
		storage: s,
		up:      prometheus.NewDesc("vigil_storage_up", "Whether the bus stores what is published.", nil, nil),
		healed:  prometheus.NewDesc("vigil_storage_healed_total", "How often the embedded store was opened again after a full disk or a failed write.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *storageMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.up
	ch <- m.healed
}

// Collect implements prometheus.Collector.
func (m *storageMetrics) Collect(ch chan<- prometheus.Metric) {
	ch <- gauge(m.up, truth(m.storage.failing() == nil))
	if m.storage.healed != nil {
		ch <- counter(m.healed, m.storage.healed())
	}
}
