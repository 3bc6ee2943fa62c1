package rtsp

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigil/frames"
	"vigil/ingest"
	"vigil/internal/faultproxy"
)

// behindProxy is a station that pulls from a camera through a proxy.
func behindProxy(t *testing.T) (*station, *faultproxy.Proxy) {
	t.Helper()
	c := newCamera(t, "plain")
	proxy, err := faultproxy.Listen(t.Context(), c.server.NetListener().Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	background(t, proxy.Run)
	said := &logged{}
	address := "rtsp://admin:" + url.PathEscape(oddPassword) + "@" + proxy.Addr() + "/stream1"
	source, err := NewClient(ClientConfig{URL: address, Log: said.logger()})
	if err != nil {
		t.Fatal(err)
	}
	return newStation(t, said, ingest.Camera{ID: "door", Source: source}), proxy
}

// newest returns the last fragment recorded.
func (st *station) newest(t *testing.T, enough func(*frames.Fragment) bool) *frames.Fragment {
	t.Helper()
	fs := recorded(t, st.log, "door", func(fs []*frames.Fragment) bool { return enough(fs[len(fs)-1]) })
	return fs[len(fs)-1]
}

// R01: a cable that is pulled for longer than the stall timeout.
func TestPullCableIsPulled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	t.Parallel()
	st, proxy := behindProxy(t)
	st.newest(t, func(f *frames.Fragment) bool { return f.Seq >= 4 })
	proxy.Set(faultproxy.Silent)
	pulled := time.Now()
	eventually(t, "the camera is offline", func() bool { return !st.states.of("door").Online })
	if took := time.Since(pulled); took > ingest.StallTimeout+time.Second {
		t.Errorf("the stall was seen after %v, want %v", took, ingest.StallTimeout)
	}
	proxy.Reset() // what the cable held is gone with the camera's connection
	proxy.Set(faultproxy.None)
	back := time.Now()
	again := st.newest(t, func(f *frames.Fragment) bool { return f.Gap != nil })
	if took := time.Since(back); took > 5*time.Second {
		t.Errorf("video came again after %v, want within 5 s", took)
	}
	if again.Gap.Reason != ingest.GapAway || again.Gap.From.Sub(pulled).Abs() > 500*time.Millisecond || !again.Gap.To.Equal(again.Start) {
		t.Errorf("got gap %+v, want it from %v to %v", again.Gap, pulled, again.Start)
	}
}

// R02: resets in the middle of a group of pictures, again and again.
func TestPullIsReset(t *testing.T) {
	t.Parallel()
	st, proxy := behindProxy(t)
	epochs := map[string]bool{}
	for range 4 {
		f := st.newest(t, func(f *frames.Fragment) bool { return f.Seq >= 2 && !f.Key && !epochs[f.Epoch] })
		epochs[f.Epoch] = true
		proxy.Reset()
	}
	fs := recorded(t, st.log, "door", func(fs []*frames.Fragment) bool { return !epochs[fs[len(fs)-1].Epoch] })
	seqs := map[string]uint64{}
	for _, f := range fs {
		if f.Seq != seqs[f.Epoch] {
			t.Fatalf("%s follows %d: fragments of an epoch are missing", f.ID(), seqs[f.Epoch])
		}
		seqs[f.Epoch]++
	}
	unpack(t, fs...)
}

// R16: a camera that takes one session at a time, and holds the one before for a while after its connection is gone.
func TestPullFromCameraWithOneSession(t *testing.T) {
	t.Parallel()
	var most, setups int
	c := newCamera(t, "plain", func(c *camera) {
		c.setup = func(*gortsplib.ServerHandlerOnSetupCtx) *base.Response { // under the camera's lock
			setups++
			most = max(most, len(c.conns))
			if setups == 2 || setups == 3 {
				return &base.Response{StatusCode: base.StatusNotEnoughBandwidth}
			}
			return &base.Response{StatusCode: base.StatusOK}
		}
	})
	said := &logged{}
	st := newStation(t, said, ingest.Camera{ID: "door", Source: newTestClient(t, said, c, Auto)})
	first := st.newest(t, func(f *frames.Fragment) bool { return f.Seq >= 2 })
	began := time.Now()
	c.hangUp()
	st.newest(t, func(f *frames.Fragment) bool { return f.Epoch != first.Epoch })
	// Back-off of 1, 2 and 4 s, each a fifth less by chance.
	if took := time.Since(began); took < 5*time.Second {
		t.Errorf("video came again after %v, with two attempts refused", took)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if setups != 4 || most != 1 {
		t.Errorf("got %d attempts with %d connections at most, want 4 with 1", setups, most)
	}
	if !strings.Contains(said.String(), "453 Not Enough Bandwidth") {
		t.Errorf("the status is not named: %s", said)
	}
}
