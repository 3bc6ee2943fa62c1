package rtsp

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"vigil/frames"
	"vigil/ingest"
)

func TestPull(t *testing.T) {
	for _, name := range []string{"bframes", "h265"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCamera(t, name)
			said := &logged{}
			source, err := NewClient(ClientConfig{URL: c.url("admin", url.PathEscape(oddPassword)), Log: said.logger()})
			if err != nil {
				t.Fatal(err)
			}
			st := newStation(t, said, ingest.Camera{ID: "door", Source: source})
			epochs := func(fs []*frames.Fragment) (n int) {
				for _, f := range fs {
					if f.Seq == 0 {
						n++
					}
				}
				return n
			}
			fs := recorded(t, st.log, "door", func(fs []*frames.Fragment) bool { return len(fs) >= 8 })
			if epochs(fs) != 1 {
				t.Errorf("got %d epochs over the wrap of the timestamps, want 1", epochs(fs))
			}
			_, units := fixture(t, name)
			got := unpack(t, fs...)
			var at int
			for at = range units { // where it joined
				if units[at].Key && sameUnits(got[:4], cycle(units, at, 4)) {
					break
				}
			}
			if !sameUnits(got, cycle(units, at, len(got))) {
				t.Error("access units differ from the camera's")
			}

			c.hangUp()
			recorded(t, st.log, "door", func(fs []*frames.Fragment) bool { return epochs(fs) >= 2 && len(fs) > 10 })
			st.stop()
			for _, secret := range []string{oddPassword, url.PathEscape(oddPassword), "in-query"} {
				if strings.Contains(said.String(), secret) {
					t.Errorf("the log shows %q:\n%s", secret, said)
				}
			}
			if !strings.Contains(said.String(), "only the video is taken") {
				t.Error("nothing was said of the audio")
			}
		})
	}
}

// cycle returns n units of the endless stream, from the unit at on.
func cycle(units []frames.AccessUnit, at, n int) []frames.AccessUnit {
	var out []frames.AccessUnit
	for i := range n {
		out = append(out, units[(at+i)%len(units)])
	}
	return out
}

// full is a sink that takes nothing.
type full struct{}

func (full) Start(frames.Parameters) error { return nil }
func (full) Audio(ingest.Sound)            {}
func (full) Lost(uint64)                   {}
func (full) Unit(ingest.Unit) error        { return errors.New("sink is full") }

