package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"vigil/clips/s3"
	"vigil/frames"
	framesjs "vigil/frames/jetstream"
	"vigil/internal/bus"
	"vigil/internal/child"
	"vigil/internal/config"
	"vigil/internal/web"
)

// childSetting is the key of how the vision role's process is doing, in the settings bucket.
const childSetting = "vision_process"

// decoding is who gives up fragments, as the dead-letter queue has it.
const decoding = "vision"

// tellTime bounds how long the bus may take to hear how the process is doing.
const tellTime = 5 * time.Second

// Stages of a child's start.
const (
	stageEngine = "engine" // its networks are loaded
	stageReady  = "ready"  // everybody enrolled is known
)

// handover is the first order for a child: what it is to be.
type handover struct {
	Config  config.Config
	Version string
	Level   slog.Level
}

// surroundings are the second: where bus and store are.
type surroundings struct {
	Bus         string // address
	Credentials string // file
	Store       s3.Config
	Socket      string // of the store, when it is embedded
}

// isolated is the vision role in a process of its own.
type isolated struct {
	app    *App
	keeper *child.Keeper
	first  *child.Process // until its surroundings are there
	photos []string       // that it has read
	state  *bus.KV[child.Status]
}

// openChild starts the child and waits until its networks are loaded.
func (a *App) openChild(ctx context.Context) error {
	log := a.log.With("role", string(Vision))
	v := &isolated{app: a, photos: photosOf(a.cfg)}
	v.keeper = &child.Keeper{Begin: v.begin, Bury: v.bury, Tell: v.tell, Log: log}
	var err error
	if v.first, err = v.start(ctx, a.cfg); err != nil {
		return err
	}
	a.child = v
	a.onClose(func() error {
		if v.first != nil {
			v.first.Stop()
		}
		v.keeper.Close()
		return nil
	})
	return nil
}

// runChild lets the child open the rest and keeps it, or its successor, at work under the role's lease.
func (a *App) runChild(ctx context.Context) (err error) {
	v := a.child
	if v.state, err = bus.OpenKV[child.Status](ctx, a.bus, bus.Settings); err != nil {
		return err
	}
	dead, err := a.bus.ListDead(ctx)
	if err != nil {
		return err
	}
	for _, d := range dead {
		if d.Stream == framesjs.Stream {
			v.keeper.LeaveOut(d.ID)
		}
	}
	if err := v.keeper.Ready(ctx); err != nil {
		return err
	}
	a.task("vision", a.leased("vision", v.keeper.Run))
	return nil
}

// reload gets another child ready when what it is to know has changed. It stands by until it is given the work.
func (v *isolated) reload(ctx context.Context, before, next config.Config) (commit func(), err error) {
	photos := photosOf(next)
	if reflect.DeepEqual(forVision(before), forVision(next)) && slices.Equal(photos, v.photos) {
		return func() {}, nil
	}
	p, err := v.start(ctx, next)
	if err != nil {
		return nil, err
	}
	if p, err = v.surround(ctx, p); err != nil {
		return nil, err
	}
	taken := context.AfterFunc(ctx, p.Stop)
	return func() {
		taken()
		v.photos = photos
		v.keeper.Replace(p)
	}, nil
}

// photosOf tells photos from those that were there before: what lies in the configured folders, with size and time. A
// folder that cannot be read is an error of whoever reads the photos.
func photosOf(cfg config.Config) (all []string) {
	for _, p := range photographed(cfg) {
		entries, _ := os.ReadDir(p.Dir)
		for _, e := range entries {
			if info, err := e.Info(); err == nil {
				all = append(all, fmt.Sprintf("%s %s %d %s", p.Name, filepath.Join(p.Dir, e.Name()), info.Size(), info.ModTime()))
			}
		}
	}
	return all
}

