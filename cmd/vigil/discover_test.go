package main

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"vigil/internal/config"
	"vigil/internal/onvif"
	"vigil/internal/onvif/onviftest"
)

// house is a camera, a recorder with two sources, of which the first streams from elsewhere, and a camera of somebody else.
func house(t *testing.T) (addresses []string) {
	profile := onviftest.Profile{Token: "1", Name: "main", Source: "v0", Encoding: "H264", Width: 1920, Height: 1080, Rate: 25, URI: "rtsp://HOST/1"}
	sub, jpeg, other := profile, profile, profile
	sub.Token, sub.Name, sub.Width, sub.Height, sub.URI = "2", "sub", 640, 360, "rtsp://HOST/2?user=admin&pwd=hunter2"
	jpeg.Token, jpeg.Name, jpeg.Encoding, jpeg.Width, jpeg.URI = "3", "stills", "JPEG", 4000, "rtsp://HOST/3"
	other.Token, other.Source, other.URI = "4", "v1", "rtsp://127.0.0.9/1"
	for _, c := range []*onviftest.Camera{
		{User: "admin", Password: "hunter2", Profiles: []onviftest.Profile{jpeg, sub, profile}},
		{Host: "127.0.0.2", User: "admin", Password: "hunter2", Profiles: []onviftest.Profile{other, profile}},
		{Host: "127.0.0.3", User: "somebody", Password: "else", Profiles: []onviftest.Profile{profile}},
	} {
		addresses = append(addresses, "--address", onviftest.Start(t, c).Addr.String())
	}
	return addresses
}

var entrance = []string{"VIGIL_CAMERA_PASSWORD=hunter2", "VIGIL_CAMERAS_0_ID=x1", "VIGIL_CAMERAS_0_PUBLISH_TOKEN=t"}

func TestDiscover(t *testing.T) {
	args := append([]string{"cameras", "discover", "--user", "admin"}, house(t)...)
	got := vigilIn(t.Context(), t, entrance, args...)
	got.works(t, "cameras:\n", "(Acme X1)", `- { id: "x1-2", url: "rtsp://127.0.0.1/1" }`, "also sub: H264 640x360, 25/s, rtsp://127.0.0.1/2?***",
		"also stills: JPEG", `# - { id: "x1-1", url: "rtsp://127.0.0.9/1" }`, "WARNING: points to 127.0.0.9", `- { id: "x1-2-2", url: "rtsp://127.0.0.2/1" }`,
		"camera at 127.0.0.3", "not listed: get device information: user or password refused", "VIGIL_CAMERAS_1_URL_FILE")
	if strings.Contains(got.out+got.err, "hunter2") {
		t.Errorf("got %s and %s", got.out, got.err)
	}

	dir := filepath.Join(t.TempDir(), "secrets")
	got = vigilIn(t.Context(), t, entrance, append(args, "--secrets", dir)...)
	file := filepath.Join(dir, "x1-2.url")
	second := filepath.Join(dir, "x1-2-2.url")
	got.works(t, "VIGIL_CAMERAS_1_URL_FILE="+file+"\n", "VIGIL_CAMERAS_2_URL_FILE="+second+"\n")
	text, err := os.ReadFile(file)
	if err != nil || string(text) != "rtsp://admin:hunter2@127.0.0.1/1\n" || strings.Contains(got.out, "hunter2") {
		t.Errorf("got %q, %v and %s", text, err, got.out)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 2 {
		t.Errorf("got %v, %v, want no password for another host", files, err)
	}
	if stat, err := os.Stat(file); err != nil || stat.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file for this user only", stat.Mode(), err)
	}
	// What is printed is a configuration that finds the addresses.
	path := write(t, filepath.Join(t.TempDir(), "vigil.yaml"), got.out)
	cfg, _, err := config.Load(path, []string{"VIGIL_CAMERAS_0_URL_FILE=" + file, "VIGIL_CAMERAS_1_URL_FILE=" + second})
	want := []config.Camera{
		{ID: "x1-2", URL: "rtsp://admin:hunter2@127.0.0.1/1"}, {ID: "x1-2-2", URL: "rtsp://admin:hunter2@127.0.0.2/1"},
	}
	if err != nil || !reflect.DeepEqual(cfg.Cameras, want) {
		t.Errorf("got %+v, %v", cfg.Cameras, err)
	}
	vigilIn(t.Context(), t, entrance, append(args, "--plain")...).works(t, `url: "rtsp://admin:hunter2@127.0.0.1/1" }`, `url: "rtsp://127.0.0.9/1" }`)
}

