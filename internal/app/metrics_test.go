//go:build !nocv

package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"vigil/clips/retention"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/web"
	"vigil/vision"
)

func TestMetrics(t *testing.T) {
	a, err := open(t, onFreePorts(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	cameras, err := bus.OpenKV[frames.CameraState](t.Context(), a.bus, bus.Cameras)
	if err != nil {
		t.Fatal(err)
	}
	watched, err := bus.OpenKV[vision.State](t.Context(), a.bus, bus.Watching)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cameras.Put(t.Context(), "door", frames.CameraState{
		Camera: "door", Online: true, Updated: time.Now(), Bitrate: 4_000_000, Rate: 25, GOP: 2, Units: 500, Dropped: 3, Lost: 7,
		LastUnit: time.Unix(1700000000, 0),
	}); err != nil {
		t.Fatal(err)
	}
	behind := vision.State{
		Camera: "door", Level: vision.KeyFrames, Lag: 4500 * time.Millisecond,
		Counts: vision.Counts{Decoded: 10, Skipped: 90, Analysed: 11},
	}
	if _, err := watched.Put(t.Context(), "door", behind); err != nil {
		t.Fatal(err)
	}

	settings, err := bus.OpenKV[[]retention.State](t.Context(), a.bus, bus.Settings)
	if err != nil {
		t.Fatal(err)
	}
	swept := retention.State{
		Kind: "clips", Ran: time.Unix(1700000000, 0), Deleted: 6, DeletedBytes: 600, Failed: 1, Measured: time.Unix(1700000000, 0), KeptBytes: 5000, Over: 40,
	}
	if _, err := settings.Put(t.Context(), retentionSetting, []retention.State{swept, {Kind: "shots"}}); err != nil {
		t.Fatal(err)
	}

	answer := httptest.NewRecorder()
	newMetrics("1.2", cameraList{cameras}, watched, settings).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`vigil_build_info{version="1.2"} 1`, `vigil_stream_up{camera="door"} 1`,
		`vigil_ingest_frames_total{camera="door"} 500`, `vigil_dropped_frames_total{camera="door"} 3`,
		`vigil_lost_packets_total{camera="door"} 7`, `vigil_stream_last_frame_timestamp_seconds{camera="door"} 1.7e+09`, `vigil_stream_gop_seconds{camera="door"} 2`,
		`vigil_stream_bytes_per_second{camera="door"} 500000`, `vigil_stream_frames_per_second{camera="door"} 25`,
		`vigil_vision_level{camera="door"} 2`,
		`vigil_vision_lag_seconds{camera="door"} 4.5`, `vigil_vision_gate_closed{camera="door"} 0`,
		`vigil_vision_access_units_total{camera="door",result="decoded"} 10`,
		`vigil_vision_access_units_total{camera="door",result="skipped"} 90`, `vigil_vision_pictures_total{camera="door"} 11`,
		`vigil_retention_lag_seconds{kind="clips"} 0`, `vigil_retention_lag_seconds{kind="shots"} 0`,
		`vigil_retention_last_run_timestamp_seconds{kind="clips"} 1.7e+09`, `vigil_retention_deleted_objects_total{kind="clips"} 6`,
		`vigil_retention_deleted_bytes_total{kind="clips"} 600`, `vigil_retention_failed_deletions_total{kind="clips"} 1`,
		`vigil_retention_stored_bytes{kind="clips"} 5000`, `vigil_retention_over_limit_bytes{kind="clips"} 40`,
	} {
		if !strings.Contains(answer.Body.String(), line+"\n") {
			t.Errorf("got\n%s\nwant a line %q", answer.Body, line)
		}
	}
	problems, err := promlint.New(answer.Body).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v, %v from the linter", problems, err)
	}

	answer = httptest.NewRecorder()
	a.routes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusUnauthorized {
		t.Errorf("without a token: got %d, want 401", answer.Code)
	}
	notice := overloadCheck(watched).Probe(t.Context())
	if _, ok := errors.AsType[web.Notice](notice); !ok || !strings.Contains(notice.Error(), "1 of 1 cameras") {
		t.Errorf("got %v, want a notice", notice)
	}
}
