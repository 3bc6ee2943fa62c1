package main

import (
	"context"
	"fmt"
	"iter"
	"net"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"

	"vigil/frames"
	"vigil/internal/mediatest"
)

// station is an RTSP camera that shows a clip over and over to whoever connects.
type station struct {
	server *gortsplib.Server
	stream *gortsplib.ServerStream
	media  *description.Media
	units  iter.Seq2[frames.AccessUnit, error]
	format *format.H264
	addr   string
}

func newStation(ctx context.Context, clip string) (*station, error) {
	p, units, err := mediatest.Camera{Clip: clip, Loop: true}.Units()
	if err != nil {
		return nil, err
	}
	// The library wants the port beforehand.
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("station: %w", err)
	}
	s := &station{units: units, addr: listener.Addr().String()}
	if err := listener.Close(); err != nil {
		return nil, fmt.Errorf("station: %w", err)
	}
	s.format = &format.H264{PayloadTyp: 96, PacketizationMode: 1, SPS: p.SPS, PPS: p.PPS}
	s.media = &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{s.format}}
	s.server = &gortsplib.Server{Handler: s, RTSPAddress: s.addr}
	if err := s.server.Start(); err != nil {
		return nil, fmt.Errorf("station: %w", err)
	}
	s.stream = &gortsplib.ServerStream{
		Server: s.server, Desc: &description.Session{Medias: []*description.Media{s.media}},
	}
	if err := s.stream.Initialize(); err != nil {
		s.server.Close()
		return nil, fmt.Errorf("station: %w", err)
	}
	return s, nil
}

// OnDescribe implements gortsplib.ServerHandlerOnDescribe.
func (s *station) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) { //nolint:unparam // the library's interface
	return &base.Response{StatusCode: base.StatusOK}, s.stream, nil
}

// OnSetup implements gortsplib.ServerHandlerOnSetup.
func (s *station) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) { //nolint:unparam // the library's interface
	return &base.Response{StatusCode: base.StatusOK}, s.stream, nil
}

// OnPlay implements gortsplib.ServerHandlerOnPlay.
func (s *station) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) { //nolint:unparam // the library's interface
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// run shows the clip in real time until ctx ends.
func (s *station) run(ctx context.Context) error {
	defer s.server.Close()
	encoder, err := s.format.CreateEncoder()
	if err != nil {
		return fmt.Errorf("station: %w", err)
	}
	began := time.Now()
	for u, err := range s.units {
		if err != nil {
			return fmt.Errorf("station: %w", err)
		}
		if rest(ctx, time.Until(began.Add(frames.Duration(u.DTS)))) != nil {
			return nil //nolint:nilerr // it was stopped
		}
		packets, err := encoder.Encode(u.NALUs)
		if err != nil {
			return fmt.Errorf("station: %w", err)
		}
		for _, packet := range packets {
			packet.Timestamp += uint32(u.PTS) //nolint:gosec // RTP's wrap
			if err := s.stream.WritePacketRTP(s.media, packet); err != nil {
				return fmt.Errorf("station: %w", err)
			}
		}
	}
	return nil
}
