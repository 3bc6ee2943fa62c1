package app

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/alerts"
	"vigil/alerts/webhook"
	"vigil/internal/bus"
)

// tellLatency is how often a process tells what it has counted.
const tellLatency = 5 * time.Second

// The bounds of the buckets, in seconds.
var (
	alertBounds    = []float64{0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60}
	decisionBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}
)

// histogram counts durations. Counts[i] are those of at most the i-th bound, and more than the one before.
type histogram struct {
	Counts []uint64 `json:"counts"` // one more than there are bounds
	Sum    float64  `json:"sum"`    // seconds
}

func (h *histogram) observe(bounds []float64, d time.Duration) {
	if h.Counts == nil {
		h.Counts = make([]uint64, len(bounds)+1)
	}
	seconds := max(d.Seconds(), 0) // a camera's clock may be ahead
	i, _ := slices.BinarySearch(bounds, seconds)
	h.Counts[i]++
	h.Sum += seconds
}

// add counts what another process has counted. What has other bounds, of another version, is left out.
func (h *histogram) add(bounds []float64, o histogram) {
	if len(o.Counts) != len(bounds)+1 {
		return
	}
	if h.Counts == nil {
		h.Counts = make([]uint64, len(bounds)+1)
	}
	for i, n := range o.Counts {
		h.Counts[i] += n
	}
	h.Sum += o.Sum
}

func (h histogram) metric(d *prometheus.Desc, bounds []float64, endpoint string) prometheus.Metric {
	buckets, total := make(map[float64]uint64, len(bounds)), uint64(0)
	for i, n := range h.Counts {
		total += n
		if i < len(bounds) {
			buckets[bounds[i]] = total
		}
	}
	return prometheus.MustNewConstHistogram(d, total, h.Sum, buckets, endpoint)
}

// latency is how long alerts took to the first attempt at an endpoint: since the picture of the first face, and since
// it was decided who that is.
type latency struct {
	Alert    histogram `json:"alert"`
	Decision histogram `json:"decision"`
}

// latencies is what this process has counted, by endpoint.
type latencies struct {
	mu sync.Mutex
	by map[string]latency
}

// first is a webhook.Sender's First.
func (l *latencies) first(d webhook.Delivery, at time.Time) {
	var e alerts.Event
	if d.Type != alerts.Opened || json.Unmarshal(d.Body, &e) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[string]latency{}
	}
	of := l.by[d.Endpoint]
	of.Alert.observe(alertBounds, at.Sub(e.Data.Alert.OpenedAt.Time))
	if !d.Decided.IsZero() {
		of.Decision.observe(decisionBounds, at.Sub(d.Decided))
	}
	l.by[d.Endpoint] = of
}

// snapshot is a copy of what was counted.
func (l *latencies) snapshot() map[string]latency {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := maps.Clone(l.by)
	for endpoint, of := range all {
		of.Alert.Counts, of.Decision.Counts = slices.Clone(of.Alert.Counts), slices.Clone(of.Decision.Counts)
		all[endpoint] = of
	}
	return all
}

// tell keeps what was counted on the bus, where the console reads it.
func (l *latencies) tell(ctx context.Context, c *bus.Conn) error {
	kv, err := bus.OpenKV[map[string]latency](ctx, c, bus.Latencies)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name of this machine: %w", err)
	}
	member := fmt.Sprintf("%s-%d", host, os.Getpid())
	tick := time.NewTicker(tellLatency)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if all := l.snapshot(); len(all) > 0 {
			_, _ = kv.Put(ctx, member, all) // the next one is soon
		}
	}
}

// latencyMetrics shows what all processes have counted.
type latencyMetrics struct {
	kv       *bus.KV[map[string]latency]
	alert    *prometheus.Desc
	decision *prometheus.Desc
}

func newLatencyMetrics(ctx context.Context, c *bus.Conn) (*latencyMetrics, error) {
	kv, err := bus.OpenKV[map[string]latency](ctx, c, bus.Latencies)
	if err != nil {
		return nil, err
	}
	endpoint := []string{"endpoint"}
	return &latencyMetrics{
		kv: kv,
		alert: prometheus.NewDesc("vigil_alert_latency_seconds",
			"Time from the capture of a stranger's first face to the first attempt at the endpoint to tell of it.", endpoint, nil),
		decision: prometheus.NewDesc("vigil_alert_decision_latency_seconds",
			"Time from the decision that somebody raises an alert to the first attempt at the endpoint to tell of it.", endpoint, nil),
	}, nil
}

// Describe implements prometheus.Collector.
func (m *latencyMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- m.alert
	ch <- m.decision
}

// Collect implements prometheus.Collector.
func (m *latencyMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	entries, err := m.kv.List(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.alert, err)
		return
	}
	all := map[string]latency{}
	for _, e := range entries {
		for endpoint, of := range e.Value {
			sum := all[endpoint]
			sum.Alert.add(alertBounds, of.Alert)
			sum.Decision.add(decisionBounds, of.Decision)
			all[endpoint] = sum
		}
	}
	for _, endpoint := range slices.Sorted(maps.Keys(all)) {
		ch <- all[endpoint].Alert.metric(m.alert, alertBounds, endpoint)
		ch <- all[endpoint].Decision.metric(m.decision, decisionBounds, endpoint)
	}
}
