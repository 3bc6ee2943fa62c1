package rtsp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"vigil/ingest"
)

// maxConnects bounds the connections one attempt may open: a camera may redirect, but not for ever.
const maxConnects = 4

var errRedirect = errors.New("camera redirects to another host, which is refused")

// Client pulls from a camera, over TCP.
type Client struct {
	address *address
	log     *slog.Logger
	ignored sync.Once   // what is not taken is said
	mute    atomic.Bool // the next connection takes no audio
}

var _ ingest.Source = (*Client)(nil)

// NewClient returns the source for a camera's rtsp:// or rtsps:// URL. The URL may carry credentials; no error and
// no log line shows them.
func NewClient(rawURL string, log *slog.Logger) (*Client, error) {
	a, err := parseAddress(rawURL)
	if err != nil {
		return nil, err
	}
	return &Client{address: a, log: log}, nil
}

// String returns the address without credentials.
func (c *Client) String() string { return c.address.String() }

// Run implements ingest.Source. It returns ingest.ErrCredentials when the camera refuses them.
func (c *Client) Run(ctx context.Context, sink ingest.Sink) error {
	p := &pull{
		client: c, address: c.address, log: c.log, sink: sink, failed: make(chan error, 1), trouble: trouble{log: c.log},
	}
	defer p.trouble.flush()
	err := p.run(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the connection ended because ctx did
	}
	return err
}

// pull is one connection to the camera.
type pull struct {
	client   *Client
	address  *address
	log      *slog.Logger
	sink     ingest.Sink
	track    *track
	sound    *sound // nil: no audio is taken
	connects int
	failed   chan error // what the sink returned
	trouble  trouble
}

func (p *pull) run(ctx context.Context) error {
	tcp := gortsplib.ProtocolTCP
	g := &gortsplib.Client{
		Scheme: p.address.url.Scheme, Host: p.address.url.Host, Protocol: &tcp, UserAgent: "vigil",
		DialContext:   p.dial,
		OnPacketsLost: p.trouble.packetsLost,
		OnDecodeError: p.trouble.undecodable,
	}
	if err := g.Start(); err != nil {
		return p.address.redact("connect", err)
	}
	defer g.Close()
	defer context.AfterFunc(ctx, g.Close)()

	if err := p.play(g); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }() // ends with g.Close at the latest
	select {
	case err := <-ended:
		return p.address.redact("read", err)
	case err := <-p.failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

// dial connects to the configured host only, wherever a redirect points: credentials would follow it.
func (p *pull) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if p.connects++; host != p.address.url.Hostname() || p.connects > maxConnects {
		return nil, errRedirect
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	return d.DialContext(ctx, network, addr)
}

func (p *pull) play(g *gortsplib.Client) error {
	desc, _, err := g.Describe(p.address.url)
	if err != nil {
		return p.refusal("describe", err)
	}
	if p.track, err = findTrack(desc); err != nil {
		return p.address.redact("describe", err)
	}
	if !p.client.mute.Swap(false) {
		p.sound = findSound(desc)
	}
	p.client.ignored.Do(func() { sayIgnored(p.log, desc, p.track, p.sound) })
	if _, err := g.Setup(desc.BaseURL, p.track.media, 0, 0); err != nil {
		return p.refusal("setup", err)
	}
	p.listen(g, desc)
	p.track.params.Audio = p.sound.track()
	if err := p.sink.Start(p.track.params); err != nil {
		return err
	}
	g.OnPacketRTP(p.track.media, p.track.format, p.packet)
	if _, err := g.Play(nil); err != nil {
		p.lose("play", err)
		return p.refusal("play", err)
	}
	return nil
}

// refusal tells wrong credentials from other answers.
func (p *pull) refusal(operation string, err error) error {
	if bad, ok := errors.AsType[liberrors.ErrClientBadStatusCode](err); ok &&
		(bad.Code == base.StatusUnauthorized || bad.Code == base.StatusForbidden) {
		return fmt.Errorf("%s: status %d: %w", operation, bad.Code, ingest.ErrCredentials)
	}
	return p.address.redact(operation, err)
}

func (p *pull) packet(pkt *rtp.Packet) {
	u, ok, err := p.track.unit(pkt, time.Now())
	if err != nil {
		p.trouble.undecodable(err)
	}
	if !ok {
		return
	}
	if err := p.sink.Unit(p.track.reported(u, pkt)); err != nil {
		select {
		case p.failed <- err:
		default: // the connection ends already
		}
	}
}

// sayIgnored warns of what is in the stream besides the tracks that are taken.
func sayIgnored(log *slog.Logger, desc *description.Session, video *track, audio *sound) {
	message := "only the video is taken"
	if audio != nil {
		message = "only the video and one audio track are taken"
	}
	if others := otherMedia(desc, video, audio); len(others) > 0 {
		log.Warn(message, "ignored", others)
	}
}

// otherMedia names the formats in the stream besides the tracks' own.
func otherMedia(desc *description.Session, video *track, audio *sound) (names []string) {
	for _, m := range desc.Medias {
		for _, f := range m.Formats {
			if f != video.format && (audio == nil || f != audio.format) {
				names = append(names, fmt.Sprintf("%s %s", m.Type, cmp.Or(f.RTPMap(), strconv.Itoa(int(f.PayloadType())))))
			}
		}
	}
	return names
}
