package whip

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// certificate is one of its own, with the fingerprint that an offer tells.
func certificate(t *testing.T) (cert tls.Certificate, fingerprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	var parts []string
	for i := 0; i < len(digits); i += 2 {
		parts = append(parts, digits[i:i+2])
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, strings.Join(parts, ":")
}

// rawPublisher is connected, and sends RTP packets that no library would.
type rawPublisher struct {
	*attacker
	t    *testing.T
	srtp *srtp.Context
}

func newRawPublisher(t *testing.T, e *testEndpoint, change ...string) *rawPublisher {
	t.Helper()
	cert, fingerprint := certificate(t)
	a := attack(t, e, "active", append(change, strings.Repeat("AB:", 31)+"AB", fingerprint)...)
	const profile = dtls.SRTP_AES128_CM_HMAC_SHA1_80
	conn, err := dtls.ClientWithOptions(dtlsnet.PacketConnFromConn(a), a.RemoteAddr(), dtls.WithCertificates(cert), dtls.WithInsecureSkipVerify(true),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret), dtls.WithSRTPProtectionProfiles(profile))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		t.Fatal(err)
	}
	state, ok := conn.ConnectionState()
	if !ok {
		t.Fatal("no state of the handshake")
	}
	keys := &srtp.Config{Profile: srtp.ProtectionProfileAes128CmHmacSha1_80}
	if err := keys.ExtractSessionKeysFromDTLS(&state, true); err != nil {
		t.Fatal(err)
	}
	p := &rawPublisher{attacker: a, t: t}
	p.srtp, err = srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// send sends a packet as it is: its padding bit may promise what the payload does not have.
func (p *rawPublisher) send(h rtp.Header, payload []byte) {
	p.t.Helper()
	h.Version = 2
	head, err := h.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	sealed, err := p.srtp.EncryptRTP(nil, append(head, payload...), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.Write(sealed); err != nil {
		p.t.Fatal(err)
	}
}

// W07: around the one track that is taken, everything else that may come by RTP. Its pictures arrive as they were sent, all of
// them, and no other.
func TestOddMedia(t *testing.T) {
	const video, rtx, alien = 1111, 2222, 5000
	type odd func(p *rawPublisher, seq uint16, ts uint32)
	for name, send := range map[string]odd{
		"padding beyond the payload": func(p *rawPublisher, seq uint16, ts uint32) {
			h := rtp.Header{PayloadType: 102, SSRC: alien, SequenceNumber: seq, Timestamp: ts, Padding: true}
			for _, payload := range [][]byte{nil, {0}, {255}, {1, 2, 255}, {5, 4, 4}, make([]byte, 300)} {
				p.send(h, payload)
				h.SequenceNumber++
			}
		},
		"padding beyond the payload where padding alone may be": func(p *rawPublisher, seq uint16, ts uint32) {
			h := rtp.Header{PayloadType: 103, SSRC: rtx, SequenceNumber: seq, Timestamp: ts, Padding: true}
			for _, payload := range [][]byte{nil, {255}, {0, 0}, {1, 2, 255}} {
				p.send(h, payload)
				h.SequenceNumber++
			}
		},
		"retransmissions": func(p *rawPublisher, seq uint16, ts uint32) {
			h := rtp.Header{PayloadType: 103, SSRC: rtx, SequenceNumber: seq, Timestamp: ts}
			// RFC 4588, 4: the original number first, here of the first packet, which has come.
			for _, payload := range [][]byte{{}, {1}, {0xff, 0xdc}, {0xff, 0xdc, 0x65}, {0xff, 0xdc, 0x7c, 0x85}} {
				p.send(h, payload)
				h.SequenceNumber++
			}
		},
		"error correction": func(p *rawPublisher, seq uint16, ts uint32) {
			for _, pt := range []uint8{116, 117, 118, 35, 97, 0, 127} { // ULPFEC, RED, FlexFEC; none was answered
				p.send(rtp.Header{PayloadType: pt, SSRC: alien + uint32(pt), SequenceNumber: seq, Timestamp: ts, Marker: true}, []byte{0xe5, 1, 2, 3, 4})
			}
		},
		"ten sources of H.264": func(p *rawPublisher, seq uint16, ts uint32) {
			for i := range uint32(10) {
				p.send(rtp.Header{PayloadType: 102, SSRC: alien + i, SequenceNumber: seq, Timestamp: ts, Marker: true}, nalu(0x65, 50))
			}
		},
		"layers with names": func(p *rawPublisher, seq uint16, ts uint32) {
			for i, rid := range []string{"h", "m", "l"} {
				h := rtp.Header{PayloadType: 102, SSRC: alien + uint32(i), SequenceNumber: seq, Timestamp: ts, Marker: true}
				for id := uint8(1); id <= 14; id++ { // whatever the number of the extension would be
					if err := h.SetExtension(id, []byte(rid)); err != nil {
						p.t.Fatal(err)
					}
				}
				p.send(h, nalu(0x65, 50))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := newTestEndpoint(t, nil)
			p := newRawPublisher(t, e)
			v := within(t, e.door.admitted, "admission")
			const pictures = 50
			want := map[int64][][]byte{}
			seq := uint16(0xffdc)
			for i := range uint32(pictures) {
				picture := deltaUnit(200)
				if i == 0 {
					picture = keyUnit(200)
				}
				want[int64(i*3000)] = picture
				if i > 0 { // the first decides which the track is
					send(p, uint16(20*i), i*3000)
				}
				for j, n := range picture {
					p.send(rtp.Header{PayloadType: 102, SSRC: video, SequenceNumber: seq, Timestamp: i * 3000, Marker: j == len(picture)-1}, n)
					seq++
				}
				u := within(t, v.units, "unit")
				if want[u.PTS] == nil {
					t.Fatalf("got a unit at %d that was not sent", u.PTS)
				}
				sameNALUs(t, u.NALUs, want[u.PTS])
				delete(want, u.PTS)
			}
			if len(want) != 0 || len(v.units) != 0 || len(v.ended) != 0 {
				t.Errorf("%d pictures are missing, %d are too many, %d ended", len(want), len(v.units), len(v.ended))
			}
		})
	}
}
