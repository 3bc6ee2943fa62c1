package vision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vigil/frames"
)

// Limits of a worker.
const (
	// idleEnd is how long no fragment comes before the live tracks end: longer than a bus takes to find a new
	// leader, short enough that somebody in front of a camera that dies is reported.
	idleEnd = 5 * time.Second
	// blindMost is how many pictures in a row may fail before the worker gives up: ten seconds at five a second.
	// An engine that fails for so long needs a new process.
	blindMost = 50
	// retryFirst and retryMost bound the wait before the log is followed again.
	retryFirst, retryMost = time.Second, 30 * time.Second
)

// Decoder turns access units of one epoch into pictures.
type Decoder interface {
	// Decode takes the next access unit. For each picture that is ready it asks want, and calls got with those wanted,
	// in the order they are shown. Picture.Time is left empty. An error of got ends the call and is returned.
	Decode(u frames.AccessUnit, want func(pts int64) bool, got func(Picture) error) error
	// Drain does the same for the pictures that were held back. No access unit can follow.
	Drain(want func(pts int64) bool, got func(Picture) error) error
	Close() error
}

// NewDecoder opens a decoder.
type NewDecoder func(p frames.Parameters) (Decoder, error)

// Publisher puts sightings on the bus. Publishing one again changes nothing.
type Publisher interface {
	// Publish returns nil only when the bus has acknowledged s.
	Publish(ctx context.Context, s Sighting) error
}

// ShotStore keeps the JPEGs of shots.
type ShotStore interface {
	Put(ctx context.Context, key string, jpeg []byte) error
}

// Progress remembers how far a camera's log is analysed.
type Progress interface {
	// Load returns the position saved last, 0 when there is none.
	Load(ctx context.Context, camera frames.CameraID) (pos uint64, err error)
	Save(ctx context.Context, camera frames.CameraID, pos uint64) error
}

// WorkerConfig is what a worker works with. All fields are needed.
type WorkerConfig struct {
	Analysis   AnalysisConfig // names the camera
	Frames     frames.Log
	NewDecoder NewDecoder
	Sightings  Publisher
	Shots      ShotStore
	Progress   Progress
	Log        *slog.Logger
	// NewDetail opens decoders of the main stream of a camera that sends a smaller one for analysis; their latest picture
	// stays valid until they give another. Nil for a camera that sends one stream.
	NewDetail NewDecoder
	// Guard is told what is decoded. Nil for none.
	Guard Guard
}

// Worker analyses one camera: it follows its fragments, decodes them, and publishes the sightings. It owns the
// camera alone while it runs. No template of a stranger is ever written: after a restart, however it came, the worker
// reads the recorded video again from a place where nobody was being followed or remembered, and so finds the same
// tracks, sightings and strangers.
type Worker struct {
	config   WorkerConfig
	camera   frames.CameraID
	analysis *Analysis
	outlet   *outlet
	mark     *bookmark
	trouble  *tally // with fragments
	unseen   *tally // pictures

	epoch  string
	next   uint64 // the Seq that follows
	begun  bool   // the epoch's first key fragment was found
	viewer *Viewer
	pace   pace
	failed bool  // the latest fragment was not analysed
	paused bool  // the tracks were ended because nothing came
	seen   int64 // pictures that were decoded
	blind  int   // pictures in a row that could not be looked at
	stop   error // why the worker cannot go on
	dark   darkness
	beside *beside // the main stream beside the one for analysis; nil for a camera that sends one stream

	state atomic.Pointer[State]
}

// State is how a worker is doing.
type State struct {
	Camera frames.CameraID `json:"camera"`
	Level  Level           `json:"level"`
	Gated  bool            `json:"gated"` // the camera is quiet, and only its key frames are decoded
	Lag    time.Duration   `json:"lag"`   // from capture to analysis of the latest fragment, in nanoseconds
	Stream Stream          `json:"stream,omitempty"`
	// Undecodable is the epoch of which nothing could be decoded for 20 s; empty when all is well.
	Undecodable string `json:"undecodable,omitempty"`
	Counts
}

