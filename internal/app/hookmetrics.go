package app

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/internal/web"
)

// hookMetrics tell how the receivers of webhooks are doing.
type hookMetrics struct {
	hooks       webhooks
	up          *prometheus.Desc
	outstanding *prometheus.Desc
	dead        *prometheus.Desc
}

func newHookMetrics(hooks webhooks) *hookMetrics {
	endpoint := []string{"endpoint"}
	return &hookMetrics{
		hooks:       hooks,
		up:          prometheus.NewDesc("vigil_endpoint_up", "Whether the endpoint takes webhooks: neither disabled nor waited for.", endpoint, nil),
		outstanding: prometheus.NewDesc("vigil_endpoint_outstanding", "Webhooks for the endpoint that are neither taken nor given up.", endpoint, nil),
		dead:        prometheus.NewDesc("vigil_dead_letters", "Messages that were given up and not put back.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *hookMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.up, m.outstanding, m.dead} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *hookMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	views, err := m.hooks.Endpoints(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.up, err)
	}
	for _, v := range views {
		ch <- gauge(m.up, truth(v.State == web.EndpointEnabled), v.ID)
		ch <- gauge(m.outstanding, float64(v.Outstanding), v.ID)
	}
	dead, err := m.hooks.bus.CountDead(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.dead, err)
		return
	}
	ch <- gauge(m.dead, float64(dead))
}

// webhookCheck tells that receivers do not take webhooks. It names none: everybody who reaches the listener may read it.
func webhookCheck(hooks webhooks) web.Check {
	return web.Check{Name: "webhooks", Probe: func(ctx context.Context) error {
		views, err := hooks.Endpoints(ctx)
		if err != nil {
			return err
		}
		bad := 0
		for _, v := range views {
			if v.State != web.EndpointEnabled {
				bad++
			}
		}
		if bad > 0 {
			return web.Notice(fmt.Sprintf("%d of %d endpoints take no webhooks: `vigil endpoints list` says why", bad, len(views)))
		}
		return nil
	}}
}
