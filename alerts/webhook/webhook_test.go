package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const plain = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestSecretIsNeverPrinted(t *testing.T) {
	secret := Secret("whsec_" + plain)
	endpoint := Endpoint{ID: "home", URL: "http://127.0.0.1:1/", Secret: secret, AllowPrivate: true}
	sender, err := New(endpoint, &memory{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, v := range []any{secret, Secret(theirKey), Endpoint{Previous: secret}, &secret, endpoint, &endpoint, []Secret{secret}, map[string]any{"s": secret}, sender, *sender} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%e", "%U"} {
			fmt.Fprintf(&out, verb, v)
		}
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "secret", secret, "endpoint", endpoint, "list", []Secret{secret})
	}
	if err := json.NewEncoder(&out).Encode(endpoint); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{plain, "whsec_" + plain[:20], "whsec_" + plain + "!"} {
		fmt.Fprint(&out, Endpoint{ID: "x", URL: "http://h", Secret: Secret(wrong)}.Validate())
	}
	raw, err := base64.StdEncoding.DecodeString(plain)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{theirKey[5:30], plain, plain[:16], fmt.Sprintf("%x", plain[:8]), fmt.Sprintf("%x", raw[:8]), strings.Trim(fmt.Sprintf("%d", raw[:6]), "[]")} {
		if strings.Contains(out.String(), s) {
			t.Errorf("%q is shown in %s", s, out.String())
		}
	}
}

