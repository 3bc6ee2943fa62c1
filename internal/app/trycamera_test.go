package app

import (
	"strings"
	"testing"

	"vigil/internal/config"
)

// TestOnlyCamerasAreTried asks for what a console must not reach in its owner's name.
func TestOnlyCamerasAreTried(t *testing.T) {
	a := &App{cfg: config.Default(), addresses: Addresses{Console: "http://127.0.0.1:8080", WHIP: "http://127.0.0.1:8080/whip", RTSP: "rtsp://127.0.0.1:8554"}}
	for address, want := range map[string]string{
		"": "none of rtsp", "file:///etc/passwd": "none of rtsp", "exec:sh": "none of rtsp", "unix:/run/x": "none of rtsp",
		"http://169.254.169.254/": "none of rtsp", "rtsp:///x": "none of rtsp", "rtsp://%zz/": "none of rtsp",
		"rtsp://169.254.169.254/latest": "no address of a camera", "rtsp://[fe80::1]/": "no address of a camera",
		"rtsp://[::ffff:169.254.169.254]/": "no address of a camera", "rtsp://0.0.0.0/": "no address of a camera",
		"rtsp://239.0.0.1/":          "no address of a camera",
		"rtsp://127.0.0.1:8554/door": "Vigil's own", "rtsp://[::1]:8080/": "Vigil's own", "rtsp://localhost:8189/": "Vigil's own",
		"rtsp://127.0.0.1:9/door": "", "rtsp://user:p%40ss@10.0.0.5/1": "", "rtsps://10.0.0.5/1": "", "rtsp://10.0.0.5:8554/": "",
	} {
		err := a.refuse(t.Context(), address)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", address, err, want)
		}
	}
}
