package mediatest

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"vigil/frames"
)

// Player is an IP camera: it waits at an RTSP address and plays a clip of H.264, in real time, to whoever shows user and
// password.
type Player struct {
	user, password string

	units   iter.Seq2[frames.AccessUnit, error]
	video   *description.Media
	encoder *rtph264.Encoder
	server  *gortsplib.Server
	stream  *gortsplib.ServerStream
}

// NewPlayer listens on a free port of this machine. The clip begins with Run.
func NewPlayer(c Camera, user, password string) (*Player, error) {
	parameters, units, err := c.Units()
	if err != nil {
		return nil, fmt.Errorf("player: %w", err)
	}
	f := &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: parameters.SPS, PPS: parameters.PPS}
	p := &Player{user: user, password: password, units: units}
	if p.encoder, err = f.CreateEncoder(); err != nil {
		return nil, fmt.Errorf("player: %w", err)
	}
	p.video = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}}
	p.server = &gortsplib.Server{Handler: p, RTSPAddress: "127.0.0.1:0"}
	if err := p.server.Start(); err != nil {
		return nil, fmt.Errorf("player: %w", err)
	}
	p.stream = &gortsplib.ServerStream{Server: p.server, Desc: &description.Session{Medias: []*description.Media{p.video}}}
	if err := p.stream.Initialize(); err != nil {
		p.server.Close()
		return nil, fmt.Errorf("player: %w", err)
	}
	return p, nil
}

// URL is the camera's address, with user and password.
func (p *Player) URL() string {
	u := url.URL{Scheme: "rtsp", User: url.UserPassword(p.user, p.password), Host: p.server.NetListener().Addr().String(), Path: "/stream"}
	return u.String()
}

// Run plays until the clip or ctx ends, and closes the camera. It may be called once.
func (p *Player) Run(ctx context.Context) error {
	defer p.server.Close()
	defer p.stream.Close()
	began := time.Now()
	for u, err := range p.units {
		if err != nil {
			return fmt.Errorf("player: %w", err)
		}
		wait := time.NewTimer(time.Until(began.Add(frames.Duration(u.DTS))))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
		packets, err := p.encoder.Encode(u.NALUs)
		if err != nil {
			return fmt.Errorf("player: %w", err)
		}
		for _, packet := range packets {
			packet.Timestamp = uint32(u.PTS)
			if err := p.stream.WritePacketRTP(p.video, packet); err != nil {
				return fmt.Errorf("player: %w", err)
			}
		}
	}
	return nil
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (p *Player) OnDescribe(x *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	if !x.Conn.VerifyCredentials(x.Request, p.user, p.password) {
		return &base.Response{StatusCode: base.StatusUnauthorized}, nil, liberrors.ErrServerAuth{}
	}
	return &base.Response{StatusCode: base.StatusOK}, p.stream, nil
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (p *Player) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, p.stream, nil
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (p *Player) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}