// start starts a child as far as it needs neither bus nor store.
func (v *isolated) start(ctx context.Context, cfg config.Config) (*child.Process, error) {
	order := handover{Config: forVision(cfg), Version: v.app.version, Level: child.Level(ctx, v.app.log)}
	p, err := child.Start(ctx, v.app.command, v.keeper.Log)
	if err != nil {
		return nil, err
	}
	if err = p.Send(order); err == nil {
		err = p.Await(ctx, stageEngine)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// begin starts a child, or goes on with the first, until it wants its orders.
func (v *isolated) begin(ctx context.Context) (p *child.Process, err error) {
	if p, v.first = v.first, nil; p == nil {
		if p, err = v.start(ctx, *v.app.live.Load()); err != nil {
			return nil, err
		}
	}
	return v.surround(ctx, p)
}

// surround tells a child where bus and store are, and waits until it only wants its orders.
func (v *isolated) surround(ctx context.Context, p *child.Process) (*child.Process, error) {
	err := p.Send(v.app.around)
	if err == nil {
		err = p.Await(ctx, stageReady)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// forVision is what the vision role needs of the configuration. What crashes a decoder might also read memory, and there
// is no need for the secrets of cameras and receivers in it.
func forVision(c config.Config) config.Config {
	people := config.People{FalseAccept: c.People.FalseAccept}
	for _, p := range c.People.Known {
		if p.Photos != "" {
			people.Known = append(people.Known, config.Person{Name: p.Name, Photos: p.Photos})
		}
	}
	return config.Config{DataDir: c.DataDir, Models: c.Models, Quality: c.Quality, People: people, Alerts: c.Alerts}
}

// bury puts a fragment that crashes the decoder into the dead-letter queue, with its video where it is still kept.
func (v *isolated) bury(ctx context.Context, w child.Work, reason string) {
	stream, _, _ := strings.Cut(w.ID, "/") // a camera has two perhaps
	dead := bus.Dead{
		Stream: framesjs.Stream, Consumer: decoding, Subject: framesjs.Subject(frames.CameraID(stream)), ID: w.ID, Deliveries: 2,
		Reason: "crashed the vision process twice: " + reason,
	}
	var err error
	if dead.Data, err = v.app.frames.Payload(ctx, w.ID, w.Pos); err != nil && ctx.Err() == nil {
		v.keeper.Log.Warn("the fragment's video is not in the dead-letter queue", "fragment", w.ID, "error", err)
	}
	if err := v.app.bus.Bury(ctx, dead); err != nil && ctx.Err() == nil {
		v.keeper.Log.Error("the fragment is left out until the next start only", "fragment", w.ID, "error", err)
	}
}

// tell says on the bus how the child is doing.
func (v *isolated) tell(ctx context.Context, s child.Status) {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	if _, err := v.state.Put(ctx, childSetting, s); err != nil && ctx.Err() == nil {
		v.keeper.Log.Warn("saying how the process is doing", "error", err)
	}
}

// collectors show what the child takes of the machine; nil without one.
func (v *isolated) collectors() []prometheus.Collector {
	if v == nil {
		return nil
	}
	pid := func() (int, error) {
		if pid := v.keeper.PID(); pid != 0 {
			return pid, nil
		}
		return 0, errors.New("it is being started")
	}
	return []prometheus.Collector{collectors.NewProcessCollector(collectors.ProcessCollectorOpts{PidFn: pid, Namespace: "vigil_vision"})}
}

// crashedLately is how long a crash is told of.
const crashedLately = 10 * time.Minute

// childCheck tells that the vision role's process is down, or was lately. Whoever reads it need not know the camera.
func childCheck(states *bus.KV[child.Status]) web.Check {
	return web.Check{Name: "vision process", Probe: func(ctx context.Context) error {
		entry, err := states.Get(ctx, childSetting)
		s := entry.Value
		switch {
		case errors.Is(err, bus.ErrNotFound):
			return nil // the role runs without one, or has not started: that is told elsewhere
		case err != nil:
			return err
		case !s.Up:
			return fmt.Errorf("it ended and is being started again: %s", s.Reason)
		case s.Restarts > 0 && time.Since(s.Ended) < crashedLately:
			return web.Notice(fmt.Sprintf("it ended at %s and was started again, for the %d. time: %s; see `vigil dlq list`",
				s.Ended.Format(time.TimeOnly), s.Restarts, s.Reason))
		}
		return nil
	}}
}

// childMetrics tell the same to Prometheus.
type childMetrics struct {
	states   *bus.KV[child.Status]
	up       *prometheus.Desc
	restarts *prometheus.Desc
}

func newChildMetrics(states *bus.KV[child.Status]) childMetrics {
	return childMetrics{
		states:   states,
		up:       prometheus.NewDesc("vigil_vision_up", "Whether the process that decodes and decides is at work.", nil, nil),
		restarts: prometheus.NewDesc("vigil_vision_restarts_total", "How often that process was started again.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (m childMetrics) Describe(ch chan<- *prometheus.Desc) { ch <- m.up; ch <- m.restarts }

// Collect implements prometheus.Collector.
func (m childMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTime)
	defer cancel()
	entry, err := m.states.Get(ctx, childSetting)
	switch {
	case errors.Is(err, bus.ErrNotFound):
	case err != nil:
		ch <- prometheus.NewInvalidMetric(m.up, err)
	default:
		ch <- gauge(m.up, truth(entry.Value.Up))
		ch <- counter(m.restarts, int64(entry.Value.Restarts))
	}
}
