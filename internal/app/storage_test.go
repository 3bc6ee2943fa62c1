package app

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"vigil/internal/natsd"
)

func TestStorageIsNamed(t *testing.T) {
	a := &App{}
	var trouble error
	a.openStorage(&storage{failing: func() error { return trouble }, healed: func() int64 { return 2 }})
	check := a.checks[0]
	if err := check.Probe(t.Context()); check.Name != "storage" || err != nil {
		t.Errorf("got %s: %v, want storage to be well", check.Name, err)
	}
	want := func(up float64) {
		t.Helper()
		registry := prometheus.NewRegistry()
		registry.MustRegister(newStorageMetrics(a.storage))
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if got := f.GetMetric()[0].GetGauge().GetValue(); f.GetName() == "vigil_storage_up" && got != up {
				t.Errorf("got %v, want %v", got, up)
			}
		}
		if len(families) != 2 {
			t.Errorf("got %d metrics, want 2", len(families))
		}
	}
	want(1)
	trouble = natsd.ErrDiskFull
	if err := check.Probe(t.Context()); !errors.Is(err, natsd.ErrDiskFull) {
		t.Errorf("got %v, want the disk to be full", err)
	}
	want(0)
}
