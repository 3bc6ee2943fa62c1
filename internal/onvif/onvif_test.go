package onvif

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"vigil/internal/onvif/onviftest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	sub      = onviftest.Profile{Token: "p2", Name: "sub", Source: "v0", Encoding: "H264", Width: 640, Height: 360, Rate: 15, URI: "rtsp://HOST/2"}
	main     = onviftest.Profile{Token: "p&1", Name: "main", Source: "v0", Encoding: "H264", Width: 1920, Height: 1080, Rate: 25, URI: "rtsp://u:p@HOST:554/1?a=b&c=d"}
	resident = Credentials{User: "<admin>", Password: "hunter2&"}
)

func camera() *onviftest.Camera {
	p := main
	p.Token = "p1"
	return &onviftest.Camera{Name: "Front Door", User: resident.User, Password: string(resident.Password), Profiles: []onviftest.Profile{sub, p}}
}

// patience is how long probes wait for answers on loopback.
const patience = 300 * time.Millisecond

func TestProbeAndAsk(t *testing.T) {
	c := camera()
	c.Ahead = 47 * time.Hour
	onviftest.Start(t, c)
	silent, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // a test's
	nobody := netip.MustParseAddrPort("127.0.0.1:9")
	devices, err := Unicast(t.Context(), []netip.AddrPort{nobody, c.Discovery, silent.LocalAddr().(*net.UDPAddr).AddrPort()}, time.Second)
	if err != nil || len(devices) != 1 {
		t.Fatalf("got %+v, %v", devices, err)
	}
	d := devices[0]
	if d.Service != c.Service || d.Name != "Front Door" || d.Hardware != "X1" || d.Addr != c.Addr.Addr() || d.Warnings != nil {
		t.Errorf("got %+v", d)
	}
	got, err := Ask(t.Context(), d, resident)
	if err != nil {
		t.Fatal(err)
	}
	want := []Stream{
		{Profile: "sub", Source: "v0", Codec: "H264", Width: 640, Height: 360, Rate: 15, URL: "rtsp://127.0.0.1/2"},
		{Profile: "main", Source: "v0", Codec: "H264", Width: 1920, Height: 1080, Rate: 25, URL: "rtsp://127.0.0.1/1?a=b&c=d"},
	}
	if got.Manufacturer != "Acme" || got.Model != "X1" || !slices.Equal(got.Streams, want) || (got.Skew-c.Ahead).Abs() > 5*time.Second {
		t.Errorf("got %+v", got)
	}
	if asked := c.Asked(); asked[0] != "GetSystemDateAndTime" {
		t.Errorf("asked %v, want the time first", asked)
	}
}

func TestMulticast(t *testing.T) {
	c := onviftest.Start(t, camera())
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		t.Skip(err)
	}
	conn, err := net.ListenMulticastUDP("udp4", lo, &net.UDPAddr{IP: group.Addr().AsSlice()})
	if err != nil {
		t.Skip(err) // no multicast here
	}
	c.Discover(t, conn)
	port := conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	networks := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1")} // the second is not ours
	devices, err := multicast(t.Context(), networks, netip.AddrPortFrom(group.Addr(), port), patience)
	if err != nil || len(devices) != 1 || devices[0].Service != c.Service {
		t.Errorf("got %+v, %v", devices, err)
	}
	if _, err := multicast(t.Context(), networks[1:], group, patience); err == nil || !strings.Contains(err.Error(), "192.0.2.1") {
		t.Errorf("got %v, want an error that names the network", err)
	}
	if _, err := Networks(); err != nil {
		t.Error(err)
	}
}

// What a device announces of other hosts is told, and not followed.
func TestOtherHostsAreNotFollowed(t *testing.T) {
	elsewhere := onviftest.Start(t, camera())
	other := strings.Replace(elsewhere.Service, "127.0.0.1", "127.0.0.2", 1)
	c := camera()
	c.Media = strings.Replace(other, "device_service", "media", 1)
	c.Profiles[0].URI = "rtsp://127.0.0.2/1"
	c.Profiles[1].URI = "http://HOST/1"
	onviftest.Start(t, c)
	got, err := Ask(t.Context(), Device{Addr: c.Addr.Addr(), Service: c.Service}, resident)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Device.Warnings) != 1 || !strings.Contains(got.Device.Warnings[0], c.Media) {
		t.Errorf("got warnings %q", got.Device.Warnings)
	}
	if s := got.Streams; s[0].URL != "rtsp://127.0.0.2/1" || !strings.Contains(s[0].Warning, "points to 127.0.0.2") || s[1].URL != "" || s[1].Warning == "" {
		t.Errorf("got %+v", s)
	}
	c.Change(func(c *onviftest.Camera) {
		c.Announced = other
		c.Answers = map[string]func(http.ResponseWriter){"GetProfiles": func(w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere.Service)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}}
	})
	if _, err := Ask(t.Context(), Device{Addr: c.Addr.Addr(), Service: c.Service}, resident); err == nil || !strings.Contains(err.Error(), "get profiles: status 307") {
		t.Errorf("got %v, want the redirect refused", err)
	}
	if asked := elsewhere.Asked(); len(asked) > 0 {
		t.Errorf("the other host was asked %v", asked)
	}
	devices, err := Unicast(t.Context(), []netip.AddrPort{c.Discovery}, patience)
	if err != nil || len(devices) != 1 || devices[0].Service != "http://127.0.0.1/onvif/device_service" || len(devices[0].Warnings) != 1 {
		t.Errorf("got %+v, %v", devices, err)
	}
}

