package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/clips/retention"
	"vigil/internal/bus"
)

// retained are the metrics of what is deleted, as the clips role tells it on the bus.
type retained struct {
	settings *bus.KV[[]retention.State]
	lag      *prometheus.Desc
	ran      *prometheus.Desc
	objects  *prometheus.Desc
	bytes    *prometheus.Desc
	failed   *prometheus.Desc
	stored   *prometheus.Desc
	over     *prometheus.Desc
}

func newRetained(settings *bus.KV[[]retention.State]) retained {
	kind := []string{"kind"}
	return retained{
		settings: settings,
		lag: prometheus.NewDesc("vigil_retention_lag_seconds",
			"Since when, at most, an object is still in the store that should have been deleted; 0 when there is none.", kind, nil),
		ran: prometheus.NewDesc("vigil_retention_last_run_timestamp_seconds",
			"When all that was over had been deleted last.", kind, nil),
		objects: prometheus.NewDesc("vigil_retention_deleted_objects_total", "Objects deleted since the clips role began.", kind, nil),
		bytes:   prometheus.NewDesc("vigil_retention_deleted_bytes_total", "Their bytes.", kind, nil),
		failed:  prometheus.NewDesc("vigil_retention_failed_deletions_total", "Deletions that the store refused or did not answer.", kind, nil),
		stored: prometheus.NewDesc("vigil_retention_stored_bytes",
			"Bytes in the store, measured once an hour where there is a limit.", kind, nil),
		over: prometheus.NewDesc("vigil_retention_over_limit_bytes",
			"Bytes beyond the limit that may not be deleted yet.", kind, nil),
	}
}

func (r retained) describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{r.lag, r.ran, r.objects, r.bytes, r.failed, r.stored, r.over} {
		ch <- d
	}
}

func (r retained) collect(ctx context.Context, ch chan<- prometheus.Metric) {
	states, err := retentionStates(ctx, r.settings)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(r.lag, err)
	}
	for _, s := range states {
		ch <- gauge(r.lag, s.Lag(time.Now()).Seconds(), s.Kind)
		if !s.Ran.IsZero() {
			ch <- gauge(r.ran, float64(s.Ran.UnixMilli())/1000, s.Kind)
		}
		ch <- counter(r.objects, s.Deleted, s.Kind)
		ch <- counter(r.bytes, s.DeletedBytes, s.Kind)
		ch <- counter(r.failed, s.Failed, s.Kind)
		if !s.Measured.IsZero() {
			ch <- gauge(r.stored, float64(s.KeptBytes), s.Kind)
			ch <- gauge(r.over, float64(s.Over), s.Kind)
		}
	}
}
