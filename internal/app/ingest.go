package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"vigil/frames"
	"vigil/ingest"
	"vigil/ingest/rtsp"
	"vigil/ingest/whip"
	"vigil/internal/bus"
	"vigil/internal/config"
)

// cameraStates keeps what ingest says of the cameras in the cameras bucket.
type cameraStates struct{ kv *bus.KV[frames.CameraState] }

// Save implements ingest.States.
func (s cameraStates) Save(ctx context.Context, state frames.CameraState) error {
	_, err := s.kv.Put(ctx, string(state.Camera), state)
	return err
}

// openIngest starts the RTSP server, the WHIP endpoint and the cameras that are pulled from.
func (a *App) openIngest(ctx context.Context) error {
	if !a.has(Ingest) {
		return nil
	}
	states, err := bus.OpenKV[frames.CameraState](ctx, a.bus, bus.Cameras)
	if err != nil {
		return err
	}
	cameras, err := a.configuredCameras()
	if err != nil {
		return err
	}
	// Without a camera in the configuration whoever reaches the loopback listeners may publish: that is this machine.
	open := len(cameras) == 0 && config.IsLoopback(a.cfg.RTSP.Listen) && config.IsLoopback(a.cfg.HTTP.Listen) &&
		(a.cfg.RTSP.TLSCert == "" || config.IsLoopback(a.cfg.RTSP.TLSListen))
	supervisor, err := ingest.New(ingest.Config{
		Cameras: cameras, Any: open, Frames: a.frames, States: cameraStates{states}, Log: a.log,
	})
	if err != nil {
		return err
	}
	if err := a.openRTSP(supervisor); err != nil {
		return err
	}
	if err := a.openWHIP(supervisor, open); err != nil { //nolint:contextcheck // what it frees has no context of its own
		return err
	}
	if !a.has(Console) {
		a.routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	}
	a.task("ingest", supervisor.Run)
	a.task("camera tests", func(ctx context.Context) error {
		return bus.Respond(ctx, a.bus, tryCameraSubject, "ingest", a.tryCamera)
	})
	return nil
}

// openWHIP starts the WHIP endpoint; open says that publishers need no token.
func (a *App) openWHIP(admission whip.Admission, open bool) error {
	w := a.cfg.WebRTC
	servers := make([]whip.ICEServer, 0, len(w.ICEServers))
	for _, s := range w.ICEServers {
		servers = append(servers, whip.ICEServer{URL: s.URL, Username: s.Username, Credential: s.Credential.Reveal()})
	}
	endpoint, err := whip.New(whip.Config{
		UDP: w.UDP, Hosts: w.Hosts, OnlyHosts: w.OnlyHosts, ICEServers: servers, Admission: admission, Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("webrtc.udp: %w", err)
	}
	a.onClose(func() error { return runOnce(endpoint.Run) })
	handler := endpoint.Handler()
	if open {
		handler = fromThisMachine(handler)
	}
	a.routes.Handle("/whip/", handler)
	a.task("whip", endpoint.Run)
	return nil
}

// foreignPage is the answer to them.
const foreignPage = `{"status":403,"title":"foreign page","detail":"pages of other hosts may publish only with a token: configure the camera"}`

// fromThisMachine refuses pages of other hosts that a browser on this machine shows: without tokens, nothing else keeps
// them from publishing. Programs send no Origin.
func fromThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if origin := r.Header.Get("Origin"); origin != "" {
			u, err := url.Parse(origin)
			if err != nil || !config.IsLoopback(net.JoinHostPort(u.Hostname(), "0")) {
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(foreignPage))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// runOnce frees what a Run that was never called would have freed.
func runOnce(run func(context.Context) error) error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	return run(ended)
}

func (a *App) configuredCameras() ([]ingest.Camera, error) {
	var cameras []ingest.Camera
	for i, c := range a.cfg.Cameras {
		camera := ingest.Camera{ID: frames.CameraID(c.ID), PublishToken: c.PublishToken.Reveal()}
		if c.URL != "" {
			source, err := pullFrom(c, c.URL, a.log.With("camera", c.ID))
			if err != nil {
				return nil, fmt.Errorf("cameras[%d].url: camera %s: %w", i, c.ID, err)
			}
			camera.Source = source
		}
		if c.DetectURL != "" {
			source, err := pullFrom(c, c.DetectURL, a.log.With("camera", camera.ID.Detect()))
			if err != nil {
				return nil, fmt.Errorf("cameras[%d].detect_url: camera %s: %w", i, c.ID, err)
			}
			camera.Detect = source
		}
		cameras = append(cameras, camera)
	}
	return cameras, nil
}

// pullFrom is the source at one of a camera's addresses. A pin is for those that speak TLS.
func pullFrom(c config.Camera, address config.Secret, log *slog.Logger) (*rtsp.Client, error) {
	pin := ""
	if strings.HasPrefix(address.Reveal(), "rtsps://") {
		pin = c.Fingerprint
	}
	return rtsp.NewClient(rtsp.ClientConfig{
		URL: address.Reveal(), Transport: rtsp.Transport(c.Transport), Fingerprint: pin, Log: log,
	})
}
