package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	alertsjs "vigil/alerts/jetstream"
	"vigil/clips"
	"vigil/frames"
	"vigil/internal/bus"
	"vigil/internal/config"
	"vigil/internal/people"
	"vigil/internal/web"
	"vigil/vision"
)

// judgeSubject is where the vision role looks at photos for the console.
const judgeSubject = "vigil.rpc.judge"

// calibrationSubject is where the vision role reports on its gallery.
const calibrationSubject = "vigil.rpc.calibration"

// visionState is what the vision role tells of itself.
type visionState struct {
	Model   vision.Model `json:"model"`
	Updated time.Time    `json:"updated"`
}

// openVision makes the gallery and gets ready to watch every camera that ingest speaks of.
func (a *App) openVision(ctx context.Context) error {
	if !a.has(Vision) {
		return nil
	}
	if a.child != nil {
		return a.runChild(ctx)
	}
	roster, err := a.openGallery(ctx, a.lanes)
	if err != nil {
		return err
	}
	watch, err := a.newWatch(ctx, a.lanes, roster)
	if err != nil {
		return err
	}
	settings, err := bus.OpenKV[visionState](ctx, a.bus, bus.Settings)
	if err != nil {
		return err
	}
	if _, err := settings.Put(ctx, visionSetting, visionState{Model: a.lanes.Model(), Updated: time.Now().UTC()}); err != nil {
		return err
	}
	a.task("vision", a.leased("vision", watch.run))
	a.onReload(func(_ context.Context, before, next config.Config) (func(), error) {
		if before.Quality == next.Quality {
			return func() {}, nil
		}
		return watch.renew, nil
	})
	return nil
}

// openLanes opens one engine a core. Only the first says what it is.
func (a *App) openLanes(ctx context.Context) error {
	if !a.has(Vision) {
		return nil
	}
	if len(a.command) > 0 {
		return a.openChild(ctx)
	}
	log := a.log
	lanes, err := vision.NewLanes(func() (vision.Engine, error) {
		engine, err := OpenEngine(a.cfg, log)
		log = slog.New(slog.DiscardHandler)
		return engine, err
	}, runtime.GOMAXPROCS(0))
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	a.lanes = lanes
	a.onClose(lanes.Close)
	return nil
}

// openGallery embeds everybody enrolled, before the first camera is looked at: the family must not raise alerts.
func (a *App) openGallery(ctx context.Context, engine vision.Engine) (*vision.Roster, error) {
	records, err := a.openPeople(ctx)
	if err != nil {
		return nil, err
	}
	gallery := &people.Gallery{
		Records: records, Photos: objects{a.store, clips.TypeJPEG}, Engine: engine, Read: a.readPhoto,
		Configured: photographed(a.cfg), FalseAccept: a.cfg.People.FalseAccept, Roster: &vision.Roster{}, Log: a.log,
	}
	if err := gallery.Load(ctx); err != nil {
		return nil, err
	}
	a.task("gallery", gallery.Run)
	a.task("photos", func(ctx context.Context) error {
		return bus.Respond(ctx, a.bus, judgeSubject, "vision", gallery.Judge)
	})
	a.task("calibration", func(ctx context.Context) error {
		return bus.Respond(ctx, a.bus, calibrationSubject, "vision", gallery.Report)
	})
	a.task("search", func(ctx context.Context) error {
		return bus.Respond(ctx, a.bus, compareSubject, "vision", gallery.Compare)
	})
	a.task("snapshots", func(ctx context.Context) error {
		return bus.Respond(ctx, a.bus, snapshotSubject, "vision", a.snap)
	})
	a.onReload(func(ctx context.Context, _, next config.Config) (func(), error) {
		commit, err := gallery.Prepare(ctx, photographed(next), next.People.FalseAccept)
		if err != nil {
			return nil, fmt.Errorf("people: %w", err)
		}
		return func() {
			if err := commit(ctx); err != nil {
				a.log.Error("people are in force, and not on record as the configuration has them", "error", err)
			}
		}, nil
	})
	return gallery.Roster, nil
}

// readPhoto decodes a photo.
func (a *App) readPhoto(name string, data []byte) (picture vision.Picture, err error) {
	err = a.beside("photo", "", 0, func() error {
		picture, err = ReadPicture(name, data)
		return err
	})
	return picture, err
}

// beside does something of the vision role's that its lanes know nothing of.
func (a *App) beside(what, fragment string, pos uint64, do func() error) error {
	if a.parent == nil {
		return do()
	}
	return a.parent.beside(what, fragment, pos, do)
}

// photographed are the people whose photos are in the configuration.
func photographed(cfg config.Config) (all []people.Configured) {
	for _, p := range cfg.People.Known {
		if p.Photos != "" {
			all = append(all, people.Configured{Name: p.Name, Dir: p.Photos})
		}
	}
	return all
}

// watch runs a worker for each camera.
type watch struct {
	app       *App
	cameras   *bus.KV[frames.CameraState]
	engine    vision.Engine
	roster    *vision.Roster
	strangers *vision.Strangers
	sightings *bus.Topic[vision.Sighting]
	progress  progress
	states    *bus.KV[vision.State]

	mu    sync.Mutex
	begun map[frames.CameraID]*begun
	begin func(camera frames.CameraID, detect bool) (*begun, error) // while it runs
}