// NewWorker returns the worker of the camera that c.Analysis names.
func NewWorker(c WorkerConfig) (*Worker, error) {
	if c.Frames == nil || c.NewDecoder == nil || c.Sightings == nil || c.Shots == nil || c.Progress == nil || c.Log == nil {
		return nil, errors.New("vision worker: needs frames, a decoder, sightings, shots, progress and a logger")
	}
	if c.NewDetail != nil {
		c.Analysis.Engine = &closer{Engine: c.Analysis.Engine}
	}
	analysis, err := NewAnalysis(c.Analysis)
	if err != nil {
		return nil, fmt.Errorf("vision worker: %w", err)
	}
	if c.Guard == nil {
		c.Guard = unguarded{}
	}
	log := c.Log.With("camera", c.Analysis.Camera)
	w := &Worker{
		config:   c,
		camera:   c.Analysis.Camera,
		analysis: analysis,
		outlet:   newOutlet(c.Sightings, c.Shots, log),
		mark:     &bookmark{camera: c.Analysis.Camera, progress: c.Progress, log: log},
		trouble:  &tally{log: log, text: "fragment not analysed, going on at the next key frame"},
		unseen:   &tally{log: log, text: "picture or face not looked at"},
		pace:     newPace(c.Analysis.Camera),
	}
	w.viewer = &Viewer{Analysis: analysis, NewDecoder: c.NewDecoder, guard: c.Guard}
	if c.NewDetail != nil {
		w.beside = newBeside(c.NewDetail, c.Guard, log)
	}
	w.state.Store(&State{Camera: w.camera, Stream: w.stream()})
	return w, nil
}

// State returns how the worker is doing. It may be called from any goroutine.
func (w *Worker) State() State { return *w.state.Load() }

// Run analyses the camera until ctx ends, then returns nil. It returns an error when the engine is broken.
func (w *Worker) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	defer w.closeViewer()
	if w.beside != nil {
		defer w.beside.close()
	}
	w.viewer.See = func(p Picture) error { return w.picture(ctx, p) }

	from, ok := w.mark.load(ctx)
	if !ok {
		return nil
	}
	fragments := make(chan *frames.Fragment)
	tasks.Go(func() { w.outlet.run(ctx) })
	w.followAll(ctx, &tasks, from, fragments)
	idle := time.NewTimer(idleEnd)
	for {
		analysed := true
		var err error
		select {
		case <-ctx.Done():
			return nil
		case f := <-fragments:
			analysed, err = w.take(ctx, f)
		case <-idle.C:
			err = w.idle(ctx)
		}
		w.config.Guard.Leave()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("vision worker of %s: %w", w.camera, err)
		}
		if analysed {
			idle.Reset(idleEnd)
		}
	}
}

// fragment analyses one fragment. Its error is why the worker cannot go on; a broken fragment is none.
func (w *Worker) fragment(ctx context.Context, f *frames.Fragment) error {
	if f.Epoch != w.epoch {
		if err := w.endEpoch(ctx); err != nil {
			return err
		}
		w.epoch, w.begun, w.next = f.Epoch, false, f.Seq
	}
	if f.Seq < w.next {
		return nil // seen before
	}
	if f.Seq > w.next { // pictures are missing that the next ones refer to
		if err := w.breakOff(); err != nil {
			return err
		}
	}
	w.next, w.paused, w.failed = f.Seq+1, false, false
	if !w.viewer.IsOpen() && !f.Key {
		w.failed = true
		w.dark.add(f, true)
		return nil
	}
	seen := w.seen
	err := w.view(f)
	if w.stop != nil {
		return w.stop
	}
	w.failed = err != nil
	w.dark.add(f, w.failed && w.seen == seen)
	if w.failed {
		w.trouble.add(fmt.Errorf("fragment %s: %w", f.ID(), err))
		if err := w.breakOff(); err != nil {
			return err
		}
	}
	if w.viewer.Gated() {
		w.settled(w.viewer.Settled())
	}
	w.config.Guard.Leave()
	w.mark.save(ctx, f.Start, w.outlet.pending() == 0)
	w.report(f)
	return nil
}

// report keeps the pace, and says how the worker is doing.
func (w *Worker) report(f *frames.Fragment) {
	now := time.Now()
	lag, before := max(0, now.Sub(f.End())), w.pace.level // a fragment may come a little before its end is due
	level := w.pace.keep(lag, now)
	w.viewer.SetLevel(level)
	switch {
	case level > before:
		w.outlet.log.Warn("too little time, analysing less of the video", "level", level, "before", before, "lag", lag.Round(time.Millisecond))
	case level < before:
		w.outlet.log.Info("analysing more of the video again", "level", level, "before", before)
	}
	w.store(lag)
}

func (w *Worker) store(lag time.Duration) {
	w.state.Store(&State{
		Camera: w.camera, Level: w.pace.level, Gated: w.viewer.Gated(), Lag: lag, Stream: w.stream(),
		Undecodable: w.dark.undecodable(), Counts: w.viewer.Counts(),
	})
}

