package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"vigil/clips/retention"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

// gatherTime bounds what a scrape asks of the bus.
const gatherTime = 3 * time.Second

// metrics tell what the roles say of themselves on the bus, so that one scrape of the console shows every process.
type metrics struct {
	cameras cameraList
	watched *bus.KV[vision.State]
	kept    retained
	build   *prometheus.Desc
	up      *prometheus.Desc
	small   *prometheus.Desc
	taken   *prometheus.Desc
	dropped *prometheus.Desc
	lost    *prometheus.Desc
	latest  *prometheus.Desc
	bitrate *prometheus.Desc
	rate    *prometheus.Desc
	gop     *prometheus.Desc
	level   *prometheus.Desc
	lag     *prometheus.Desc
	gated   *prometheus.Desc
	units   *prometheus.Desc
	looked  *prometheus.Desc
	instead *prometheus.Desc
}

// newMetrics returns the handler of /metrics, which tells what more collect too.
func newMetrics(
	version string, cameras cameraList, watched *bus.KV[vision.State], settings *bus.KV[[]retention.State], more ...prometheus.Collector,
) http.Handler {
	camera := []string{"camera"}
	m := &metrics{
		cameras: cameras, watched: watched, kept: newRetained(settings),
		build:   prometheus.NewDesc("vigil_build_info", "The version that runs.", nil, prometheus.Labels{"version": version}),
		up:      prometheus.NewDesc("vigil_stream_up", "Whether video comes from the camera.", camera, nil),
		small:   prometheus.NewDesc("vigil_stream_detect_up", "Whether video for analysis comes from a camera with a detect_url.", camera, nil),
		taken:   prometheus.NewDesc("vigil_ingest_frames_total", "Access units taken from the camera since ingest began.", camera, nil),
		dropped: prometheus.NewDesc("vigil_dropped_frames_total", "Access units of the camera that could not be recorded.", camera, nil),
		lost:    prometheus.NewDesc("vigil_lost_packets_total", "Packets of the camera that never came.", camera, nil),
		latest:  prometheus.NewDesc("vigil_stream_last_frame_timestamp_seconds", "When the camera's latest access unit came.", camera, nil),
		bitrate: prometheus.NewDesc("vigil_stream_bytes_per_second", "The camera's video over the last seconds.", camera, nil),
		rate:    prometheus.NewDesc("vigil_stream_frames_per_second", "The camera's access units over the last seconds.", camera, nil),
		gop:     prometheus.NewDesc("vigil_stream_gop_seconds", "Time between the camera's latest two key frames.", camera, nil),
		level: prometheus.NewDesc("vigil_vision_level",
			"How much of the camera's video is analysed: 0 all that is chosen, 1 half of it, 2 key frames alone, for want of time.", camera, nil),
		lag: prometheus.NewDesc("vigil_vision_lag_seconds", "Time from the capture of the latest fragment to its analysis.", camera, nil),
		gated: prometheus.NewDesc("vigil_vision_gate_closed",
			"Whether the camera is quiet, and only its key frames are decoded.", camera, nil),
		units: prometheus.NewDesc("vigil_vision_access_units_total",
			"Access units of the camera by what became of them since its analysis began.", []string{"camera", "result"}, nil),
		looked: prometheus.NewDesc("vigil_vision_pictures_total", "Pictures of the camera looked at since its analysis began.", camera, nil),
		instead: prometheus.NewDesc("vigil_vision_main_instead",
			"Whether the main stream of a camera with a detect_url is analysed, for want of the other.", camera, nil),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(more...)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.build, m.up, m.small, m.instead, m.taken, m.dropped, m.lost, m.latest, m.bitrate, m.rate, m.gop, m.level, m.lag, m.gated, m.units, m.looked,
	} {
		ch <- d
	}
	m.kept.describe(ch)
}

// Collect implements prometheus.Collector. What cannot be asked is an error of the scrape, not a metric that is missing.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	ch <- prometheus.MustNewConstMetric(m.build, prometheus.GaugeValue, 1)
	states, err := m.cameras.Cameras(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.up, err)
	}
	for _, s := range states {
		m.stream(ch, s)
	}
	watched, err := m.watched.List(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.level, err)
	}
	for _, entry := range watched {
		s, camera := entry.Value, string(entry.Value.Camera)
		ch <- gauge(m.level, float64(s.Level), camera)
		ch <- gauge(m.lag, s.Lag.Seconds(), camera)
		ch <- gauge(m.gated, truth(s.Gated), camera)
		ch <- counter(m.units, s.Decoded, camera, "decoded")
		ch <- counter(m.units, s.Skipped, camera, "skipped")
		ch <- counter(m.looked, s.Analysed, camera)
		if s.Stream != "" {
			ch <- gauge(m.instead, truth(s.Stream == vision.StreamMain), camera)
		}
	}
	m.kept.collect(ctx, ch)
}

// stream is what ingest says of a camera.
func (m *metrics) stream(ch chan<- prometheus.Metric, s frames.CameraState) {
	camera := string(s.Camera)
	ch <- gauge(m.up, truth(s.Online), camera)
	if s.Detect != nil {
		ch <- gauge(m.small, truth(s.Detect.Online), camera)
	}
	ch <- counter(m.taken, s.Units, camera)
	ch <- counter(m.dropped, s.Dropped, camera)
	ch <- counter(m.lost, s.Lost, camera)
	if !s.LastUnit.IsZero() {
		ch <- gauge(m.latest, float64(s.LastUnit.UnixMilli())/1000, camera)
	}
	ch <- gauge(m.bitrate, float64(s.Bitrate)/8, camera)
	ch <- gauge(m.rate, s.Rate, camera)
	ch <- gauge(m.gop, s.GOP, camera)
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(d *prometheus.Desc, v int64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// overloadCheck tells that there is more video than the vision role can analyse. It names no camera: everybody who
// reaches the listener may read it.
func overloadCheck(watched *bus.KV[vision.State]) web.Check {
	return web.Check{Name: "analysis", Probe: func(ctx context.Context) error {
		entries, err := watched.List(ctx)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
		behind := 0
		for _, entry := range entries {
			if entry.Value.Level != vision.Full {
				behind++
			}
		}
		if behind > 0 {
			return web.Notice(fmt.Sprintf("too little time: of %d of %d cameras only a part of the pictures is analysed", behind, len(entries)))
		}
		return nil
	}}
}
