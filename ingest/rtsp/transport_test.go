package rtsp

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/auth"

	"vigil/frames"
	"vigil/ingest"
)

// watcher is a sink that tells when the first unit came, and ends the connection after as many as it wants.
type watcher struct {
	want int
	lost atomic.Uint64

	mu     sync.Mutex
	starts int
	params frames.Parameters
	units  []ingest.Unit
	first  time.Time
}

var errEnough = errors.New("enough")

func (w *watcher) Start(p frames.Parameters) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.starts++
	w.params = p
	return nil
}

func (w *watcher) Unit(u ingest.Unit) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.units) == 0 {
		w.first = time.Now()
	}
	if w.units = append(w.units, u); len(w.units) >= w.want {
		return errEnough
	}
	return nil
}

// watch runs the client until it has shown ten units, and returns how long the first took.
func watch(t *testing.T, c *Client) (*watcher, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w := &watcher{want: 10}
	began := time.Now()
	if err := c.Run(ctx, w); !errors.Is(err, errEnough) {
		t.Fatalf("got %v, want %v", err, errEnough)
	}
	if w.starts != 1 {
		t.Errorf("the sink was started %d times, want once", w.starts)
	}
	return w, w.first.Sub(began)
}

func newTestClient(t *testing.T, said *logged, c *camera, way Transport) *Client {
	t.Helper()
	source, err := NewClient(ClientConfig{URL: c.url("admin", url.PathEscape(oddPassword)), Transport: way, Log: said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// R03: media within 4 s, whatever of TCP and UDP the camera or the network lets through.
func TestPullTransports(t *testing.T) {
	const tcp, udp = gortsplib.ProtocolTCP, gortsplib.ProtocolUDP
	for _, tt := range []struct {
		name   string
		way    Transport
		traits []trait
		asked  []gortsplib.Protocol
		least  time.Duration
	}{
		{"auto", Auto, []trait{withUDP(false, false)}, []gortsplib.Protocol{tcp}, 0},
		{"not said", "", []trait{withUDP(false, false)}, []gortsplib.Protocol{tcp}, 0},
		{"tcp", TCP, []trait{withUDP(false, false)}, []gortsplib.Protocol{tcp}, 0},
		{"udp", UDP, []trait{withUDP(false, false)}, []gortsplib.Protocol{udp}, 0},
		{"auto, TCP refused", Auto, []trait{withUDP(false, false), takesOnly(udp)}, []gortsplib.Protocol{tcp, udp}, 0},
		{"udp, refused", UDP, []trait{withUDP(false, false), takesOnly(tcp)}, []gortsplib.Protocol{udp, tcp}, 0},
		{"udp, without ports", UDP, nil, []gortsplib.Protocol{tcp}, 0}, // gortsplib's server asks nobody
		{"udp, swallowed", UDP, []trait{withUDP(true, true)}, []gortsplib.Protocol{udp, tcp}, udpPatience},
		{"udp, RTCP comes through", UDP, []trait{withUDP(true, false)}, []gortsplib.Protocol{udp, tcp}, udpPatience},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCamera(t, "plain", tt.traits...)
			said := &logged{}
			_, after := watch(t, newTestClient(t, said, c, tt.way))
			t.Logf("first access unit after %v", after)
			if after < tt.least || after > 4*time.Second {
				t.Errorf("got the first access unit after %v, want %v to 4 s", after, tt.least)
			}
			if len(c.asked) != len(tt.asked) {
				t.Fatalf("got SETUPs %v, want %v", c.asked, tt.asked)
			}
			for i := range tt.asked {
				if c.asked[i] != tt.asked[i] {
					t.Errorf("SETUP %d: got %v, want %v", i, c.asked[i], tt.asked[i])
				}
			}
			if tt.least > 0 && !strings.Contains(said.String(), errNoPacket.Error()) {
				t.Errorf("nothing was said of the fall-back: %s", said)
			}
		})
	}
}

// R06: with a fifth and a twentieth of the packets lost and others out of order, what is recorded is whole access units
// of the camera, each at its time, and those behind what never came say so.
func TestPullOverLossyUDP(t *testing.T) {
	for _, every := range []int{5, 20} {
		t.Run(strconv.Itoa(every), func(t *testing.T) {
			t.Parallel()
			c := newCamera(t, "bframes", withLoss(every))
			said := &logged{}
			w := &watcher{want: 60}
			if err := newTestClient(t, said, c, UDP).Run(t.Context(), w); !errors.Is(err, errEnough) {
				t.Fatalf("got %v, want %v", err, errEnough)
			}
			_, units := fixture(t, "bframes")
			length := int64(len(units)) * frames.ClockRate / 25
			var offset int64
			expected := -1
			for i, u := range w.units {
				at := slices.IndexFunc(units, func(f frames.AccessUnit) bool {
					return sameUnits(pictures([]frames.AccessUnit{f}), pictures([]frames.AccessUnit{{NALUs: u.NALUs}}))
				})
				if at < 0 {
					t.Errorf("unit %d of %d NAL units is none of the camera's", i, len(u.NALUs))
					continue
				}
				d := ((u.PTS-units[at].PTS)%length + length) % length
				if i == 0 {
					offset = d
				}
				if d != offset {
					t.Errorf("unit %d, the camera's %d: is %d ticks off its time", i, at, d-offset)
				}
				if skipped := i > 0 && at != expected; skipped && !u.Missing {
					t.Errorf("unit %d, the camera's %d where %d was next: does not say that something is missing", i, at, expected)
				}
				expected = (at + 1) % len(units)
			}
			if !strings.Contains(said.String(), "lost=") {
				t.Errorf("nothing was said of the loss: %s", said)
			}
		})
	}
}

func TestPullTransportRefused(t *testing.T) {
	t.Parallel()
	c := newCamera(t, "plain", takesOnly(gortsplib.ProtocolUDP)) // and has no ports for it
	for way, want := range map[Transport]string{
		TCP: "setup over TCP: status 461 Unsupported Transport", Auto: "setup over UDP: status 461 Unsupported Transport",
	} {
		err := newTestClient(t, &logged{}, c, way).Run(t.Context(), &watcher{})
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", way, err, want)
		}
	}
}

