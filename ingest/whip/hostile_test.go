package whip

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/ice/v4"
)

// attacker has the token and speaks ICE as it should; what it sends then is up to the test.
type attacker struct {
	net.Conn
	agent   *ice.Agent
	session string
}

// attack connects by ICE to a session of the endpoint's. setup is the attacker's side of DTLS: with "active" the endpoint waits
// for its ClientHello, with "passive" the endpoint sends one.
func attack(t *testing.T, e *testEndpoint, setup string, change ...string) *attacker {
	t.Helper()
	agent, err := ice.NewAgentWithOptions(ice.WithIncludeLoopback(), ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}),
		ice.WithLocalCredentials("abcd", "abcdefghijklmnopqrstuvwx"))
	if err != nil {
		t.Fatal(err)
	}
	a := &attacker{agent: agent}
	t.Cleanup(func() { _ = agent.GracefulClose() })
	p := &publisher{t: t}
	p.post(e, "porch", "right", videoOnly(append(change, "actpass", setup)...))
	a.session = p.session
	if err := agent.OnCandidate(func(ice.Candidate) {}); err != nil {
		t.Fatal(err)
	}
	if err := agent.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	c, err := ice.UnmarshalCandidate(between(p.answer, "a=candidate:"))
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.AddRemoteCandidate(c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if a.Conn, err = agent.Dial(ctx, between(p.answer, "a=ice-ufrag:"), between(p.answer, "a=ice-pwd:")); err != nil {
		t.Fatal(err)
	}
	return a
}

// record is a DTLS record of a handshake's first epoch (RFC 6347, 4.1).
func record(seq uint64, content byte, body []byte) []byte {
	b := []byte{content, 0xfe, 0xfd}
	b = binary.BigEndian.AppendUint64(b, seq&(1<<48-1))
	b = binary.BigEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

// fragment is a part of a handshake message that is said to have length bytes (RFC 6347, 4.2.2).
func handshakeFragment(kind byte, message uint16, length, offset int, body []byte) []byte {
	b := []byte{kind, byte(length >> 16), byte(length >> 8), byte(length)}
	b = binary.BigEndian.AppendUint16(b, message)
	b = append(b, byte(offset>>16), byte(offset>>8), byte(offset), byte(len(body)>>16), byte(len(body)>>8), byte(len(body)))
	return append(b, body...)
}

const (
	handshake         = 22
	clientHello       = 1
	serverHello       = 2
	serverKeyExchange = 12
)

// muted sends the first flight and nothing after it.
type muted struct {
	net.Conn
	said bool
}

func (m *muted) Write(b []byte) (int, error) {
	if m.said {
		return len(b), nil
	}
	m.said = true
	return m.Conn.Write(b)
}

// attacks are what an attacker does once ICE is connected. All of them end with silence.
var attacks = map[string]struct {
	setup string
	do    func(t *testing.T, a *attacker)
}{
	"stops after ClientHello": {"active", func(t *testing.T, a *attacker) {
		client, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(&muted{Conn: a}), a.RemoteAddr(), dtls.WithInsecureSkipVerify(true))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if err := client.HandshakeContext(ctx); err == nil {
			t.Error("the handshake ended well")
		}
	}},
	"never answers a ClientHello": {"passive", func(*testing.T, *attacker) {}},
	"fragments of 2 MB without an end": {"active", func(_ *testing.T, a *attacker) {
		body := make([]byte, 1100)
		for i := range 2000 {
			// Each message lacks its first byte.
			_, _ = a.Write(record(uint64(i), handshake, handshakeFragment(clientHello, uint16(i/1000), 1<<24-1, 1+i*len(body), body)))
		}
	}},
	"fragments of many messages": {"active", func(_ *testing.T, a *attacker) {
		for i := range 5000 {
			_, _ = a.Write(record(uint64(i), handshake, handshakeFragment(clientHello, uint16(i), 1<<20, 1, make([]byte, 1000))))
		}
	}},
	"garbage for records": {"active", func(_ *testing.T, a *attacker) {
		for i := range 2000 {
			b := make([]byte, 1+rand.IntN(1200))
			for j := range b {
				b[j] = byte(rand.Uint32())
			}
			b[0] = byte(20 + i%44) // what RFC 7983 says is DTLS
			_, _ = a.Write(b)
		}
	}},
	"records that lie about their length": {"active", func(_ *testing.T, a *attacker) {
		for i := range 200 {
			b := record(uint64(i), handshake, handshakeFragment(clientHello, 0, 40, 0, make([]byte, 40)))
			binary.BigEndian.PutUint16(b[11:], uint16(i*331))
			_, _ = a.Write(b[:rand.IntN(len(b)+1)])
		}
	}},
	"a ServerKeyExchange for a pre-shared key": {"passive", func(_ *testing.T, a *attacker) {
		hello := append([]byte{0xfe, 0xfd}, make([]byte, 32)...)
		hello = append(hello, 0, 0xc0, 0xa8, 0, 0, 0) // no session, TLS_PSK_WITH_AES_128_CCM_8, no compression, no extensions
		for i, body := range [][]byte{{0, 4, 'h', 'i', 'n', 't'}, {0xff, 0xff}, {0}, {}, {3, 0, 29, 32}, {3, 0, 29, 0xff, 1, 2, 3}} {
			_, _ = a.Write(record(uint64(2*i), handshake, handshakeFragment(serverHello, 0, len(hello), 0, hello)))
			_, _ = a.Write(record(uint64(2*i+1), handshake, handshakeFragment(serverKeyExchange, 1, len(body), 0, body)))
		}
	}},
	"STUN with spoilt attributes": {"active", func(_ *testing.T, a *attacker) {
		for _, kind := range []uint16{0x0001, 0x0101, 0x0111, 0x0011, 0x0003} { // binding: request, success, error, indication; allocate
			for _, attribute := range []uint16{0x0020, 0x0001, 0x0006, 0x0008, 0x8028, 0x0024, 0x802a, 0x0009} {
				for _, length := range []int{0, 1, 3, 4, 7, 8, 19, 20, 400} {
					for _, told := range []int{length, length + 1, 0, 0xffff} {
						_, _ = a.Write(stunMessage(kind, attribute, told, length))
					}
				}
			}
		}
	}},
}

