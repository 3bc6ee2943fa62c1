package app

import (
	"crypto/tls"
	"errors"
	"fmt"

	"vigil/ingest/rtsp"
)

// openRTSP starts the server that cameras publish to, and with a certificate the one that speaks TLS.
func (a *App) openRTSP(admission rtsp.Admission) error {
	c := a.cfg.RTSP
	server, err := rtsp.NewServer(rtsp.ServerConfig{Listen: c.Listen, UDP: c.UDP, Admission: admission, Log: a.log})
	if errors.Is(err, rtsp.ErrUDP) {
		return fmt.Errorf("rtsp.udp: %w", err)
	}
	if err != nil {
		return fmt.Errorf("rtsp.listen: %w", err)
	}
	a.onClose(func() error { server.Close(); return nil })
	a.task("rtsp", server.Run)
	a.addresses.RTSP = "rtsp://" + server.Addr()
	if c.TLSCert == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return fmt.Errorf("rtsp.tls_cert: %w", err)
	}
	secure, err := rtsp.NewServer(rtsp.ServerConfig{
		Listen: c.TLSListen, TLS: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		Admission: admission, Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("rtsp.tls_listen: %w", err)
	}
	a.onClose(func() error { secure.Close(); return nil })
	a.task("rtsps", secure.Run)
	a.addresses.RTSPS = "rtsps://" + secure.Addr()
	return nil
}
