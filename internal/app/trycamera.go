package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"vigil/frames"
	"vigil/ingest"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/web"
)

const (
	// tryCameraSubject is where the ingest role, which reaches the cameras, tries one for the console.
	tryCameraSubject = "vigil.rpc.trycamera"
	// tryTime is how long it watches: for a first key frame.
	tryTime = ingest.KeyTimeout
)

// TryCamera implements web.Cameras.
func (c shownCameras) TryCamera(ctx context.Context, in web.CameraTestInput) (web.CameraTest, error) {
	tried, err := bus.Request[web.CameraTestInput, web.CameraTest](ctx, c.bus, tryCameraSubject, in)
	if errors.Is(err, bus.ErrNoResponders) {
		err = web.Refused{Reason: "no ingest role runs that could connect to the camera"}
	}
	return tried, err
}

// tryCamera connects to an address until a key frame comes.
func (a *App) tryCamera(ctx context.Context, in web.CameraTestInput) (web.CameraTest, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	if err := a.refuse(ctx, in.URL); err != nil {
		return web.CameraTest{Detail: err.Error()}, nil
	}
	camera := config.Camera{Transport: in.Transport, Fingerprint: in.Fingerprint}
	source, err := pullFrom(camera, config.Secret(in.URL), slog.New(slog.DiscardHandler))
	if err != nil {
		return web.CameraTest{Detail: err.Error()}, nil //nolint:nilerr // what is wrong with the address is the answer
	}
	v := &firstKey{began: time.Now()}
	err = source.Run(ctx, v)
	if !errors.Is(err, errSeenKey) {
		detail := fmt.Sprintf("no key frame came in %s", tryTime)
		if err != nil {
			detail = err.Error()
		}
		return web.CameraTest{Detail: detail}, nil
	}
	tried := web.CameraTest{OK: true, Codec: string(v.params.Codec), Seconds: v.after.Seconds()}
	if w, h, err := v.params.Size(); err == nil {
		tried.Width, tried.Height = w, h
	}
	tried.Detail = fmt.Sprintf("%s %d×%d, the first key frame after %.1f s", tried.Codec, tried.Width, tried.Height, tried.Seconds)
	if tried.Picture, err = decodeJPEG(v.params, v.key); err != nil {
		tried.Detail += "; it could not be decoded here: " + err.Error()
	}
	return tried, nil
}

var errSeenKey = errors.New("seen a key frame")

// firstKey is a sink that ends the connection at the first key frame.
type firstKey struct {
	began  time.Time
	params frames.Parameters
	key    frames.AccessUnit
	after  time.Duration
}

var _ ingest.Sink = (*firstKey)(nil)

// Start implements ingest.Sink.
func (v *firstKey) Start(p frames.Parameters) error { v.params = p; return nil }

// Unit implements ingest.Sink.
func (v *firstKey) Unit(u ingest.Unit) error {
	params, key := ingest.Begins(v.params, u.NALUs)
	if !key {
		return nil
	}
	v.params, v.after = params, time.Since(v.began)
	v.key = frames.AccessUnit{PTS: u.PTS, DTS: u.PTS, Key: true, NALUs: u.NALUs}
	return errSeenKey
}

// Audio implements ingest.Sink.
func (v *firstKey) Audio(ingest.Sound) {}

// Lost implements ingest.Sink.
func (v *firstKey) Lost(uint64) {}

// refuse says why the program does not connect to an address that somebody sent: only cameras, not what listens on the
// link, not the program itself.
func (a *App) refuse(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "rtsp" && u.Scheme != "rtsps" || u.Hostname() == "" {
		return errors.New("the address is none of rtsp:// or rtsps:// with a host; in passwords @, /, ?, # and % are percent-encoded")
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return fmt.Errorf("the host %s is not found", u.Hostname())
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"rtsp": "554", "rtsps": "322"}[u.Scheme]
	}
	for _, ip := range ips {
		switch ip = ip.Unmap(); {
		case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified():
			return fmt.Errorf("%s is no address of a camera", ip)
		case slices.Contains(a.ownPorts(), port) && ownAddress(ip):
			return fmt.Errorf("%s is Vigil's own", net.JoinHostPort(ip.String(), port))
		}
	}
	return nil
}

// ownPorts are the ports that this process listens on.
func (a *App) ownPorts() (ports []string) {
	for _, address := range []string{
		a.addresses.Console, a.addresses.WHIP, a.addresses.RTSP, a.addresses.RTSPS, a.addresses.Store, "//" + a.cfg.WebRTC.UDP, "//" + a.cfg.S3.Listen,
	} {
		if u, err := url.Parse(strings.TrimSuffix(address, "/whip")); err == nil && u.Port() != "" {
			ports = append(ports, u.Port())
		}
	}
	return ports
}

// ownAddress says whether this machine has the address.
func ownAddress(ip netip.Addr) bool {
	if ip.IsLoopback() {
		return true
	}
	own, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(own, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap() == ip
	})
}
