package whip

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// Behind a 1:1 NAT nothing but its outer address is told; a name stands for what it is at the time.
func TestOnlyHosts(t *testing.T) {
	d := newDoor()
	e, err := New(Config{UDP: ":0", Hosts: []string{"outer.example"}, OnlyHosts: true, Admission: d, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	addresses, missing := []netip.Addr{netip.MustParseAddr("203.0.113.7")}, error(nil)
	e.hosts.lookup = func(context.Context, string) ([]netip.Addr, error) { return addresses, missing }
	te := runEndpoint(t, e, d)
	answered := func() string {
		_, body := request(t, http.MethodPost, te.url+"/whip/porch", offerText(), ct, typeSDP, auth, right)
		var told []string
		for line := range strings.SplitSeq(body, "\r\n") {
			if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") {
				told = append(told, f[2]+" "+f[4])
			}
		}
		return strings.Join(told, ", ")
	}
	for _, c := range []struct {
		name  string
		found []netip.Addr
		err   error
		want  string
	}{
		{"the name's address", []netip.Addr{netip.MustParseAddr("203.0.113.7")}, nil, "udp 203.0.113.7, tcp 203.0.113.7"},
		{"that it had while it cannot be looked up", nil, errors.New("no DNS"), "udp 203.0.113.7, tcp 203.0.113.7"},
		{"another one later", []netip.Addr{netip.MustParseAddr("203.0.113.8")}, nil, "udp 203.0.113.8, tcp 203.0.113.8"},
	} {
		addresses, missing = c.found, c.err
		if got := answered(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	e.hosts.mu.Lock()
	clear(e.hosts.last)
	e.hosts.mu.Unlock()
	addresses, missing = nil, errors.New("no DNS")
	resp, body := request(t, http.MethodPost, te.url+"/whip/porch", offerText(), ct, typeSDP, auth, right)
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("without any address: got %d %s, want 503", resp.StatusCode, body)
	}
}

// A name is advertised by its address, and a publisher connects to it.
func TestHostName(t *testing.T) {
	d := newDoor()
	e, err := New(Config{UDP: "127.0.0.1:0", Hosts: []string{"localhost"}, OnlyHosts: true, Admission: d, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	te := runEndpoint(t, e, d)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(te, "porch", "right", offer)
	if strings.Contains(p.answer, "localhost") || !strings.Contains(p.answer, " 127.0.0.1 ") {
		t.Errorf("want the address, not the name:\n%s", p.answer)
	}
	p.connect()
	p.sendUntilTaken(within(t, d.admitted, "admission"), keyUnit(100), 0)
}

func TestWildcardAddress(t *testing.T) {
	d := newDoor()
	e, err := New(Config{UDP: ":0", Hosts: []string{"203.0.113.7"}, Admission: d, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	te := runEndpoint(t, e, d)
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(te, "porch", "right", offer)
	first := between(p.answer, "a=candidate:")
	if !strings.Contains(first, " 203.0.113.7 ") || !strings.Contains(p.answer, " 127.0.0.1 ") {
		t.Errorf("want the host first, and loopback:\n%s", p.answer)
	}
	p.connect()
	v := within(t, d.admitted, "admission")
	p.sendUntilTaken(v, keyUnit(100), 0)
}
