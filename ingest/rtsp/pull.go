package rtsp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"vigil/ingest"
)

const (
	// answerTimeout is how long a camera may take for an answer, for a TLS handshake and for anything at all while it plays.
	answerTimeout = 10 * time.Second
	// udpPatience is how long after PLAY the first packet may take over UDP when TCP can be tried instead.
	udpPatience = 3 * time.Second
	// maxIgnored bounds how many of the media that are not taken a log line names.
	maxIgnored = 8
)

var errNoPacket = fmt.Errorf("nothing came over UDP for %v", udpPatience)

// pull is one connection to the camera.
type pull struct {
	client  *Client
	way     gortsplib.Protocol
	last    bool // there is no other way to try
	sink    ingest.Sink
	track   *track
	sound   *sound               // nil: no audio is taken
	line    atomic.Pointer[line] // that is open
	dials   int
	unfit   bool        // the camera does not send video this way
	begun   bool        // video has come
	started atomic.Bool // the sink was; audio waits for it
	arrived chan struct{}
	failed  chan error // what the sink returned
	trouble trouble
}

func (p *pull) run(ctx context.Context) error {
	g := &gortsplib.Client{
		Scheme: p.client.address.url.Scheme, Host: p.client.address.url.Host, Protocol: &p.way, UserAgent: "vigil",
		ReadTimeout: p.client.answer, WriteTimeout: p.client.answer,
		InitialUDPReadTimeout: p.client.answer, // ours is udpPatience, and it wants video
		DialContext:           p.dial,
		DialTLSContext:        p.dialTLS,
		ListenPacket:          p.listenPacket,
		ResolveIPAddr:         refuseNames,
		OnResponse:            p.repair,
		OnPacketsLost:         p.lost,
		OnDecodeError:         p.trouble.undecodable,
	}
	if err := g.Start(); err != nil {
		return p.redact("connect", err)
	}
	defer g.Close()
	defer context.AfterFunc(ctx, g.Close)()
	if err := p.play(g); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }() // ends with g.Close at the latest
	return p.wait(ctx, ended)
}