// stunMessage has one attribute of length bytes that is said to have told (RFC 8489, 5 and 14).
func stunMessage(kind, attribute uint16, told, length int) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(4+length))
	b = binary.BigEndian.AppendUint32(b, 0x2112a442)
	b = append(b, make([]byte, 12)...)
	b = binary.BigEndian.AppendUint16(b, attribute)
	b = binary.BigEndian.AppendUint16(b, uint16(told))
	return append(b, make([]byte, length)...)
}

// W06: who has the token, connects by ICE and then sends what it likes is freed in time, with all that it took.
func TestHostileHandshakesAreFreed(t *testing.T) {
	for name, attempt := range attacks {
		t.Run(name, func(t *testing.T) {
			e := newTestEndpoint(t, func(e *Endpoint) { e.timeouts.connect = 2 * time.Second })
			before := heap()
			a := attack(t, e, attempt.setup)
			s := e.only(a.session)
			attempt.do(t, a)
			within(t, s.done, "end of the session")
			if reason := s.reason(); !errors.Is(reason, errNotConnected) && !errors.Is(reason, errPeerFailed) && !errors.Is(reason, errPeerClosed) {
				t.Errorf("reason: got %v, want that it did not connect", reason)
			}
			_ = a.agent.GracefulClose()
			if len(e.door.admitted) != 0 {
				t.Error("the attacker took the camera")
			}
			if after := heap(); after > before+4<<20 {
				t.Errorf("%d KiB are kept", (after-before)>>10)
			}
			// And publishers are taken as before.
			p, v := publish(t, e, false)
			p.sendUntilTaken(v, keyUnit(100), 0)
		})
	}
}

// W06 from outside: nobody needs a token to send to the port.
func TestHostilePacketsOfStrangers(t *testing.T) {
	e := newTestEndpoint(t, nil)
	p, v := publish(t, e, false)
	sent := p.sendUntilTaken(v, keyUnit(100), 0)
	c, err := new(net.Dialer).DialContext(t.Context(), "udp", e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	stranger := &attacker{Conn: c}
	before := heap()
	for name, attempt := range attacks {
		if !strings.Contains(name, "Hello") {
			attempt.do(t, stranger)
		}
	}
	_ = c.Close()
	p.sendUntilTaken(v, keyUnit(100), sent*3000)
	if after := heap(); after > before+4<<20 {
		t.Errorf("%d KiB are kept", (after-before)>>10)
	}
	if len(v.ended) != 0 {
		t.Error("the live session ended")
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
