package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"vigil/alerts/webhook"
	"vigil/clips"
	"vigil/clips/s3"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/client"
	"vigil/internal/config"
	"vigil/internal/doctor"
)

// Diagnosis returns what to look at before, or while, Vigil runs with the configuration. file is where it was read from,
// empty for none; warnings are what was said of it.
func Diagnosis(ctx context.Context, cfg config.Config, file string, warnings []string) ([]doctor.Check, error) {
	if err := cfg.Absolute(); err != nil {
		return nil, err
	}
	running, stale := findRunning(ctx, cfg.DataDir)
	d := diagnosis{cfg: cfg, running: running}
	plain := func(look func() []doctor.Finding) func(context.Context) []doctor.Finding {
		return func(context.Context) []doctor.Finding { return look() }
	}
	return []doctor.Check{
		{Name: "config", Look: plain(func() []doctor.Finding { return checkFindings(cfg, file, warnings) })},
		{Name: "vigil", Look: plain(func() []doctor.Finding { return runningFindings(cfg.DataDir, running, stale) })},
		{Name: "listeners", Look: d.listeners},
		{Name: "webrtc", Look: plain(d.candidates)},
		{Name: "clock", Look: plain(func() []doctor.Finding { return doctor.Clock(time.Now(), doctor.Adjtimex) })},
		{Name: "space", Look: plain(d.space)},
		{Name: "disk", Look: plain(func() []doctor.Finding { return doctor.Sync(cfg.DataDir) })},
		{Name: "memory", Look: plain(func() []doctor.Finding { return doctor.Memory(os.DirFS("/"), len(cfg.Cameras), running != nil) })},
		{Name: "models", Look: plain(d.models)},
		{Name: "bus", Look: d.bus},
		{Name: "store", Look: d.store},
		{Name: "cameras", Look: d.cameras},
		{Name: "endpoints", Look: d.endpoints},
		{Name: "mqtt", Look: d.broker},
	}, nil
}

// diagnosis gives the checks their values.
type diagnosis struct {
	cfg     config.Config
	running *doctor.Running
}

// findRunning asks the Vigil that runs on the data folder. stale says that one left its access file and does not answer.
func findRunning(ctx context.Context, dir string) (running *doctor.Running, stale error) {
	access, err := client.Find(dir)
	if err != nil {
		return nil, nil //nolint:nilerr // none runs, or none that this user may ask
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	asked, err := client.New(access)
	if err != nil {
		return nil, err
	}
	_, body, err := asked.Ready(ctx)
	if err != nil {
		return nil, err
	}
	running = &doctor.Running{Server: access.Server}
	if err := json.Unmarshal(body, running); err != nil {
		return nil, fmt.Errorf("answer of %s: %w", access.Server, err)
	}
	// Without its cameras the rest is still worth knowing: /readyz tells what fails.
	running.Cameras, _ = asked.Cameras(ctx)
	return running, nil
}

// checkFindings says what only the parts can tell of the configuration.
func checkFindings(cfg config.Config, file string, warnings []string) (all []doctor.Finding) {
	if file == "" {
		file = "defaults and environment, no file"
	}
	if err := Check(cfg); err != nil {
		errs := []error{err}
		if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only the outermost is a list
			errs = joined.Unwrap()
		}
		for _, err := range errs {
			all = append(all, doctor.Finding{Level: doctor.Problem, Text: err.Error(), Do: "see `vigil config schema`"})
		}
	} else {
		all = append(all, doctor.Finding{Level: doctor.OK, Text: "the configuration is good: " + file})
	}
	for _, w := range warnings {
		all = append(all, doctor.Finding{Level: doctor.Warning, Text: w, Do: "see `vigil config schema` for the keys"})
	}
	return all
}

func runningFindings(dir string, running *doctor.Running, stale error) []doctor.Finding {
	switch {
	case stale != nil:
		return []doctor.Finding{{
			Level: doctor.Warning, Text: stale.Error() + "; it has left its access file in " + dir,
			Do: "look whether it was killed; the next start mends it",
		}}
	case running == nil:
		return []doctor.Finding{{Level: doctor.OK, Text: "no vigil with a console runs on " + dir}}
	}
	var all []doctor.Finding
	for _, p := range running.Parts {
		if !p.OK && p.Name != "bus" && p.Name != "store" { // these have checks of their own
			all = append(all, doctor.Finding{Level: doctor.Problem, Text: "part " + p.Name + " fails: " + p.Detail, Do: "see its log"})
		}
	}
	return append(all, doctor.Finding{Level: doctor.OK, Text: "vigil runs at " + running.Server})
}

