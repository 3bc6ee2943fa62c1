package vision

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
	"vigil/frames/framestest"
)

// The smallest parameter sets that an init segment can be made of: 1920×1080, baseline.
var testParameters = frames.Parameters{
	Codec: frames.H264,
	SPS: []byte{
		0x67, 0x42, 0xc0, 0x28, 0xd9, 0x00, 0x78, 0x02, 0x27, 0xe5, 0x84, 0x00, 0x00,
		0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc9, 0x20,
	},
	PPS: []byte{0x08},
}

const (
	unitTicks    = frames.ClockRate / 10 // the recorded camera sends ten pictures a second,
	fragmentSize = 5                     // five a fragment,
	gopFragments = 4                     // and a key frame every two seconds
)

// record returns an epoch's fragments from its start to the given second.
func record(t testing.TB, epoch string, start time.Time, to float64) []*frames.Fragment {
	t.Helper()
	return recordKeys(t, epoch, start, to, 0)
}

// recordKeys does the same with key frames that have so many bytes more than others, as a gate needs to tell anything.
func recordKeys(t testing.TB, epoch string, start time.Time, to float64, more int) []*frames.Fragment {
	t.Helper()
	var list []*frames.Fragment
	for seq := 0; float64(seq)*fragmentSize/10 < to; seq++ {
		f := &frames.Fragment{
			Camera: "door", Epoch: epoch, Seq: uint64(seq), Key: seq%gopFragments == 0,
			Start: start.Add(time.Duration(seq) * 500 * time.Millisecond), Duration: 500 * time.Millisecond,
			Codec: frames.H264, Width: 1920, Height: 1080,
		}
		first := int64(seq) * fragmentSize * unitTicks
		var units []frames.AccessUnit
		for i := range int64(fragmentSize) {
			pts := first + i*unitTicks
			key := f.Key && i == 0
			nalu := binary.BigEndian.AppendUint64([]byte{0x41}, uint64(pts))
			if key {
				nalu = append(nalu, make([]byte, more)...)
			}
			units = append(units, frames.AccessUnit{PTS: pts, DTS: pts, Key: key, NALUs: [][]byte{nalu}})
		}
		payload, err := frames.Pack(testParameters, f.Key, f.Seq, units, first+fragmentSize*unitTicks)
		if err != nil {
			t.Fatal(err)
		}
		f.Payload = payload
		list = append(list, f)
	}
	return list
}

// fakeDecoder makes an empty picture of every access unit and holds one back, as decoders do. It polices that it
// starts at a key frame, gets units in order, and is closed.
type fakeDecoder struct {
	w       *world
	held    []int64
	last    int64
	started bool
	closed  bool
	ordered bool // shows pictures by their PTS
}

func (d *fakeDecoder) Decode(u frames.AccessUnit, want func(int64) bool, got func(Picture) error) error {
	if !d.started && !u.Key || d.closed || d.started && u.DTS <= d.last {
		d.w.t.Errorf("decoder: unit at %d, key %v, started %v after %d, closed %v", u.DTS, u.Key, d.started, d.last, d.closed)
	}
	d.started, d.last = true, u.DTS
	if slices.Contains(d.w.corrupt, u.PTS) {
		return errors.New("corrupt macroblock")
	}
	d.held = append(d.held, u.PTS)
	if d.ordered {
		slices.Sort(d.held)
	}
	if len(d.held) < 2 {
		return nil
	}
	return d.show(want, got)
}

func (d *fakeDecoder) Drain(want func(int64) bool, got func(Picture) error) error {
	d.started = false // the next unit begins anew
	for len(d.held) > 0 {
		if err := d.show(want, got); err != nil {
			return err
		}
	}
	return nil
}

func (d *fakeDecoder) show(want func(int64) bool, got func(Picture) error) error {
	pts := d.held[0]
	d.held = d.held[1:]
	if !want(pts) {
		return nil
	}
	return got(Picture{Width: 320, Height: 180, Pixels: restless(pts), PTS: pts})
}

