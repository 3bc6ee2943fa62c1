package rtsp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"

	"vigil/ingest"
)

// Transport is how a camera sends its video.
type Transport string

// Transports.
const (
	// Auto is TCP, and UDP when the camera refuses TCP.
	Auto Transport = "auto"
	// TCP is the RTSP connection itself.
	TCP Transport = "tcp"
	// UDP is a pair of ports, and TCP when the camera refuses UDP or nothing comes within udpPatience.
	UDP Transport = "udp"
)

// ClientConfig is what a Client needs.
type ClientConfig struct {
	// URL is the camera's rtsp:// or rtsps:// address. It may carry credentials; no error and no log line shows them.
	URL string
	// Transport is Auto when it is empty. Over rtsps:// it is always TCP, and UDP is an error.
	Transport Transport
	// Fingerprint is the SHA-256 of the one certificate that the camera may show, 64 hexadecimal digits with or
	// without colons. When it is empty the system's roots decide. It is for rtsps:// only.
	Fingerprint string
	Log         *slog.Logger
}

// Client pulls from a camera.
type Client struct {
	address *address
	ways    []gortsplib.Protocol // to try, in order
	trust   trust
	answer  time.Duration // answerTimeout, but in tests
	log     *slog.Logger
	ignored sync.Once   // what is not taken is said
	mute    atomic.Bool // the next connection takes no audio
}

var _ ingest.Source = (*Client)(nil)

// NewClient returns the source for a camera.
func NewClient(cfg ClientConfig) (*Client, error) {
	a, err := parseAddress(cfg.URL)
	if err != nil {
		return nil, err
	}
	c := &Client{address: a, answer: answerTimeout, log: cfg.Log}
	secure := a.url.Scheme == "rtsps"
	switch {
	case secure && cfg.Transport == UDP:
		return nil, errors.New("transport udp: rtsps:// runs over TCP only")
	case cfg.Transport == TCP, secure:
		c.ways = []gortsplib.Protocol{gortsplib.ProtocolTCP}
	case cfg.Transport == UDP:
		c.ways = []gortsplib.Protocol{gortsplib.ProtocolUDP, gortsplib.ProtocolTCP}
	case cfg.Transport == Auto, cfg.Transport == "":
		c.ways = []gortsplib.Protocol{gortsplib.ProtocolTCP, gortsplib.ProtocolUDP}
	default:
		return nil, fmt.Errorf("transport %q: want auto, tcp or udp", cfg.Transport)
	}
	if cfg.Fingerprint != "" {
		if !secure {
			return nil, errors.New("certificate fingerprint: only rtsps:// cameras show a certificate")
		}
		if c.trust.pin, err = parseFingerprint(cfg.Fingerprint); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// trust is whom a client takes for the camera.
type trust struct {
	pin   []byte         // digest of its certificate; nil: the roots decide
	roots *x509.CertPool // nil: the system's
}

// String returns the address without credentials.
func (c *Client) String() string { return c.address.String() }

// Run implements ingest.Source. It returns ingest.ErrCredentials when the camera refuses them.
func (c *Client) Run(ctx context.Context, sink ingest.Sink) error {
	var err error
	for i, way := range c.ways {
		p := &pull{
			client: c, way: way, last: i == len(c.ways)-1, sink: sink,
			arrived: make(chan struct{}), failed: make(chan error, 1), trouble: trouble{log: c.log},
		}
		err = p.run(ctx)
		p.trouble.flush()
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the connection ended because ctx did
		}
		if !p.unfit {
			return err
		}
		c.log.Info("camera does not send video this way", "transport", way.String(), "reason", err, "last", p.last)
	}
	return err
}