func (d diagnosis) listeners(ctx context.Context) []doctor.Finding {
	tcp, up := []string{"tcp"}, d.running != nil
	console := false
	if u, err := url.Parse(d.console()); err == nil && up {
		console = doctor.SamePort(u.Host, d.cfg.HTTP.Listen)
	}
	list := []doctor.Listener{
		{Key: "http.listen", Address: d.cfg.HTTP.Listen, Networks: tcp, Ours: console},
		{Key: "rtsp.listen", Address: d.cfg.RTSP.Listen, Networks: tcp, Ours: up && !doctor.AnyPort(d.cfg.RTSP.Listen)},
		{Key: "webrtc.udp", Address: d.cfg.WebRTC.UDP, Networks: []string{"udp", "tcp"}, Ours: up && !doctor.AnyPort(d.cfg.WebRTC.UDP)},
	}
	if d.cfg.S3.Listen != "" {
		list = append(list, doctor.Listener{Key: "s3.listen", Address: d.cfg.S3.Listen, Networks: tcp, Ours: up && !doctor.AnyPort(d.cfg.S3.Listen)})
	}
	return doctor.Listeners(ctx, list)
}

func (d diagnosis) console() string {
	if d.running == nil {
		return ""
	}
	return d.running.Server
}

func (d diagnosis) candidates() []doctor.Finding {
	nics, err := doctor.NICs()
	if err != nil {
		return []doctor.Finding{{Level: doctor.Warning, Text: "list interfaces: " + err.Error()}}
	}
	return doctor.Candidates(doctor.Offer{
		UDP: d.cfg.WebRTC.UDP, Hosts: d.cfg.WebRTC.Hosts, NICs: nics, Container: doctor.InContainer(),
	})
}

func (d diagnosis) streams() string { return filepath.Join(d.cfg.DataDir, "nats") }

func (d diagnosis) space() []doctor.Finding {
	declared := int64(0)
	if d.cfg.NATS.URL == "" {
		declared = bus.Declared() + int64(d.cfg.Retention.FragmentsBytes)
	}
	return doctor.Space(d.cfg.DataDir, d.streams(), declared)
}

func (d diagnosis) models() []doctor.Finding {
	return doctor.Models(doctor.Networks{
		Dir: d.cfg.ModelsDir(), Engine: d.cfg.Models.Engine, Embedder: d.cfg.Models.Embedder, Runtime: runtimeName(d.cfg.Models),
	})
}

func (d diagnosis) bus(ctx context.Context) []doctor.Finding {
	return doctor.Bus{
		URL: d.cfg.NATS.URL.Reveal(), Server: d.cfg.NATS.URL.String(), CredsFile: d.cfg.NATS.CredsFile, Replicas: d.cfg.NATS.Replicas,
		Declared: bus.Declared() + int64(d.cfg.Retention.FragmentsBytes), Lock: filepath.Join(d.streams(), "natsd.lock"), Running: d.running,
	}.Look(ctx)
}

func (d diagnosis) store(ctx context.Context) []doctor.Finding {
	endpoint := ""
	if d.cfg.S3.Endpoint != "" {
		endpoint = hostOf(d.cfg.S3.Endpoint)
	}
	return doctor.Store{
		Endpoint: endpoint, Bucket: d.cfg.S3.Bucket, Lock: filepath.Join(d.cfg.DataDir, "s3", "lock"), Running: d.running,
		Open: func() (clips.Store, error) {
			target, err := remoteStore(d.cfg.S3)
			if err != nil {
				return nil, err
			}
			return s3.Open(target)
		},
	}.Look(ctx)
}

func (d diagnosis) cameras(ctx context.Context) []doctor.Finding {
	var cameras []doctor.Camera
	var all []doctor.Finding
	for _, c := range d.cfg.Cameras {
		id := frames.CameraID(c.ID)
		if c.URL == "" {
			cameras = append(cameras, doctor.Camera{ID: id})
			continue
		}
		streams := map[frames.CameraID]config.Secret{id: c.URL}
		if c.DetectURL != "" {
			streams[id.Detect()] = c.DetectURL
		}
		for _, stream := range slices.Sorted(maps.Keys(streams)) {
			source, err := pullFrom(c, streams[stream], slog.New(slog.DiscardHandler))
			if err != nil {
				text := fmt.Sprintf("camera %s: %v", stream, err)
				all = append(all, doctor.Finding{Level: doctor.Problem, Text: text, Do: "mend its url"})
				continue
			}
			cameras = append(cameras, doctor.Camera{ID: stream, Source: source})
		}
	}
	if len(all) > 0 && len(cameras) == 0 {
		return all
	}
	return append(all, doctor.Cameras(ctx, cameras, decodeKey(), d.running)...)
}

func (d diagnosis) broker(ctx context.Context) []doctor.Finding {
	if d.cfg.MQTT.URL == "" {
		return nil
	}
	cfg, err := broker(d.cfg.MQTT, "")
	if err != nil {
		return nil // the check of the configuration has said it
	}
	return []doctor.Finding{doctor.Broker(ctx, cfg)}
}

func (d diagnosis) endpoints(ctx context.Context) []doctor.Finding {
	var all []webhook.Endpoint
	for _, e := range d.cfg.Endpoints {
		all = append(all, endpoint(e))
	}
	if len(all) == 0 && d.cfg.MQTT.URL != "" {
		return nil // alerts are told to the broker
	}
	return doctor.Endpoints(ctx, all)
}