func TestDiscoverJSON(t *testing.T) {
	password := write(t, filepath.Join(t.TempDir(), "password"), "hunter2\n")
	got := vigil(t, append([]string{"cameras", "discover", "--json", "--user", "admin", "--password-file", password}, house(t)...)...)
	devices := each[deviceJSON](t, got)
	if len(devices) != 3 || strings.Contains(got.out, "hunter2") {
		t.Fatalf("got %+v", got)
	}
	streams := 0
	if last := devices[2]; !strings.Contains(last.Error, "refused") || len(last.Cameras) != 0 {
		t.Errorf("got %+v", last)
	}
	for i, d := range devices[:2] {
		streams += len(d.Streams)
		if d.Model != "X1" || d.Error != "" || d.Address != "127.0.0."+strconv.Itoa(i+1) || d.Cameras[i].URL != "rtsp://"+d.Address+"/1" {
			t.Errorf("got %+v", d)
		}
	}
	if streams != 5 {
		t.Errorf("got %d streams, want 5", streams)
	}
}

func TestDiscoverSaysWhatIsWrong(t *testing.T) {
	c := onviftest.Start(t, &onviftest.Camera{User: "admin", Password: "hunter2"})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := silent.Addr().String()
	if err := silent.Close(); err != nil {
		t.Fatal(err)
	}
	vigilIn(t.Context(), t, entrance, "cameras", "discover", "--address", nobody).fails(t, 1, "no camera answered")
	vigilIn(t.Context(), t, entrance, "cameras", "discover", "--address", c.Addr.String()).fails(t, 1, "user or password refused", "--user")
	vigilIn(t.Context(), t, entrance, "cameras", "discover", "--address", "10.0.0.0/8").fails(t, 1, "more than 1024")
	vigilIn(t.Context(), t, entrance, "cameras", "discover", "--address", "10.0.0.0/x").fails(t, 1, "want a network")
	vigilIn(t.Context(), t, entrance, "cameras", "discover", "--address", "127.0.0.1:99999").fails(t, 1, "65535")
	missing := filepath.Join(t.TempDir(), "none")
	vigil(t, "cameras", "discover", "--user", "a", "--password-file", missing).fails(t, 1, missing)
	vigil(t, "cameras", "discover", "--plain", "--secrets", "x").fails(t, 2, "--plain")
}

func TestHostsOfNetworks(t *testing.T) {
	for network, want := range map[string]int{"192.0.2.0/24": 254, "192.0.2.9/32": 1, "192.0.2.9/31": 2, "192.0.2.9/30": 2, "2001:db8::/120": 256} {
		got, err := hosts(netip.MustParsePrefix(network))
		if err != nil || len(got) != want || !netip.MustParsePrefix(network).Contains(got[0].Addr()) {
			t.Errorf("%s: got %d, %v, want %d", network, len(got), err, want)
		}
	}
}

func TestCameraIDs(t *testing.T) {
	s := newSheet(config.Config{}, onvif.Credentials{})
	for _, test := range [][2]string{
		{"Front Door", "front-door"},
		{"front door!", "front-door-2"},
		{"  Ü-Straße  ", "stra-e"},
		{"日本", "camera"},
		{"", "camera-2"},
		{strings.Repeat("a", 100), strings.Repeat("a", 56)},
	} {
		if got := s.id(test[0]); got != test[1] {
			t.Errorf("%q: got %q, want %q", test[0], got, test[1])
		}
	}
}
