package rtsp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
)

const (
	// maxDials bounds the connections one attempt may open: a camera may redirect, but not for ever.
	maxDials = 4
	// maxSignalling is what a camera may send before it plays: descriptions have a few KiB.
	maxSignalling = 64 << 10
)

var (
	errRedirect   = errors.New("camera redirects to another host, which is refused")
	errRedirects  = errors.New("camera redirects again and again")
	errSignalling = fmt.Errorf("camera sent more than %d KiB before any video", maxSignalling>>10)
	errElsewhere  = errors.New("camera names another host for its video, which is refused")
)

// line is the connection to the camera. It bounds what comes before the camera plays.
type line struct {
	net.Conn
	got  atomic.Int64
	free atomic.Bool
}

// Read implements net.Conn.
func (l *line) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if !l.free.Load() && l.got.Add(int64(n)) > maxSignalling {
		return 0, errSignalling
	}
	return n, err
}

// lift ends the bound: video follows.
func (l *line) lift() { l.free.Store(true) }

// dial connects to the configured host only, wherever a redirect points: credentials would follow it.
func (p *pull) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if !strings.EqualFold(host, p.client.address.url.Hostname()) {
		return nil, fmt.Errorf("%w: %.255q", errRedirect, host)
	}
	if p.dials++; p.dials > maxDials {
		return nil, errRedirects
	}
	d := net.Dialer{Timeout: p.client.answer}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn}
	p.line.Store(l)
	return l, nil
}

// dialTLS connects to a camera that shows a certificate. The handshake ends with ctx, which gortsplib's own does not.
func (p *pull) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	raw, err := p.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, p.client.trust.config(host))
	if err := conn.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error counts
		return nil, p.client.trust.explain(err)
	}
	return conn, nil
}

// config returns what checks the certificate of host.
func (t trust) config(host string) *tls.Config {
	cfg := &tls.Config{ServerName: host, RootCAs: t.roots, MinVersion: tls.VersionTLS12}
	if t.pin != nil {
		cfg.InsecureSkipVerify = true // the fingerprint is checked instead, of exactly this certificate
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			if got := sha256.Sum256(s.PeerCertificates[0].Raw); !bytes.Equal(got[:], t.pin) {
				return fmt.Errorf("camera shows a certificate that is not the configured one: its fingerprint is %x", got)
			}
			return nil
		}
	}
	return cfg
}

// explain says what to do about a certificate that was refused.
func (t trust) explain(err error) error {
	bad, ok := errors.AsType[*tls.CertificateVerificationError](err)
	if !ok || len(bad.UnverifiedCertificates) == 0 {
		return err
	}
	return fmt.Errorf("%w; if this certificate is the camera's own, trust it by its fingerprint: tls_fingerprint: %x",
		bad.Err, sha256.Sum256(bad.UnverifiedCertificates[0].Raw))
}

// parseFingerprint reads the SHA-256 of a certificate.
func parseFingerprint(s string) ([]byte, error) {
	pin, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil || len(pin) != sha256.Size {
		return nil, errors.New("certificate fingerprint: want the 64 hexadecimal digits of a SHA-256, with or without colons")
	}
	return pin, nil
}

// socket is one port of a UDP pair. It sends to the camera alone, whatever host the camera's answers name.
type socket struct {
	*net.UDPConn
	camera net.IP
}

// WriteTo implements net.PacketConn.
func (s socket) WriteTo(b []byte, to net.Addr) (int, error) {
	if u, ok := to.(*net.UDPAddr); !ok || !u.IP.Equal(s.camera) {
		return 0, fmt.Errorf("%w: %s", errElsewhere, to)
	}
	return s.UDPConn.WriteTo(b, to)
}

// listenPacket binds a port for video over UDP.
func (p *pull) listenPacket(network, address string) (net.PacketConn, error) {
	camera, ok := p.line.Load().RemoteAddr().(*net.TCPAddr)
	if !ok {
		return nil, errors.New("no address of the camera")
	}
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(context.Background(), network, address) // it does not wait
	if err != nil {
		return nil, err
	}
	return socket{UDPConn: conn.(*net.UDPConn), camera: camera.IP}, nil
}