func TestAskTellsWhatIsWrong(t *testing.T) {
	answer := func(operation string, f func(w http.ResponseWriter)) func(*onviftest.Camera) {
		return func(c *onviftest.Camera) { c.Answers = map[string]func(http.ResponseWriter){operation: f} }
	}
	text := func(status int, body string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(status); _, _ = fmt.Fprint(w, body) }
	}
	for name, tt := range map[string]struct {
		change func(*onviftest.Camera)
		who    Credentials
		want   string
	}{
		"password":       {nil, Credentials{"<admin>", "hunter3"}, ErrCredentials.Error()},
		"nobody":         {nil, Credentials{}, ErrCredentials.Error()},
		"HTTP login":     {answer("GetProfiles", text(401, "")), resident, "refused: status 401; devices that want HTTP Digest"},
		"no service":     {answer("GetSystemDateAndTime", text(404, "not here")), resident, "get system time: status 404"},
		"no XML":         {answer("GetProfiles", text(200, "hello")), resident, "get profiles: unreadable answer"},
		"other answer":   {answer("GetProfiles", func(w http.ResponseWriter) { onviftest.Answer(w, "x", "") }), resident, "unreadable answer"},
		"entities":       {answer("GetProfiles", text(200, `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Envelope><Body>&a;</Body></Envelope>`)), resident, errDoctype.Error()},
		"deep":           {answer("GetProfiles", text(200, "<Envelope>"+strings.Repeat("<a>", 2*maxDepth))), resident, errDepth.Error()},
		"endless":        {answer("GetProfiles", text(200, "<Envelope>"+strings.Repeat(" ", maxBody))), resident, "longer than 1048576 bytes"},
		"control codes":  {answer("GetProfiles", func(w http.ResponseWriter) { onviftest.Fault(w, "Busy", "too\u0085busy\u202e") }), resident, "the device answers: toobusy"},
		"plain fault":    {answer("GetProfiles", func(w http.ResponseWriter) { onviftest.Fault(w, "Busy", "too busy") }), resident, "get profiles: the device answers: too busy"},
		"no media":       {answer("GetCapabilities", func(w http.ResponseWriter) { onviftest.Answer(w, "GetCapabilitiesResponse", "") }), resident, "no media service"},
		"many profiles":  {func(c *onviftest.Camera) { c.Profiles = slices.Repeat(c.Profiles, maxStreams) }, resident, "at most 64"},
		"stream refused": {answer("GetStreamUri", func(w http.ResponseWriter) { onviftest.Fault(w, "NotAuthorized", "no") }), resident, ErrCredentials.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			c := camera()
			if tt.change != nil {
				tt.change(c)
			}
			onviftest.Start(t, c)
			_, err := Ask(t.Context(), Device{Addr: c.Addr.Addr(), Service: c.Service}, tt.who)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if refused := errors.Is(err, ErrCredentials); refused != strings.Contains(tt.want, "refused") {
				t.Errorf("got %v: refused is %t", err, refused)
			}
		})
	}
}

// A profile without a stream of its own does not hide the others, nor does a clock that was never set.
func TestPartialAnswers(t *testing.T) {
	c := camera()
	c.Profiles[0].URI = ""
	c.Answers = map[string]func(http.ResponseWriter){"GetSystemDateAndTime": func(w http.ResponseWriter) {
		onviftest.Answer(w, "GetSystemDateAndTimeResponse", "<SystemDateAndTime><UTCDateTime><Date><Year>0</Year></Date></UTCDateTime></SystemDateAndTime>")
	}}
	onviftest.Start(t, c)
	got, err := Ask(t.Context(), Device{Addr: c.Addr.Addr(), Service: c.Service}, resident)
	if err != nil || got.Skew != 0 || len(got.Streams) != 2 || got.Streams[0].Warning == "" || got.Streams[1].URL == "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAt(t *testing.T) {
	c := onviftest.Start(t, camera())
	if d, err := At(t.Context(), c.Addr); err != nil || d.Service != c.Service {
		t.Errorf("got %+v, %v", d, err)
	}
	if _, err := At(t.Context(), netip.MustParseAddrPort("127.0.0.1:9")); err == nil {
		t.Error("got no error where nobody listens")
	}
	for at, want := range map[string]string{
		"192.0.2.1:80": "http://192.0.2.1/onvif/device_service", "192.0.2.1:81": "http://192.0.2.1:81/onvif/device_service",
		"[2001:db8::1]:80": "http://[2001:db8::1]/onvif/device_service",
	} {
		if got := deviceService(netip.MustParseAddrPort(at)); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
}

// The example of the ONVIF Application Programmer's Guide, 6.1.1.3.
func TestDigest(t *testing.T) {
	nonce, err := base64.StdEncoding.DecodeString("LKqI6G/AikKCQrN0zqZFlg==")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := digest(nonce, "2010-09-16T07:50:45Z", "userpassword"), "tuOSpGlFlIXsozq4HFNeeGeFLEI="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	text, err := json.Marshal(resident)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", resident.Password)
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", resident, resident, resident, resident.Password), string(text), log.String()} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("got %s", s)
		}
	}
}