func TestNewClientRefuses(t *testing.T) {
	for _, tt := range []struct {
		cfg  ClientConfig
		want string
	}{
		{ClientConfig{URL: "rtsp://u:secret@h/x", Transport: "multicast"}, `transport "multicast"`},
		{ClientConfig{URL: "rtsps://u:secret@h/x", Transport: UDP}, "TCP only"},
		{ClientConfig{URL: "rtsp://u:secret@h/x", Fingerprint: strings.Repeat("00", 32)}, "rtsps://"},
		{ClientConfig{URL: "rtsps://u:secret@h/x", Fingerprint: "00ff"}, "64 hexadecimal digits"},
		{ClientConfig{URL: "http://u:secret@h/x"}, "want rtsp://"},
	} {
		if _, err := NewClient(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: got %v, want %q", tt.cfg, err, tt.want)
		}
	}
}

// R05: every way to prove who one is, with passwords that break URLs, encoded in them or not.
func TestPullAuthenticates(t *testing.T) {
	ways := map[string][]auth.VerifyMethod{
		"basic":   {auth.VerifyMethodBasic},
		"MD5":     {auth.VerifyMethodDigestMD5},
		"SHA-256": {auth.VerifyMethodDigestSHA256},
		"all":     {auth.VerifyMethodBasic, auth.VerifyMethodDigestMD5, auth.VerifyMethodDigestSHA256},
	}
	for name, methods := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCamera(t, "plain", withMethods(methods...))
			for _, password := range []string{url.PathEscape(oddPassword), `p@s:s/w?o#r%d&ü+"`} {
				said := &logged{}
				source, err := NewClient(ClientConfig{URL: c.url("admin", password), Log: said.logger()})
				if err != nil {
					t.Fatal(err)
				}
				watch(t, source)
				if strings.Contains(said.String(), oddPassword) || strings.Contains(said.String(), password) {
					t.Errorf("the log shows the password: %s", said)
				}
			}
			source, err := NewClient(ClientConfig{URL: c.url("admin", "wrong-secret"), Log: (&logged{}).logger()})
			if err != nil {
				t.Fatal(err)
			}
			err = source.Run(t.Context(), &watcher{})
			if !errors.Is(err, ingest.ErrCredentials) || !strings.Contains(err.Error(), "401 Unauthorized") {
				t.Errorf("got %v, want status 401 and %v", err, ingest.ErrCredentials)
			}
		})
	}
}

func (w *watcher) Audio(ingest.Sound) {}
func (w *watcher) Lost(n uint64)      { w.lost.Add(n) }