// wait returns why the connection is over.
func (p *pull) wait(ctx context.Context, ended <-chan error) error {
	var silent <-chan time.Time
	arrived := p.arrived
	if p.way == gortsplib.ProtocolUDP && !p.last {
		t := time.NewTimer(udpPatience)
		defer t.Stop()
		silent = t.C
	}
	for {
		select {
		case <-arrived:
			arrived, silent = nil, nil
		case <-silent:
			p.unfit = true
			return errNoPacket
		case err := <-ended:
			return p.redact("read", err)
		case err := <-p.failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *pull) play(g *gortsplib.Client) error {
	desc, _, err := g.Describe(p.client.address.url)
	if err != nil {
		return p.refusal("describe", err)
	}
	if p.track, err = findTrack(desc); err != nil {
		return p.redact("describe", err)
	}
	if !p.client.mute.Swap(false) {
		p.sound = findSound(desc)
	}
	p.client.ignored.Do(func() { sayIgnored(p.client.log, desc, p.track, p.sound) })
	if _, err := g.Setup(desc.BaseURL, p.track.media, 0, 0); err != nil {
		p.unfit = p.refusesWay(err)
		return p.refusal("setup over "+p.way.String(), err)
	}
	p.listen(g, desc)
	p.track.params.Audio = p.sound.track()
	g.OnPacketRTP(p.track.media, p.track.format, p.packet)
	if l := p.line.Load(); l != nil {
		l.lift()
	}
	if _, err := g.Play(nil); err != nil {
		p.unfit = errors.Is(err, errElsewhere)
		p.lose("play", err)
		return p.refusal("play", err)
	}
	return nil
}

// refusesWay says whether SETUP failed for the transport, and not for the stream.
func (p *pull) refusesWay(err error) bool {
	if bad, ok := errors.AsType[liberrors.ErrClientBadStatusCode](err); ok {
		return bad.Code == base.StatusUnsupportedTransport
	}
	_, wantsUDP := errors.AsType[liberrors.ErrClientServerRequestedUDP](err)
	_, wantsTCP := errors.AsType[liberrors.ErrClientServerRequestedTCP](err)
	_, noPorts := errors.AsType[liberrors.ErrClientServerPortsNotProvided](err)
	_, mode0 := errors.AsType[liberrors.ErrClientH264PacketizationMode0](err) // UDP would tear its large NAL units
	return wantsUDP || wantsTCP || noPorts || mode0 || errors.Is(err, errElsewhere)
}

// refusal names the status of an answer, and tells wrong credentials from others.
func (p *pull) refusal(operation string, err error) error {
	if _, ok := errors.AsType[liberrors.ErrClientAuthSetup](err); ok {
		return fmt.Errorf("%s: status 401 Unauthorized, and no way to authenticate that is known: %w", operation, ingest.ErrCredentials)
	}
	bad, ok := errors.AsType[liberrors.ErrClientBadStatusCode](err)
	if !ok {
		return p.redact(operation, err)
	}
	status := strings.TrimSpace(fmt.Sprintf("status %d %s", bad.Code, base.StatusMessages[bad.Code]))
	if bad.Code == base.StatusUnauthorized || bad.Code == base.StatusForbidden {
		return fmt.Errorf("%s: %s: %w", operation, status, ingest.ErrCredentials)
	}
	if bad.Message != "" && !strings.EqualFold(bad.Message, base.StatusMessages[bad.Code]) {
		status += fmt.Sprintf(" (%.80q)", bad.Message)
	}
	return p.redact(operation, errors.New(status))
}

func (p *pull) redact(operation string, err error) error {
	return p.client.address.redact(operation, err)
}

func (p *pull) packet(pkt *rtp.Packet) {
	u, ok, err := p.track.unit(pkt, time.Now())
	if err != nil {
		p.trouble.undecodable(err)
	}
	if ok {
		u = p.track.reported(u, pkt)
	}
	if err := p.deliver(u, ok); err != nil {
		select {
		case p.failed <- err:
		default: // the connection ends already
		}
	}
}

// lost counts packets that never came.
func (p *pull) lost(n uint64) {
	p.trouble.packetsLost(n)
	if p.started.Load() {
		p.sink.Lost(n)
	}
}

// deliver starts the sink with the first packet: until then another way may have to be tried.
func (p *pull) deliver(u ingest.Unit, ok bool) error {
	if !p.begun {
		p.begun = true
		close(p.arrived)
		if err := p.sink.Start(p.track.params); err != nil {
			return err
		}
		p.started.Store(true)
	}
	if !ok {
		return nil
	}
	return p.sink.Unit(u)
}

// repair makes the camera's description one that can be read, before it is.
func (p *pull) repair(res *base.Response) {
	if kind := res.Header["Content-Type"]; len(kind) != 1 || !strings.HasPrefix(kind[0], "application/sdp") {
		return
	}
	body, dropped := repair(res.Body)
	if len(dropped) > 0 {
		p.client.log.Warn("media that cannot be read are left out", "media", firstOf(dropped))
	}
	res.Body = body
}

// sayIgnored warns of what is in the stream besides the tracks that are taken.
func sayIgnored(log *slog.Logger, desc *description.Session, video *track, audio *sound) {
	message := "only the video is taken"
	if audio != nil {
		message = "only the video and one audio track are taken"
	}
	if others := otherMedia(desc, video, audio); len(others) > 0 {
		log.Warn(message, "ignored", firstOf(others))
	}
}

// firstOf shortens a list for a log line.
func firstOf(names []string) []string {
	if len(names) <= maxIgnored {
		return names
	}
	return append(names[:maxIgnored:maxIgnored], fmt.Sprintf("and %d more", len(names)-maxIgnored))
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

// refuseNames keeps cameras from having names looked up.
func refuseNames(_, name string) (*net.IPAddr, error) {
	return nil, fmt.Errorf("%w: %.80q", errElsewhere, name)
}
