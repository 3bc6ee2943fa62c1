package rtsp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{key: newKey(t), cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue makes a certificate that ends at until; without an authority it is signed by itself.
func (a *authority) issue(t *testing.T, ip string, until time.Time) *tls.Config {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.ParseIP(ip)},
	}
	parent, signer := template, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

func fingerprintOf(cfg *tls.Config) string {
	sum := sha256.Sum256(cfg.Certificates[0].Certificate[0])
	return hex.EncodeToString(sum[:])
}

// R17: a certificate that does not hold is refused, with what to do, unless it is the one that was pinned.
func TestPullTLS(t *testing.T) {
	ca := newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(ca.cert)
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	var nobody *authority
	for _, tt := range []struct {
		name string
		cert *tls.Config
		want string // of the error without a fingerprint
	}{
		{"good", ca.issue(t, "127.0.0.1", soon), ""},
		{"expired", ca.issue(t, "127.0.0.1", past), "expired"},
		{"self-signed", nobody.issue(t, "127.0.0.1", soon), "unknown authority"},
		{"wrong host", ca.issue(t, "127.0.0.2", soon), "127.0.0.2, not 127.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCamera(t, "plain", withTLS(tt.cert))
			pull := func(fingerprint string) *Client {
				said := &logged{}
				source, err := NewClient(ClientConfig{
					URL: c.url("admin", url.PathEscape(oddPassword)), Fingerprint: fingerprint, Log: said.logger(),
				})
				if err != nil {
					t.Fatal(err)
				}
				source.trust.roots = roots
				return source
			}
			if tt.want == "" {
				watch(t, pull(""))
			} else if err := pull("").Run(t.Context(), full{}); err == nil || !strings.Contains(err.Error(), tt.want) ||
				!strings.Contains(err.Error(), "tls_fingerprint: "+fingerprintOf(tt.cert)) {
				t.Errorf("got %v, want %q and the fingerprint to set", err, tt.want)
			}
			watch(t, pull(strings.ToUpper(fingerprintOf(tt.cert))))
			other := strings.Repeat("0f", sha256.Size)
			if err := pull(other).Run(t.Context(), full{}); err == nil || !strings.Contains(err.Error(), fingerprintOf(tt.cert)) {
				t.Errorf("another certificate is pinned: got %v, want an error that names the fingerprint shown", err)
			}
		})
	}
}