func (a *App) newWatch(ctx context.Context, engine vision.Engine, roster *vision.Roster) (*watch, error) {
	cameras, err := bus.OpenKV[frames.CameraState](ctx, a.bus, bus.Cameras)
	if err != nil {
		return nil, err
	}
	positions, err := bus.OpenKV[uint64](ctx, a.bus, bus.Settings)
	if err != nil {
		return nil, err
	}
	states, err := bus.OpenKV[vision.State](ctx, a.bus, bus.Watching)
	if err != nil {
		return nil, err
	}
	return &watch{
		app: a, states: states, cameras: cameras, engine: engine, roster: roster,
		sightings: alertsjs.Sightings(a.bus),
		progress:  progress{positions},
	}, nil
}

// run starts a worker when a camera is first heard of. An engine that is broken ends them all, and the program.
func (w *watch) run(ctx context.Context) error {
	// While another process held the lease, what was remembered of strangers has aged.
	w.strangers = vision.NewStrangers(w.engine.Model(), w.app.cfg.Alerts.VisitGap)
	group, ctx := errgroup.WithContext(ctx)
	w.mu.Lock()
	w.begun = map[frames.CameraID]*begun{}
	w.begin = func(camera frames.CameraID, detect bool) (*begun, error) { return w.start(ctx, group, camera, detect) }
	w.mu.Unlock()
	group.Go(func() error { w.report(ctx); return nil })
	group.Go(func() error {
		for change, err := range w.cameras.Watch(ctx) {
			if err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			if err := w.follow(change); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// follow starts and ends workers as ingest speaks of cameras.
func (w *watch) follow(change bus.Change[frames.CameraState]) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	camera, detect := frames.CameraID(change.Key), change.Value.Detect != nil
	before := w.begun[camera]
	if before == nil && change.Deleted || before != nil && !change.Deleted && before.detect == detect {
		return nil
	}
	if before != nil { // the configuration has changed since
		before.end()
		delete(w.begun, camera)
	}
	if change.Deleted {
		return nil
	}
	var err error
	w.begun[camera], err = w.begin(camera, detect)
	return err
}

// renew starts every worker anew with the configuration in force. Each goes on from what the one before has saved.
func (w *watch) renew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for camera, b := range w.begun {
		b.end()
		next, err := w.begin(camera, b.detect)
		if err != nil {
			w.app.log.Error("a camera is not analysed any more: restart", "camera", camera, "error", err)
			delete(w.begun, camera)
			continue
		}
		w.begun[camera] = next
	}
}

// begun is a worker that runs.
type begun struct {
	worker *vision.Worker
	detect bool // the camera sends a stream for analysis
	cancel context.CancelFunc
	ended  chan struct{}
}

// start starts a camera's worker.
func (w *watch) start(ctx context.Context, group *errgroup.Group, camera frames.CameraID, detect bool) (*begun, error) {
	worker, err := w.worker(camera, detect)
	if err != nil {
		return nil, err
	}
	if p := w.app.parent; p != nil {
		if err := p.memory.Allow(childMemory + uint64(len(w.begun)+1)*cameraMemory); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	b := &begun{worker: worker, detect: detect, cancel: cancel, ended: make(chan struct{})}
	group.Go(func() error {
		defer close(b.ended)
		defer cancel()
		return worker.Run(ctx)
	})
	return b, nil
}

// end ends a worker. The next one goes on from what it has saved.
func (b *begun) end() {
	b.cancel()
	<-b.ended
}

// reportEvery is how often the role says how its workers are doing.
const reportEvery = 5 * time.Second

// report says how the workers are doing until ctx ends. A bus that is away misses a report, and the next comes soon.
func (w *watch) report(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w.mu.Lock()
		all := slices.Collect(maps.Values(w.begun))
		w.mu.Unlock()
		for _, b := range all {
			s := b.worker.State()
			if _, err := w.states.Put(ctx, string(s.Camera), s); err != nil && ctx.Err() == nil {
				w.app.log.Warn("saying how the analysis is doing", "camera", s.Camera, "error", err)
			}
		}
	}
}

func (w *watch) worker(camera frames.CameraID, detect bool) (*vision.Worker, error) {
	analysis := AnalysisOf(*w.app.live.Load(), camera, w.engine)
	analysis.Gallery, analysis.Strangers = w.roster.Gallery, w.strangers
	config := vision.WorkerConfig{
		Analysis:   analysis,
		Frames:     w.app.frames,
		NewDecoder: w.app.decoder,
		Sightings:  w.sightings,
		Shots:      objects{w.app.store, clips.TypeJPEG},
		Progress:   w.progress,
		Log:        w.app.log,
	}
	if detect {
		config.NewDetail = w.app.detail
	}
	if p := w.app.parent; p != nil {
		config.Guard = guarded{p.guard.Lane(string(camera))}
	}
	return vision.NewWorker(config)
}

// visionCheck tells which engine decides, and that the classic one is a makeshift.
func visionCheck(settings *bus.KV[visionState]) web.Check {
	return web.Check{Name: "vision", Probe: func(ctx context.Context) error {
		entry, err := settings.Get(ctx, visionSetting)
		switch {
		case errors.Is(err, bus.ErrNotFound):
			return errors.New("no vision role has started yet")
		case err != nil:
			return err
		case entry.Value.Model.Engine == "classic":
			return web.Notice("classic engine, which tells few people apart: run `vigil models fetch`, then restart")
		}
		return nil
	}}
}
