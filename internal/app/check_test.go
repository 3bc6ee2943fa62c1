package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/clips"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/people"
	"vigil/internal/web"
)

func TestParseRoles(t *testing.T) {
	for _, test := range []struct {
		names []string
		want  []Role
		err   string
	}{
		{nil, allRoles, ""},
		{[]string{"ingest", " console", "ingest"}, []Role{Ingest, Console}, ""},
		{[]string{"vision", "recorder"}, nil, `role "recorder": want ingest, vision, alerts, clips or console`},
		{[]string{""}, nil, `role ""`},
	} {
		got, err := ParseRoles(test.names)
		if !slices.Equal(got, test.want) || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: got %v, %v, want %v, %q", test.names, got, err, test.want, test.err)
		}
	}
}

const goodSecret = config.Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

func TestCheckNamesTheKey(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := config.Endpoint{ID: "home", URL: "https://hooks.example/1", Secret: goodSecret}
	for name, test := range map[string]struct {
		change func(*config.Config)
		want   []string // none: nothing is wrong
	}{
		"defaults": {func(*config.Config) {}, nil},
		"good": {func(c *config.Config) {
			c.Endpoints = []config.Endpoint{good}
			c.People.Known = []config.Person{{Name: "Ann", Photos: dir}}
		}, nil},
		"secret": {func(c *config.Config) {
			bad := good
			bad.Secret = "whsec_hunter2"
			c.Endpoints = []config.Endpoint{good, bad}
		}, []string{"endpoints[1]", "home", "secret"}},
		"private address": {func(c *config.Config) {
			c.Endpoints = []config.Endpoint{{ID: "home", URL: "http://127.0.0.1:9000/hook", Secret: goodSecret}}
		}, []string{"endpoints[0]", "allow_private"}},
		"no folder": {func(c *config.Config) {
			c.People.Known = []config.Person{{Name: "Ann", Photos: filepath.Join(dir, "none")}}
		}, []string{"people.known[0].photos", "Ann", filepath.Join(dir, "none")}},
		"no folder but a file": {func(c *config.Config) {
			c.People.Known = []config.Person{{Name: "Ann", Photos: dir}, {Name: "Bob", Photos: file}}
		}, []string{"people.known[1].photos", "Bob", file, "not a folder"}},
		"certificate": {
			func(c *config.Config) { c.HTTP.TLSCert, c.HTTP.TLSKey = dir+"/cert", file },
			[]string{"http.tls_cert", dir + "/cert"},
		},
		"key":         {func(c *config.Config) { c.HTTP.TLSCert, c.HTTP.TLSKey = file, dir+"/key" }, []string{"http.tls_key", dir + "/key"}},
		"credentials": {func(c *config.Config) { c.NATS.CredsFile = dir + "/creds" }, []string{"nats.creds_file", dir + "/creds"}},
	} {
		cfg := config.Default()
		test.change(&cfg)
		err := Check(cfg)
		if (err == nil) != (test.want == nil) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %q, want %q in it", name, err, want)
			}
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the secret is in %q", name, err)
		}
	}
}

func TestRolesOfTheirOwnNeedWhatTheyShare(t *testing.T) {
	for _, test := range []struct {
		roles []Role
		set   func(*config.Config)
		want  []string // keys; none: nothing is missing
	}{
		{allRoles, nil, nil},
		{[]Role{Ingest}, nil, []string{"nats.url"}},
		{[]Role{Vision}, nil, []string{"nats.url", "s3.endpoint"}},
		{[]Role{Alerts}, nil, []string{"nats.url", "http.public_url"}},
		{[]Role{Ingest, Alerts, Console}, nil, []string{"nats.url", "s3.endpoint"}},
		{[]Role{Clips}, func(c *config.Config) { c.NATS.URL, c.S3.Endpoint = "nats://n", "http://s3" }, nil},
		{[]Role{Console}, func(c *config.Config) { c.NATS.URL, c.S3.Listen = "nats://n", "127.0.0.1:9000" }, nil},
		{[]Role{Alerts}, func(c *config.Config) { c.NATS.URL, c.HTTP.PublicURL = "nats://n", "https://v" }, nil},
	} {
		cfg := config.Default()
		if test.set != nil {
			test.set(&cfg)
		}
		err := checkRoles(cfg, test.roles)
		if (err == nil) != (test.want == nil) {
			t.Errorf("%v: got %v", test.roles, err)
			continue
		}
		for _, key := range test.want {
			if !strings.Contains(err.Error(), key+": ") {
				t.Errorf("%v: got %q, want %s in it", test.roles, err, key)
			}
		}
	}
}

func TestHostOfShowsNoCredentials(t *testing.T) {
	for address, want := range map[string]string{
		"nats://user:hunter2@10.0.0.5:4222?token=hunter2": "10.0.0.5:4222", "nats://h:4222": "h:4222",
		"nats://user:hunter2@[::1": "an address that cannot be read",
	} {
		if got := hostOf(address); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

func TestReachable(t *testing.T) {
	for ip, want := range map[string]string{"0.0.0.0": "127.0.0.1:80", "::": "127.0.0.1:80", "192.0.2.1": "192.0.2.1:80", "::1": "[::1]:80"} {
		if got := reachable(&net.TCPAddr{IP: net.ParseIP(ip), Port: 80}); got != want {
			t.Errorf("%s: got %s, want %s", ip, got, want)
		}
	}
}

func TestClipAnswer(t *testing.T) {
	other := errors.New("the store is away")
	if err := clipAnswer(nil); err != nil {
		t.Errorf("got %v", err)
	}
	if err := clipAnswer(other); !errors.Is(err, other) || errors.Is(err, bus.ErrBury) {
		t.Errorf("got %v, want it as it is", err)
	}
	if err := clipAnswer(fmt.Errorf("job: %w", clips.ErrBadJob)); !errors.Is(err, bus.ErrBury) {
		t.Errorf("a bad job: got %v, want it given up", err)
	}
	if err := clipAnswer(clips.NotYet{After: time.Second}); err == nil || errors.Is(err, bus.ErrBury) {
		t.Errorf("too early: got %v, want another try", err)
	}
}

func TestAsRefusal(t *testing.T) {
	inside := errors.New("password hunter2 refused")
	for _, test := range []struct {
		err  error
		want string // the reason that is told; empty when it is not the asker's fault
	}{
		{fmt.Errorf("look at photos: %w", bus.ErrNoResponders), "no vision role runs"},
		{people.Refused{Photos: []people.Photo{{File: "1.jpg", Verdict: "no face found"}}}, "1.jpg: no face found"},
		{fmt.Errorf("Ann %w", people.ErrConfigured), "Ann is in the configuration file"},
		{inside, ""},
	} {
		got := asRefusal(test.err)
		refused, ok := errors.AsType[web.Refused](got)
		if ok != (test.want != "") || ok && !strings.Contains(refused.Reason, test.want) {
			t.Errorf("%v: got %v, want %q", test.err, got, test.want)
		}
	}
	if got := asRefusal(fmt.Errorf("Ann: %w", people.ErrNotFound)); !errors.Is(got, web.ErrNotFound) {
		t.Errorf("got %v", got)
	}
	if asRefusal(nil) != nil || !errors.Is(asRefusal(inside), inside) {
		t.Error("what is nobody's fault is changed")
	}
}
