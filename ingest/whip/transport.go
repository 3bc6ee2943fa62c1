package whip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

const receiveMTU = 1500

// api is a pion for one session, of just the codecs that the answer takes.
func (e *Endpoint) api(s *session) (*webrtc.API, error) {
	o := s.offer
	m := &webrtc.MediaEngine{}
	err := o.video.register(m, webrtc.RTPCodecTypeVideo)
	if err == nil && o.audio != nil {
		err = o.audio.register(m, webrtc.RTPCodecTypeAudio)
	}
	if err != nil {
		return nil, fmt.Errorf("register codecs: %w", err)
	}
	interceptors := &interceptor.Registry{}
	if err := errors.Join(
		webrtc.ConfigureNack(m, interceptors),
		webrtc.ConfigureRTCPReports(interceptors),
		webrtc.ConfigureTWCCSender(m, interceptors),
	); err != nil {
		return nil, fmt.Errorf("configure interceptors: %w", err)
	}
	return webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(interceptors),
		webrtc.WithSettingEngine(e.settings(s))), nil
}

// register makes pion know the codec.
func (c *codec) register(m *webrtc.MediaEngine, kind webrtc.RTPCodecType) error {
	err := m.RegisterCodec(c.params, kind)
	if err == nil && c.rtx != nil {
		err = m.RegisterCodec(*c.rtx, kind)
	}
	return err
}

// Settings are the transport of a peer connection of another kind, over the same sockets.
func (e *Endpoint) Settings() webrtc.SettingEngine {
	s := webrtc.SettingEngine{LoggerFactory: pionLogger{e.cfg.Log}}
	s.SetICEUDPMux(e.udpMux)
	s.SetICETCPMux(e.tcpMux)
	s.SetNetworkTypes([]webrtc.NetworkType{
		webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6,
	})
	s.SetIncludeLoopbackCandidate(e.loopback)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.DisableActiveTCP(true)
	s.SetReceiveMTU(receiveMTU)
	// Consent (RFC 7675). A publisher that only sends media and answers no checks, as FFmpeg, is heard by its media.
	s.SetICETimeouts(e.timeouts.silent, e.timeouts.failed, 2*time.Second)
	return s
}

// Advertise completes the answer of such a connection as a publisher's is, with the addresses that are configured.
func (e *Endpoint) Advertise(ctx context.Context, answer string) (string, error) {
	known, missing := e.hosts.resolve(ctx)
	if missing != nil {
		e.cfg.Log.Warn("whip: a host to advertise is not known", "error", missing)
	}
	if e.cfg.OnlyHosts && len(known) == 0 {
		return "", unreachable()
	}
	return finishAnswer(answer, advertised{known, e.cfg.OnlyHosts, port(e.Addr())})
}

// settings are the session's transport.
func (e *Endpoint) settings(of *session) webrtc.SettingEngine {
	s := e.Settings()
	s.SetICEBindingRequestHandler(of.follow)
	return s
}

// follow says whether the connection moves to where a check of the publisher's came from. It does when nothing is heard any
// more from where it was, as behind a router that was restarted: publishers do not choose anew then, and media, which is taken from
// wherever they check, would end with the consent of the old address.
func (s *session) follow(*stun.Message, ice.Candidate, ice.Candidate, *ice.CandidatePair) bool {
	return s.pc.ICEConnectionState() == webrtc.ICEConnectionStateDisconnected
}
