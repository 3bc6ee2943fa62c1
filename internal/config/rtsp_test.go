package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestRTSP(t *testing.T) {
	pin := strings.Repeat("a7", 32)
	colons := strings.TrimSuffix(strings.Repeat("A7:", 32), ":")
	for _, c := range []struct{ name, text, want string }{
		{"everything", `
rtsp: { listen: ":8554", udp: ":8000", tls_listen: ":8322", tls_cert: c.pem, tls_key: k.pem }
cameras:
  - { id: a, url: "rtsps://u:geheim@h/x", tls_fingerprint: "` + pin + `", transport: tcp }
  - { id: b, url: "rtsps://h/x", tls_fingerprint: "` + colons + `" }
  - { id: c, url: "rtsp://h/x", transport: udp, detect_url: "rtsp://u:geheim@h/small" }`, ""},
		{"a second address alone", `cameras: [{ id: a, publish_token: geheim, detect_url: "rtsp://u:geheim@h/x" }]`, "cameras[0].detect_url: camera a has no url"},
		{"the same address twice", `cameras: [{ id: a, url: "rtsp://u:geheim@h/x", detect_url: "rtsp://u:geheim@h/x" }]`, "cameras[0].detect_url: camera a: is its url"},
		{"a second address of another kind", `cameras: [{ id: a, url: "rtsp://h/x", detect_url: "http://u:geheim@h/x" }]`, "cameras[0].detect_url: camera a: not an rtsp://"},
		{"a second address over UDP and TLS", `cameras: [{ id: a, url: "rtsp://h/x", detect_url: "rtsps://u:geheim@h/x", transport: udp }]`, "cameras[0].transport: camera a: rtsps://"},
		{"a stream for analysis as a camera", `cameras: [{ id: a_detect, url: "rtsp://h/x" }]`, "cameras[0].id: \"a_detect\" is not"},
		{"odd port", `rtsp: { udp: "127.0.0.1:8001" }`, "rtsp.udp: port 8001 is odd"},
		{"no port", `rtsp: { udp: "8000" }`, `rtsp.udp: "8000" is not host:port`},
		{"out of reach", `
rtsp: { listen: ":8554", udp: "127.0.0.1:8000" }
cameras: [{ id: a, publish_token: geheim }]`, "rtsp.udp: 127.0.0.1:8000 cannot be reached"},
		{"half a certificate", `rtsp: { tls_cert: c.pem }`, "rtsp.tls_cert: needs rtsp.tls_key"},
		{"TLS for anybody", `rtsp: { tls_listen: ":8322", tls_cert: c.pem, tls_key: k.pem }`, "rtsp.tls_listen: :8322 can be reached"},
		{"unknown transport", `cameras: [{ id: a, url: "rtsp://h/x", transport: multicast }]`, "cameras[0].transport: is \"multicast\""},
		{"transport of a publisher", `cameras: [{ id: a, publish_token: geheim, transport: udp }]`, "cameras[0].transport: camera a publishes"},
		{"UDP and TLS", `cameras: [{ id: a, url: "rtsps://u:geheim@h/x", transport: udp }]`, "cameras[0].transport: camera a: rtsps:// runs over TCP"},
		{"a pin without TLS", `cameras: [{ id: a, url: "rtsp://u:geheim@h/x", tls_fingerprint: "` + pin + `" }]`, "cameras[0].tls_fingerprint: camera a: only"},
		{"half a pin", `cameras: [{ id: a, url: "rtsps://u:geheim@h/x", tls_fingerprint: a7a7 }]`, "cameras[0].tls_fingerprint: camera a: want the 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := Load(write(t, c.text+"\n"), nil)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim")):
				t.Errorf("got %v, want %q and no secret", err, c.want)
			}
		})
	}
}

// The certificate lies where the file says, wherever the program works.
func TestRTSPCertificatePath(t *testing.T) {
	file := write(t, "rtsp: { tls_cert: c.pem, tls_key: /k.pem }\n")
	cfg, _, err := Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(file), "c.pem"); cfg.RTSP.TLSCert != want || cfg.RTSP.TLSKey != "/k.pem" {
		t.Errorf("got %s and %s, want %s and /k.pem", cfg.RTSP.TLSCert, cfg.RTSP.TLSKey, want)
	}
}
