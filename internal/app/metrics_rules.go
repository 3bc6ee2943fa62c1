package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/internal/bus"
)

// reloadMetrics tell how the roles' configurations are.
type reloadMetrics struct {
	states  *bus.KV[reloadState]
	total   *prometheus.Desc
	success *prometheus.Desc
	good    *prometheus.Desc
}

func newReloadMetrics(states *bus.KV[reloadState]) *reloadMetrics {
	role := []string{"role"}
	return &reloadMetrics{
		states: states,
		total: prometheus.NewDesc("vigil_config_reloads_total", "Attempts to load the configuration again since the role's process began.",
			[]string{"role", "result"}, nil),
		success: prometheus.NewDesc("vigil_config_last_reload_success_timestamp_seconds", "When the configuration in force was loaded.", role, nil),
		good:    prometheus.NewDesc("vigil_config_last_reload_successful", "Whether the last attempt was taken.", role, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *reloadMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.total, m.success, m.good} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *reloadMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	all, err := reloadStates(ctx, m.states)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.total, err)
	}
	for role, s := range all {
		ch <- counter(m.total, s.Taken, string(role), "taken")
		ch <- counter(m.total, s.Refused, string(role), "refused")
		ch <- gauge(m.success, float64(s.Success.UnixMilli())/1000, string(role))
		ch <- gauge(m.good, truth(s.Error == ""), string(role))
	}
}

// ruleMetrics tell what became of the rules.
type ruleMetrics struct {
	rules  ruleList
	raised *prometheus.Desc
	held   *prometheus.Desc
	active *prometheus.Desc
}

func newRuleMetrics(rules ruleList) *ruleMetrics {
	rule := []string{"rule"}
	return &ruleMetrics{
		rules:  rules,
		raised: prometheus.NewDesc("vigil_rule_alerts_total", "Alerts of the rule since the alerts role began.", rule, nil),
		held:   prometheus.NewDesc("vigil_rule_held_total", "Tracks that raised no alert because of the rule's cooldown since then.", rule, nil),
		active: prometheus.NewDesc("vigil_rule_active", "Whether the rule's schedule covers this moment.", rule, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *ruleMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.raised, m.held, m.active} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *ruleMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	rules, err := m.rules.Rules(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.raised, err)
	}
	for _, r := range rules {
		ch <- counter(m.raised, r.Raised, r.Name)
		ch <- counter(m.held, r.Held, r.Name)
		ch <- gauge(m.active, truth(r.Active), r.Name)
	}
}