func TestPullRefused(t *testing.T) {
	c := newCamera(t, "plain")
	run := func(rawURL string) error {
		t.Helper()
		source, err := NewClient(ClientConfig{URL: rawURL, Log: (&logged{}).logger()})
		if err != nil {
			t.Fatal(err)
		}
		return source.Run(t.Context(), full{})
	}
	if err := run(c.url("admin", "wrong-secret")); !errors.Is(err, ingest.ErrCredentials) || strings.Contains(err.Error(), "secret") {
		t.Errorf("wrong password: got %v, want %v", err, ingest.ErrCredentials)
	}
	if err := run(c.url("admin", url.PathEscape(oddPassword))); err == nil || err.Error() != "sink is full" {
		t.Errorf("got %v, want the sink's error", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	source, err := NewClient(ClientConfig{URL: c.url("admin", "x"), Log: (&logged{}).logger()})
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Run(ended, full{}); err != nil {
		t.Errorf("ended context: got %v, want nil", err)
	}

	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := ln.Addr().String()
	_ = ln.Close()
	if err := run("rtsp://admin:wrong-secret@" + nobody + "/x?pwd=in-query"); err == nil ||
		strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "in-query") {
		t.Errorf("nobody there: got %v, want an error without secrets", err)
	}
}

func TestPullRefusesRedirects(t *testing.T) {
	for to, want := range map[string]string{
		"rtsp://127.0.0.2:554/stream1":     errRedirect.Error() + `: "127.0.0.2"`,
		"rtsp://evil:top-secret@127.0.0.2": errRedirect.Error() + `: "127.0.0.2"`,
		"":                                 errRedirects.Error(), // to itself, for ever
	} {
		c := newCamera(t, "plain")
		if c.redirect = to; to == "" {
			c.redirect = "rtsp://" + c.server.NetListener().Addr().String() + "/again"
		}
		source, err := NewClient(ClientConfig{URL: c.url("admin", "top-secret"), Log: (&logged{}).logger()})
		if err != nil {
			t.Fatal(err)
		}
		err = source.Run(t.Context(), full{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "top-secret") {
			t.Errorf("redirect to %s: got %v, want %s", c.redirect, err, want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for _, tt := range []struct{ in, user, pass, host, text string }{
		{"rtsp://10.0.0.5/stream1", "", "", "10.0.0.5", "rtsp://10.0.0.5/stream1"},
		{"rtsp://user:pass@10.0.0.5:8554/a/b?c=d", "user", "pass", "10.0.0.5:8554", "rtsp://10.0.0.5:8554/a/b"},
		{"rtsp://user@cam/x", "user", "", "cam", "rtsp://cam/x"},
		{"rtsps://u:p%40ss@cam/x", "u", "p@ss", "cam", "rtsps://cam/x"},
		{"rtsp://u:p@ss:w#rd@cam/x", "u", "p@ss:w#rd", "cam", "rtsp://cam/x"},
		{"rtsp://u:p@/s@cam/x?y=a@b", "u", "p@/s", "cam", "rtsp://cam/x"},
		{"rtsp://u:100%@cam/x", "u", "100%", "cam", "rtsp://cam/x"},
		{"rtsp://u:a/b?c@cam:554/x", "u", "a/b?c", "cam:554", "rtsp://cam:554/x"},
		{"rtsp://u:p@s:s/w?o#r@cam:554/x?y=z", "u", "p@s:s/w?o#r", "cam:554", "rtsp://cam:554/x"},
		{"rtsp://u:ü€@[::1]:554/x", "u", "ü€", "[::1]:554", "rtsp://[::1]:554/x"},
		{"rtsp://cam/x@y", "", "", "cam", "rtsp://cam/x@y"},
		{"rtsp://cam:554/user=a&password=b", "", "", "cam:554", "rtsp://cam:554/..."},
	} {
		a, err := parseAddress(tt.in)
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		pass, _ := a.url.User.Password()
		if a.url.User.Username() != tt.user || pass != tt.pass || a.url.Host != tt.host || a.String() != tt.text {
			t.Errorf("%s: got %q %q %q %q", tt.in, a.url.User.Username(), pass, a.url.Host, a)
		}
	}
	for _, in := range []string{"", "cam", "http://cam/x", "rtsp://", "rtsp:///x", "rtsp://u:secret@/x", "rtsp://u:secret@cam:port/x"} {
		if _, err := parseAddress(in); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v, want an error without secrets", in, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("rtsp", "user", "pass", "10.0.0.5/stream1")
	f.Add("rtsps", "u", "p@:/%#?", "[::1]:554/x?y=z")
	f.Fuzz(func(t *testing.T, scheme, user, pass, rest string) {
		const planted = "PLANTED-SECRET"
		a, err := parseAddress(scheme + "://" + user + ":" + pass + planted + "@" + rest)
		if err != nil {
			if strings.Contains(err.Error(), planted) {
				t.Errorf("the error shows the password: %v", err)
			}
			return
		}
		got, _ := a.url.User.Password()
		if !strings.Contains(got, planted) {
			return // the rest holds an @, too, or the user name a path: what is the password is anybody's guess
		}
		if strings.Contains(a.String(), planted) {
			t.Errorf("the text shows the password: %s", a)
		}
		if err := a.redact("x", errors.New(a.url.String()+" "+got)); strings.Contains(err.Error(), planted) {
			t.Errorf("a redacted error shows the password: %v", err)
		}
	})
}

// Timestamps wrap after 13 hours, and the marker bit may be missing (FLIR M400).
func TestClock(t *testing.T) {
	type step struct {
		ts   uint32
		done bool // the packet completes an access unit
		want int64
	}
	for name, steps := range map[string][]step{
		"wrap":          {{0xfffffff0, true, 0}, {0x10, true, 0x20}, {0xfffffff8, true, 8}},
		"fragments":     {{100, false, 0}, {100, false, 0}, {100, true, 0}, {200, false, 0}, {200, true, 100}},
		"no markers":    {{100, false, 0}, {200, true, 0}, {300, true, 100}, {300, false, 0}, {400, true, 200}},
		"marker at end": {{100, false, 0}, {200, true, 0}, {200, true, 100}, {300, true, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			var c clock
			for i, s := range steps {
				pts := c.unwrap(s.ts)
				if !s.done {
					c.pending(pts)
				} else if got := c.complete(pts); got != s.want {
					t.Errorf("packet %d: got %d, want %d", i, got, s.want)
				}
			}
		})
	}
}
