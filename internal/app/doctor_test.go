package app

import (
	"net"
	"strings"
	"testing"

	"vigil/internal/client"
	"vigil/internal/config"
	"vigil/internal/doctor"
)

func TestRunningFindings(t *testing.T) {
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.WriteAccess(dir, client.Access{Server: "http://" + listener.Addr().String(), Token: "vgl_hunter2"}); err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	running, stale := findRunning(t.Context(), dir) // it was killed
	if f := runningFindings(dir, running, stale); len(f) != 1 || f[0].Level != doctor.Warning || !strings.Contains(f[0].Text, "no vigil answers") {
		t.Errorf("killed: got %+v", f)
	}
	running, stale = findRunning(t.Context(), t.TempDir())
	if f := runningFindings(dir, running, stale); len(f) != 1 || f[0].Level != doctor.OK || running != nil {
		t.Errorf("none: got %+v", f)
	}
	running = &doctor.Running{Server: "http://h", Parts: []doctor.Part{{Name: "bus"}, {Name: "vision", Detail: "not started"}, {Name: "clips", OK: true}}}
	if f := runningFindings(dir, running, nil); len(f) != 2 || f[0].Level != doctor.Problem || !strings.Contains(f[0].Text, "vision fails: not started") {
		t.Errorf("a part fails: got %+v", f)
	}
}

func TestDiagnosisOfCamerasThatCannotBeRead(t *testing.T) {
	cfg := config.Default()
	cfg.Cameras = []config.Camera{{ID: "door", URL: "rtsp://:hunter2"}}
	f := diagnosis{cfg: cfg}.cameras(t.Context())
	if len(f) != 1 || f[0].Level != doctor.Problem || !strings.Contains(f[0].Text, "camera door") || strings.Contains(f[0].Text, "hunter2") {
		t.Errorf("got %+v", f)
	}
}
