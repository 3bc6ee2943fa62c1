package whip

import (
	"context"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// nat is a router between a publisher and an endpoint. It forgets its bindings when it is told to, as one does that is
// restarted: what the publisher sends then comes from another port.
type nat struct {
	inside *net.UDPConn // that the publisher sends to
	server netip.AddrPort
	peer   atomic.Pointer[netip.AddrPort] // the publisher
	wg     sync.WaitGroup

	mu      sync.Mutex
	outside *net.UDPConn
}

func newNAT(t *testing.T, server net.Addr) *nat {
	t.Helper()
	n := &nat{inside: listenLoopback(t), server: server.(*net.UDPAddr).AddrPort()}
	n.rebind(t)
	n.wg.Go(func() {
		buf := make([]byte, receiveMTU)
		for {
			size, from, err := n.inside.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			n.peer.Store(&from)
			n.mu.Lock()
			_, _ = n.outside.WriteToUDPAddrPort(buf[:size], n.server) // as lossy as any network
			n.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		n.mu.Lock()
		_ = n.outside.Close()
		n.mu.Unlock()
		_ = n.inside.Close()
		n.wg.Wait()
	})
	return n
}

func listenLoopback(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := new(net.ListenConfig).ListenPacket(context.Background(), "udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.UDPConn)
}

// rebind takes another port.
func (n *nat) rebind(t *testing.T) {
	t.Helper()
	outside := listenLoopback(t)
	n.wg.Go(func() {
		buf := make([]byte, receiveMTU)
		for {
			size, err := outside.Read(buf)
			if err != nil {
				return
			}
			if to := n.peer.Load(); to != nil {
				_, _ = n.inside.WriteToUDPAddrPort(buf[:size], *to)
			}
		}
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.outside != nil {
		_ = n.outside.Close()
	}
	n.outside = outside
}

// publishThrough publishes through the router: neither side knows the other's own address.
func publishThrough(t *testing.T, e *testEndpoint, n *nat) (*publisher, *visit) {
	t.Helper()
	p, offer := newPublisher(t, false, offeredFormat)
	p.post(e, "porch", "right", regexp.MustCompile(`a=candidate:.*\r\n`).ReplaceAllString(offer, ""))
	at := strconv.Itoa(n.inside.LocalAddr().(*net.UDPAddr).Port)
	p.answer = regexp.MustCompile(`a=candidate:.*\r\n`).ReplaceAllString(p.answer, "")
	p.answer = regexp.MustCompile(`a=end-of-candidates`).ReplaceAllString(p.answer, "a=candidate:1 1 udp 2130706431 127.0.0.1 "+at+" typ host\r\n$0")
	p.connect()
	return p, within(t, e.door.admitted, "admission")
}

// W05: the publisher's address changes, as behind a router that was restarted. Its video goes on in the same session, for
// longer than the consent of the old address lasts.
func TestNATRebinding(t *testing.T) {
	t.Parallel()
	// The publisher checks every two seconds.
	e := newTestEndpoint(t, func(e *Endpoint) { e.timeouts.silent, e.timeouts.failed = 500*time.Millisecond, 5*time.Second })
	n := newNAT(t, e.Addr())
	p, v := publishThrough(t, e, n)
	sent := p.sendUntilTaken(v, keyUnit(100), 0)
	n.rebind(t)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var taken int64
	for until := time.Now().Add(8 * time.Second); time.Now().Before(until); sent++ {
		p.send(p.packets(keyUnit(100), sent*3000)...)
		select {
		case reason := <-v.ended:
			t.Fatalf("the session ended: %v", reason)
		case <-tick.C:
		}
		for len(v.units) > 0 {
			taken = (<-v.units).PTS
		}
	}
	if behind := int64(sent)*3000 - taken; behind > 50*3000 {
		t.Errorf("the last picture taken is %d pictures old", behind/3000)
	}
}