// view decodes the fragment as far as that is worth it.
func (w *Worker) view(f *frames.Fragment) error {
	w.viewer.of = f
	if err := w.viewer.enter(f); err != nil {
		return err
	}
	parameters, units, _, err := frames.Unpack(f.Payload)
	if err != nil {
		return err
	}
	if !w.viewer.IsOpen() {
		if err := w.open(f, parameters, units[0].PTS); err != nil {
			return err
		}
	}
	if f.Key {
		w.mark.key(place{pos: f.Pos, epoch: f.Epoch, pts: units[0].PTS, at: f.Start})
	}
	for _, u := range units {
		if err := w.viewer.Unit(u, f.Start.Add(frames.Duration(u.PTS-units[0].PTS))); err != nil {
			return err
		}
	}
	return nil
}

func (w *Worker) open(f *frames.Fragment, p *frames.Parameters, pts int64) error {
	if p == nil {
		return errors.New("key fragment without init segment")
	}
	if err := w.viewer.Open(*p); err != nil {
		return err
	}
	if !w.begun && f.Seq > 0 {
		w.analysis.Resume(pts)
	}
	w.begun = true
	return nil
}

// picture analyses one picture and sends what it says. Its error is w.stop.
func (w *Worker) picture(ctx context.Context, p Picture) error {
	w.seen++
	if w.beside != nil && !w.beside.instead {
		p = w.beside.with(p)
	}
	due, err := w.analysis.Picture(w.epoch, p)
	if err != nil {
		w.unseen.add(err)
	}
	if w.stop = w.send(ctx, due); w.stop != nil {
		return w.stop
	}
	if errors.Is(err, ErrBlind) {
		if w.blind++; w.blind >= blindMost {
			w.stop = fmt.Errorf("%d pictures in a row: %w", w.blind, err)
		}
		return w.stop
	}
	w.blind = 0
	w.settled(p.PTS)
	return nil
}

// send publishes what is due. A bus that is away holds it up, which is no fault of the fragment.
func (w *Worker) send(ctx context.Context, due []Observation) error {
	if len(due) == 0 {
		return nil
	}
	w.config.Guard.Leave()
	if err := w.outlet.send(ctx, due); err != nil {
		return err
	}
	return w.viewer.enterAgain()
}

// settled says that all up to the picture at pts has been looked at.
func (w *Worker) settled(pts int64) {
	if w.analysis.Quiet() && w.config.Analysis.Strangers.Quiet() {
		w.mark.quiet(w.epoch, pts)
	}
}

// endEpoch analyses what the gate and the decoder held back and ends the tracks.
func (w *Worker) endEpoch(ctx context.Context) error {
	// After a pause the tracks are over: pictures held back since then would begin new ones out of nothing.
	if !w.paused {
		err := w.viewer.Drain()
		if w.stop != nil {
			return w.stop
		}
		if err != nil {
			w.trouble.add(fmt.Errorf("epoch %s: %w", w.epoch, err))
		}
	}
	w.closeViewer()
	return w.send(ctx, w.analysis.End())
}

// idle ends the tracks of a camera that sends nothing. If the epoch goes on after all, people still there get new
// tracks but stay the strangers they were. A replay, which knows no pause, continues the old tracks instead: it
// publishes their sightings again under the same ids, and none that contradicts. Who sends nothing is not behind.
func (w *Worker) idle(ctx context.Context) error {
	if err := w.release(); err != nil {
		return err
	}
	w.trouble.flush()
	w.unseen.flush()
	if w.beside != nil {
		w.beside.trouble.flush()
	}
	w.paused = true
	w.pace = newPace(w.camera)
	w.viewer.SetLevel(Full)
	w.store(0)
	return w.send(ctx, w.analysis.Pause())
}

// release analyses what the gate held back. Its error is w.stop.
func (w *Worker) release() error {
	if err := w.viewer.Release(); err != nil && w.stop == nil {
		w.trouble.add(fmt.Errorf("epoch %s: %w", w.epoch, err))
	}
	return w.stop
}

// breakOff ends the decoding until the next key frame. Its error is w.stop.
func (w *Worker) breakOff() error {
	err := w.release()
	w.closeViewer()
	return err
}

func (w *Worker) closeViewer() {
	if err := w.viewer.Close(); err != nil {
		w.trouble.add(err)
	}
}
