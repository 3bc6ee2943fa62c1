package rtsp

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"
	"github.com/pion/rtp"

	"vigil/frames"
)

const (
	payloadType = 96
	fullPause   = time.Millisecond // while the queue to the server is full

	interleavedHead = 4 // RFC 2326, 10.12
)

// Publish announces a stream at rawURL, over TCP, and sends the access units: paced by their decoding times when
// realTime is set, else as fast as the server takes them. It returns nil when units ends and all of it was sent, or
// when ctx ends.
func Publish(
	ctx context.Context, rawURL string, p frames.Parameters, units iter.Seq2[frames.AccessUnit, error], realTime bool,
) error {
	a, err := parseAddress(rawURL)
	if err != nil {
		return err
	}
	f, encode, err := outgoing(p)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	s := &sender{
		media:  &description.Media{Type: description.MediaTypeVideo, Formats: []format.Format{f}},
		encode: encode, realTime: realTime,
	}
	err = s.run(ctx, a, units)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the connection ended because ctx did
	}
	if err != nil {
		return a.redact("publish to "+a.String(), err)
	}
	return nil
}

// outgoing returns the format to announce and what makes its packets.
func outgoing(p frames.Parameters) (format.Format, func([][]byte) ([]*rtp.Packet, error), error) {
	switch p.Codec {
	case frames.H264:
		f := &format.H264{PayloadTyp: payloadType, PacketizationMode: 1, SPS: p.SPS, PPS: p.PPS}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, nil, err
		}
		return f, e.Encode, nil
	case frames.H265:
		f := &format.H265{PayloadTyp: payloadType, VPS: p.VPS, SPS: p.SPS, PPS: p.PPS}
		e, err := f.CreateEncoder()
		if err != nil {
			return nil, nil, err
		}
		return f, e.Encode, nil
	default:
		return nil, nil, fmt.Errorf("codec %q: want h264 or h265", p.Codec)
	}
}

// sender is one publication.
type sender struct {
	client   *gortsplib.Client
	media    *description.Media
	encode   func([][]byte) ([]*rtp.Packet, error)
	realTime bool
	queued   uint64 // bytes, with what frames them on TCP
}

func (s *sender) run(ctx context.Context, a *address, units iter.Seq2[frames.AccessUnit, error]) error {
	tcp := gortsplib.ProtocolTCP
	s.client = &gortsplib.Client{
		Scheme: a.url.Scheme, Host: a.url.Host, Protocol: &tcp, UserAgent: "vigil",
		DisableRTCPSenderReports: true, // drain counts what is sent
	}
	if err := s.client.Start(); err != nil {
		return err
	}
	defer s.client.Close()
	defer context.AfterFunc(ctx, s.client.Close)()
	desc := &description.Session{Medias: []*description.Media{s.media}}
	if _, err := s.client.Announce(a.url, desc); err != nil {
		return err
	}
	if err := s.client.SetupAll(a.url, desc.Medias); err != nil {
		return err
	}
	if _, err := s.client.Record(); err != nil {
		return err
	}
	before := s.client.Stats().Conn.OutboundBytes
	if err := s.play(ctx, units); err != nil {
		return err
	}
	return s.drain(ctx, before)
}

// drain waits until everything is sent: closing the client discards what is queued.
func (s *sender) drain(ctx context.Context, before uint64) error {
	ended := make(chan error, 1)
	go func() { ended <- s.client.Wait() }() // ends with the client's Close at the latest
	for s.client.Stats().Conn.OutboundBytes-before < s.queued {
		select {
		case err := <-ended:
			return err
		default:
		}
		if err := sleep(ctx, fullPause); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) play(ctx context.Context, units iter.Seq2[frames.AccessUnit, error]) error {
	var began time.Time
	var first int64
	for u, err := range units {
		if err != nil {
			return err
		}
		if began.IsZero() {
			began, first = time.Now(), u.DTS
		}
		if s.realTime {
			if err := sleep(ctx, time.Until(began.Add(frames.Duration(u.DTS-first)))); err != nil {
				return err
			}
		}
		if err := s.send(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) send(ctx context.Context, u frames.AccessUnit) error {
	pkts, err := s.encode(u.NALUs)
	if err != nil {
		return err
	}
	for _, pkt := range pkts {
		pkt.Timestamp = uint32(u.PTS)
		for {
			err := s.client.WritePacketRTP(s.media, pkt)
			if err == nil {
				s.queued += uint64(interleavedHead + pkt.MarshalSize())
				break
			}
			if _, full := errors.AsType[liberrors.ErrClientWriteQueueFull](err); !full {
				return err
			}
			if err := sleep(ctx, fullPause); err != nil {
				return err
			}
		}
	}
	return nil
}

// sleep waits for d; it returns the cause when ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