func TestEndpointValidate(t *testing.T) {
	good := Secret("whsec_" + plain)
	long := Secret("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)))
	cases := map[string]struct {
		endpoint Endpoint
		want     string // part of the error; empty when there is none
	}{
		"public":          {Endpoint{ID: "a", URL: "https://hooks.example.com/x", Secret: good}, ""},
		"private allowed": {Endpoint{ID: "a", URL: "http://192.168.1.5:8123/x", Secret: good, AllowPrivate: true}, ""},
		"private":         {Endpoint{ID: "a", URL: "http://192.168.1.5:8123/x", Secret: good}, "allow_private"},
		"metadata":        {Endpoint{ID: "a", URL: "http://169.254.169.254/", Secret: good, AllowPrivate: true}, "metadata"},
		"no id":           {Endpoint{URL: "https://h", Secret: good}, "id"},
		"odd id":          {Endpoint{ID: "a.>", URL: "https://h", Secret: good}, "id"},
		"scheme":          {Endpoint{ID: "a", URL: "file:///etc/passwd", Secret: good}, "http or https"},
		"no host":         {Endpoint{ID: "a", URL: "http:///x", Secret: good}, "host"},
		"user":            {Endpoint{ID: "a", URL: "http://u:hunter2@h/x", Secret: good}, "user or password"},
		"unreadable":      {Endpoint{ID: "a", URL: "http://u:hunter2@h:port/x", Secret: good}, "url"},
		"no secret":       {Endpoint{ID: "a", URL: "https://h"}, "whsec_"},
		"no prefix":       {Endpoint{ID: "a", URL: "https://h", Secret: plain}, `no "whsec_"`},
		"no base64":       {Endpoint{ID: "a", URL: "https://h", Secret: "whsec_***"}, "base64"},
		"short":           {Endpoint{ID: "a", URL: "https://h", Secret: "whsec_aGVsbG8="}, "got 5 bytes"},
		"format":          {Endpoint{ID: "a", URL: "https://h", Secret: good, Format: "xml"}, "standard or cloudevents"},
		"cloudevents":     {Endpoint{ID: "a", URL: "https://h", Secret: good, Format: CloudEvents}, ""},
		"short key":       {Endpoint{ID: "a", URL: "https://h", Secret: "whsk_aGVsbG8="}, "got 5 bytes"},
		"mixed key":       {Endpoint{ID: "a", URL: "https://h", Secret: Secret(theirKey[:80] + "A" + theirKey[81:])}, "belongs to another"},
		"previous":        {Endpoint{ID: "a", URL: "https://h", Secret: good, Previous: "whsec_aGVsbG8="}, "previous secret: want"},
		"long":            {Endpoint{ID: "a", URL: "https://h", Secret: long}, "got 65 bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := c.endpoint.Validate()
			switch {
			case c.want == "" && err != nil:
				t.Errorf("got %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q in it", err, c.want)
			case err != nil && strings.Contains(err.Error(), "hunter2"):
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

func TestRefusedAddresses(t *testing.T) {
	const never, private, open = "never", "with allow_private", "always"
	for addr, want := range map[string]string{
		"127.0.0.1": private, "127.255.255.254": private, "::1": private, "0.0.0.0": private, "::": private,
		"10.1.2.3": private, "172.16.0.1": private, "172.31.255.255": private, "192.168.1.5": private,
		"169.254.1.1": private, "fe80::1": private, "fe80::1%eth0": private, "fec0::1": private, "fd12::1": private,
		"100.64.0.1": private, "100.127.255.255": private, "224.0.0.1": private, "ff02::1": private,
		"255.255.255.255": private, "240.0.0.1": private, "198.18.0.1": private, "192.0.0.8": private,
		"192.0.2.1": private, "203.0.113.7": private, "2001:db8::1": private, "2001::1": private,
		"::ffff:127.0.0.1": private, "::ffff:10.0.0.1": private, "::127.0.0.1": private,
		"64:ff9b::7f00:1": private, "64:ff9b:1::1": private, "2002:7f00:1::": private, "2002:c0a8:101::1": private,
		"169.254.169.254": never, "::ffff:169.254.169.254": never, "64:ff9b::a9fe:a9fe": never,
		"2002:a9fe:a9fe::1": never, "fd00:ec2::254": never, "169.254.170.2": never, "100.100.100.200": never,
		"8.8.8.8": open, "172.32.0.1": open, "100.128.0.1": open, "2606:4700::1111": open, "::ffff:8.8.8.8": open,
	} {
		a := netip.MustParseAddr(addr)
		got := never
		switch {
		case refuse(a, false) == nil:
			got = open
		case refuse(a, true) == nil:
			got = private
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

func TestSchedule(t *testing.T) {
	var total time.Duration
	for n := 1; ; n++ {
		wait, more := Next(n, 0, 0.5)
		if !more {
			if n != 10 || total.Round(time.Hour) != 76*time.Hour {
				t.Errorf("got %d attempts over %s, want 10 over 76h", n, total)
			}
			break
		}
		low, _ := Next(n, 0, 0)
		high, _ := Next(n, 0, 0.999999)
		if low != wait*8/10 || (high-wait*12/10).Abs() > time.Second {
			t.Errorf("attempt %d: got %s to %s about %s", n, low, high, wait)
		}
		total += wait
	}
	if got, _ := Next(1, 2*time.Minute, 0.5); got != 2*time.Minute {
		t.Errorf("the receiver asked for 2m, got %s", got)
	}
	if got, _ := Next(4, time.Second, 0.5); got != 2*time.Hour {
		t.Errorf("the receiver asked for 1s, got %s, want the schedule's 2h", got)
	}
	if got, _ := Next(1, 1000*time.Hour, 0.5); got != 24*time.Hour {
		t.Errorf("the receiver asked for 1000h, got %s", got)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, " 120 ": 2 * time.Minute, "0": 0, "-5": 0, "1.5": 0, "soon": 0,
		"4294967295": 24 * time.Hour, "99999999999999999999": 0,
		"Sun, 22 Nov 2026 20:02:00 GMT": 2 * time.Minute, "Sun, 22 Nov 2026 19:00:00 GMT": 0,
		"Sun, 22 Nov 2037 20:02:00 GMT": 24 * time.Hour, "Sunday, 22-Nov-26 20:02:00 GMT": 2 * time.Minute,
	} {
		if got := RetryAfter(header, now); got != want {
			t.Errorf("%q: got %s, want %s", header, got, want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "120", "Sun, 22 Nov 2026 20:02:00 GMT", "Sunday, 22-Nov-26 20:02:00 GMT", "-1"} {
		f.Add(s)
	}
	now := time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if got := RetryAfter(s, now); got < 0 || got > maxRetryAfter {
			t.Errorf("%q: got %s", s, got)
		}
	})
}