func (d *fakeDecoder) Close() error {
	d.closed = true
	d.w.open--
	return nil
}

// world is everything around a worker. It outlives workers, as buses and stores do.
type world struct {
	t       *testing.T
	log     frames.Log
	actors  []actor
	gallery *Gallery
	blind   func(s float64) bool
	corrupt []int64 // PTS that cannot be decoded
	open    int     // decoders
	worker  *Worker // the latest

	mu        sync.Mutex
	published []Sighting
	pos       uint64
	saves     []uint64
	shots     map[string]int
	publish   func(Sighting) error // asked before, nil: accept
	accepted  func(Sighting) error // asked after it was stored: the answer is lost
	put       func(context.Context) error
	fail      error // of Progress
}

func newWorld(t *testing.T, actors ...actor) *world {
	return &world{
		t: t, log: framestest.NewLog(), actors: actors, gallery: enrolled(t, "anna"), shots: map[string]int{},
	}
}

func (w *world) Publish(_ context.Context, s Sighting) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.publish != nil {
		if err := w.publish(s); err != nil {
			return err
		}
	}
	if strings.HasPrefix(s.Stage, movedStage) { // of whom something else is told: see path_test.go
		return nil
	}
	w.published = append(w.published, s)
	if w.accepted != nil {
		return w.accepted(s)
	}
	return nil
}

func (w *world) Put(ctx context.Context, key string, jpeg []byte) error {
	if w.put != nil {
		if err := w.put(ctx); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(jpeg) == 0 {
		w.t.Errorf("put %s: no bytes", key)
	}
	w.shots[key]++
	return nil
}

func (w *world) Load(context.Context, frames.CameraID) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pos, w.fail
}

func (w *world) Save(_ context.Context, camera frames.CameraID, pos uint64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if camera != "door" || pos <= w.pos && w.pos != 0 {
		w.t.Errorf("save %s at %d after %d", camera, pos, w.pos)
	}
	if w.fail != nil {
		return w.fail
	}
	w.pos = pos
	w.saves = append(w.saves, pos)
	return nil
}

func (w *world) append(list []*frames.Fragment) { framestest.Append(w.t, w.log, list...) }

func (w *world) config() WorkerConfig {
	engine := &fakeEngine{actors: w.actors, blind: w.blind}
	return WorkerConfig{
		Analysis: AnalysisConfig{
			Camera: "door", Engine: engine, Gallery: func() *Gallery { return w.gallery },
			Strangers: NewStrangers(testModel, 0),
		},
		Frames: w.log,
		NewDecoder: func(p frames.Parameters) (Decoder, error) {
			if p.Codec != frames.H264 || len(p.SPS) == 0 {
				w.t.Errorf("got parameters %+v", p)
			}
			w.open++
			return &fakeDecoder{w: w}, nil
		},
		Sightings: w, Shots: w, Progress: w,
		Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	}
}

// start runs a worker in the bubble; stop is kill −9 as far as what it leaves behind is concerned.
func (w *world) start() (stop func() error) {
	worker, err := NewWorker(w.config())
	if err != nil {
		w.t.Fatal(err)
	}
	w.worker = worker
	ctx, cancel := context.WithCancel(w.t.Context())
	result := make(chan error, 1)
	go func() { result <- worker.Run(ctx) }()
	return func() error {
		cancel()
		err := <-result
		if w.open != 0 {
			w.t.Errorf("%d decoders left open", w.open)
		}
		return err
	}
}

// settle lets the worker do all it can without new fragments, and time pass for what waits.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// unique lists what was published, each sighting once, and fails when two of one id differ in who they say it was.
func (w *world) unique() []string {
	w.t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	who := map[string]string{}
	for _, s := range w.published {
		says := string(s.Decision.Outcome) + " " + s.Decision.Person + s.Stranger
		if before, ok := who[s.ID()]; ok && before != says {
			w.t.Errorf("sighting %s says %q and %q", s.ID(), before, says)
		} else if !ok {
			list = append(list, s.ID()+" "+says)
		}
		who[s.ID()] = says
	}
	return list
}
