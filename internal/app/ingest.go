package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"vigil/frames"
	"vigil/ingest"
	"vigil/ingest/rtsp"
	"vigil/ingest/whip"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/vision"
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
	cameras, err := a.cameras(a.cfg, nil)
	if err != nil {
		return err
	}
	supervisor, err := ingest.New(ingest.Config{
		Cameras: cameras, Any: a.isOpen(a.cfg), Frames: a.frames, States: cameraStates{states}, Log: a.log,
	})
	if err != nil {
		return err
	}
	if err := a.openRTSP(supervisor); err != nil {
		return err
	}
	if err := a.openWHIP(supervisor); err != nil { //nolint:contextcheck // what it frees has no context of its own
		return err
	}
	if !a.has(Console) {
		a.routes.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	}
	a.task("ingest", supervisor.Run)
	a.task("camera tests", func(ctx context.Context) error {
		return bus.Respond(ctx, a.bus, tryCameraSubject, "ingest", a.tryCamera)
	})
	a.onReload(a.reloadCameras(supervisor, states))
	return a.endUndecodable(ctx, supervisor)
}

// endUndecodable lets cameras connect anew of whose video the vision role can decode nothing.
func (a *App) endUndecodable(ctx context.Context, supervisor *ingest.Supervisor) error {
	watched, err := bus.OpenKV[vision.State](ctx, a.bus, bus.Watching)
	if err != nil {
		return err
	}
	a.task("undecodable", func(ctx context.Context) error {
		for change, err := range watched.Watch(ctx) {
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			if s := change.Value; !change.Deleted && s.Undecodable != "" {
				supervisor.Undecodable(s.Camera, s.Undecodable)
			}
		}
		return nil
	})
	return nil
}

// isOpen says that whoever reaches the listeners may publish as any camera that was not added: without a camera in the configuration, on loopback listeners,
// that is this machine.
func (a *App) isOpen(cfg config.Config) bool {
	return len(a.withoutAdded(cfg).Cameras) == 0 && config.IsLoopback(cfg.RTSP.Listen) && config.IsLoopback(cfg.HTTP.Listen) &&
		(cfg.RTSP.TLSCert == "" || config.IsLoopback(cfg.RTSP.TLSListen))
}

// openWHIP starts the WHIP endpoint.
func (a *App) openWHIP(admission whip.Admission) error {
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
	a.whip = endpoint
	handler := endpoint.Handler()
	closed := fromThisMachine(handler)
	a.routes.HandleFunc("/whip/", func(w http.ResponseWriter, r *http.Request) {
		if a.isOpen(*a.live.Load()) { // publishers need no token
			closed.ServeHTTP(w, r)
			return
		}
		handler.ServeHTTP(w, r)
	})
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

// cameras are those of the configuration that are not the same in before.
func (a *App) cameras(cfg config.Config, before []config.Camera) ([]ingest.Camera, error) {
	var cameras []ingest.Camera
	for i, c := range cfg.Cameras {
		if slices.ContainsFunc(before, func(b config.Camera) bool { return sameStream(b, c) }) {
			continue
		}
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

// sameStream says that the cameras are one, whose video comes the same way. Its zones are the rules'.
func sameStream(a, b config.Camera) bool {
	a.Zones, b.Zones = nil, nil
	return reflect.DeepEqual(a, b)
}

// reloadCameras starts, ends and changes cameras.
func (a *App) reloadCameras(supervisor *ingest.Supervisor, states *bus.KV[frames.CameraState]) reload {
	return func(ctx context.Context, before, next config.Config) (func(), error) {
		add, err := a.cameras(next, before.Cameras)
		if err != nil {
			return nil, err
		}
		var remove []frames.CameraID
		for _, b := range before.Cameras {
			if !slices.ContainsFunc(next.Cameras, func(n config.Camera) bool { return sameStream(b, n) }) {
				remove = append(remove, frames.CameraID(b.ID))
			}
		}
		return func() {
			gone, err := supervisor.Replace(remove, add, a.isOpen(next))
			if err != nil {
				a.log.Error("cameras are not as the configuration has them: restart", "error", err) // it was checked before
				return
			}
			for _, camera := range gone {
				if err := states.Delete(ctx, string(camera)); err != nil {
					a.log.Warn("a camera that is no more is still listed", "camera", camera, "error", err)
				}
			}
		}, nil
	}
}
