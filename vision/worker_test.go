package vision

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
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
			nalu := binary.BigEndian.AppendUint64([]byte{0x41}, uint64(pts))
			units = append(units, frames.AccessUnit{PTS: pts, DTS: pts, Key: f.Key && i == 0, NALUs: [][]byte{nalu}})
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

// lobby is a scene with a quiet start, a resident, and a stranger who comes twice.
func lobby() []actor {
	return []actor{
		{name: "anna", from: 12, to: 19, where: walk(0.1, 0.3, 0.05, 12)},
		{name: "zoe", from: 16, to: 24, where: walk(0.9, 0.3, -0.05, 16)},
		{name: "zoe", from: 30, to: 36, where: stand(0.5, 0.5)},
	}
}

var lobbySightings = []string{
	"door/e1/1080000-1/decided known anna",
	"door/e1/1440000-1/decided unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/1080000-1/seen-1 known anna",
	"door/e1/1080000-1/ended known anna",
	"door/e1/1440000-1/seen-1 unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/1440000-1/ended unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/2700000-1/decided unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/2700000-1/seen-1 unknown " + StrangerID("door/e1/1440000-1"),
	"door/e1/2700000-1/ended unknown " + StrangerID("door/e1/1440000-1"),
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		stop := w.start()
		synctest.Wait()
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Errorf("got %v, want nil on cancellation", err)
		}
		if len(w.published) != len(lobbySightings) || len(w.shots) != 3 {
			t.Errorf("published %d sightings, %d shots, want %d and 3", len(w.published), len(w.shots), len(lobbySightings))
		}
		s := w.published[0]
		if want := time.Now().Add(12 * time.Second); s.Camera != "door" || !s.Start.Equal(want) {
			t.Errorf("got camera %s, start %v, want %v: capture time", s.Camera, s.Start, want)
		}
		// Quiet until 12 s, then not before 36 s + the gap of 30 s, less the second half of the last pictures.
		for _, pos := range w.saves {
			if at := float64(pos-1) / 2; at >= 12 && at < 64 || (pos-1)%gopFragments != 0 {
				t.Errorf("saved position %d at %.1f s: want a key fragment where nobody is followed or remembered", pos, at)
			}
		}
		if len(w.saves) < 3 || w.pos < 132 {
			t.Errorf("got saves %v, want some before and after the visit", w.saves)
		}
	})
}

// Whenever the worker dies, the next one publishes what is missing, under the same ids, and nothing else.
func TestWorkerKilled(t *testing.T) {
	for _, kill := range []float64{1, 11, 12.5, 14, 16.5, 19, 22, 26, 31, 35, 38, 50, 70} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, lobby()...)
			recorded := record(t, "e1", time.Now(), 80)
			half := int(kill * 2)
			w.append(recorded[:half])
			stop := w.start()
			synctest.Wait()
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			w.append(recorded[half:])
			stop = w.start()
			synctest.Wait()
			same(t, w.unique(), lobbySightings)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestPublishFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		failures := 0
		w.publish = func(Sighting) error {
			if failures++; failures <= 2 {
				return errors.New("no response from stream")
			}
			return nil
		}
		w.accepted = func(Sighting) error { // stored, but the worker is told otherwise
			if failures++; failures == 9 {
				return errors.New("timeout")
			}
			return nil
		}
		stop := w.start()
		settle(4 * time.Second)
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestPublishNeverWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		w.publish = func(Sighting) error { return errors.New("no response from stream") }
		stop := w.start()
		settle(5 * time.Minute)
		if at := float64(w.pos-1) / 2; at >= 12 {
			t.Errorf("saved %.1f s with nothing published", at)
		}
		if err := stop(); err != nil {
			t.Errorf("got %v, want nil on cancellation", err)
		}
	})
}

func TestShotStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		began := time.Now()
		w.put = func(ctx context.Context) error {
			if time.Since(began) < time.Minute {
				<-ctx.Done() // hangs, as stores do
				return ctx.Err()
			}
			return nil
		}
		stop := w.start()
		settle(4 * time.Second)
		same(t, w.unique(), lobbySightings) // without waiting for more than one shot
		if at := float64(w.pos-1) / 2; at >= 12 {
			t.Errorf("saved %.1f s while shots are missing", at)
		}
		settle(2 * time.Minute)
		if len(w.shots) != 3 {
			t.Errorf("got %d shots after the store came back, want 3", len(w.shots))
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestCameraStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, actor{name: "zoe", from: 2, to: 60, where: stand(0.4, 0.4)})
		recorded := record(t, "e1", time.Now(), 40)
		w.append(recorded[:9]) // 4.5 s
		stop := w.start()
		settle(idleEnd - time.Millisecond)
		stranger := " unknown " + StrangerID("door/e1/180000-1")
		same(t, w.unique(), []string{"door/e1/180000-1/decided" + stranger})
		settle(time.Second)
		ended := []string{"door/e1/180000-1/decided" + stranger, "door/e1/180000-1/ended" + stranger}
		same(t, w.unique(), ended)
		if err := stop(); err != nil {
			t.Error(err)
		}
		// The same again in a new process, after a replay.
		stop = w.start()
		settle(time.Minute)
		same(t, w.unique(), ended)
		// The camera is back in a new epoch, the held back picture of the old one is not somebody new.
		w.append(record(t, "e2", time.Now(), 4))
		settle(time.Minute)
		again := " unknown " + StrangerID("door/e2/180000-1")
		same(t, w.unique(), append(ended, "door/e2/180000-1/decided"+again, "door/e2/180000-1/ended"+again))
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestNewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Her pace keeps every picture worth looking at.
		w := newWorld(t, actor{name: "zoe", from: 0, to: 60, where: walk(0, 0.4, 0.2, 0)})
		w.append(record(t, "e1", time.Now(), 4))
		w.append(record(t, "e2", time.Now().Add(4*time.Second), 4))
		stop := w.start()
		synctest.Wait()
		stranger := " unknown " + StrangerID("door/e1/0-1")
		same(t, w.unique(), []string{
			"door/e1/0-1/decided" + stranger, "door/e1/0-1/ended" + stranger, "door/e2/0-1/decided" + stranger,
		})
		// The picture that the decoder held back at the end of the epoch was seen too.
		if seen := w.published[1].Seen.Sub(w.published[1].Start); seen != 3800*time.Millisecond {
			t.Errorf("the first track ends after %v, want 3.8 s", seen)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestBadFragments(t *testing.T) {
	for name, spoil := range map[string]func(w *world, list []*frames.Fragment) []*frames.Fragment{
		"corrupt unit": func(w *world, list []*frames.Fragment) []*frames.Fragment {
			w.corrupt = []int64{3*90000 + unitTicks}
			return list
		},
		"corrupt payload": func(_ *world, list []*frames.Fragment) []*frames.Fragment {
			list[6].Payload = []byte("not a fragment")
			return list
		},
		"missing": func(_ *world, list []*frames.Fragment) []*frames.Fragment {
			return slices.Delete(list, 6, 7)
		},
		"begins without a key": func(_ *world, list []*frames.Fragment) []*frames.Fragment {
			return list[6:]
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, actor{name: "anna", from: 6, to: 9, where: stand(0.4, 0.4)})
				w.append(spoil(w, record(t, "e1", time.Now(), 20)))
				stop := w.start()
				synctest.Wait()
				same(t, w.unique(), []string{"door/e1/540000-1/decided known anna", "door/e1/540000-1/ended known anna"})
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestNoQuietPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, actor{name: "anna", from: 0, to: 400, where: stand(0.4, 0.4)})
		w.append(record(t, "e1", time.Now(), 300))
		stop := w.start()
		synctest.Wait()
		if at := 300 - float64(w.pos-1)/2; at < 60 || at > 122 {
			t.Errorf("a restart reads %.1f s again, want 60 to 120", at)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestBrokenEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.blind = func(s float64) bool { return s > 4 }
		w.append(record(t, "e1", time.Now(), 30))
		stop := w.start()
		synctest.Wait()
		if err := stop(); !errors.Is(err, ErrBlind) {
			t.Errorf("got %v, want ErrBlind", err)
		}
		if at := float64(w.pos-1) / 2; at > 4 {
			t.Errorf("saved %.1f s, which nobody looked at", at)
		}
	})
}

func TestProgressAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		w.fail = errors.New("no response")
		stop := w.start()
		settle(10 * time.Second)
		if len(w.published) != 0 {
			t.Errorf("began without knowing where")
		}
		w.mu.Lock()
		w.fail = nil
		w.mu.Unlock()
		settle(time.Minute)
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// flaky breaks off after every few fragments.
type flaky struct{ frames.Log }

func (f flaky) Follow(ctx context.Context, camera frames.CameraID, from uint64) iter.Seq2[*frames.Fragment, error] {
	return func(yield func(*frames.Fragment, error) bool) {
		n := 0
		for fragment, err := range f.Log.Follow(ctx, camera, from) {
			if n++; n > 7 {
				yield(nil, errors.New("consumer deleted"))
				return
			}
			if !yield(fragment, err) {
				return
			}
		}
	}
}

func TestLogBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lobby()...)
		w.append(record(t, "e1", time.Now(), 80))
		w.log = flaky{w.log}
		stop := w.start()
		settle(time.Minute)
		same(t, w.unique(), lobbySightings)
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestWorkerConfig(t *testing.T) {
	w := newWorld(t)
	for name, spoil := range map[string]func(*WorkerConfig){
		"frames": func(c *WorkerConfig) { c.Frames = nil }, "decoder": func(c *WorkerConfig) { c.NewDecoder = nil },
		"sightings": func(c *WorkerConfig) { c.Sightings = nil }, "shots": func(c *WorkerConfig) { c.Shots = nil },
		"progress": func(c *WorkerConfig) { c.Progress = nil }, "log": func(c *WorkerConfig) { c.Log = nil },
		"engine": func(c *WorkerConfig) { c.Analysis.Engine = nil },
	} {
		c := w.config()
		spoil(&c)
		if _, err := NewWorker(c); err == nil {
			t.Errorf("without %s: got no error", name)
		}
	}
}
