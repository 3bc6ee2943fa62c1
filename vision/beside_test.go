package vision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
)

// paper is what the main stream shows, wherever it is cut out: brighter than any picture of the other.
const paper = shade(250)

// mainDecoder is a decoder of the main stream: its pictures are large and of paper.
type mainDecoder struct {
	*fakeDecoder
	decoded *atomic.Int64
}

func (d mainDecoder) Decode(u frames.AccessUnit, want func(int64) bool, got func(Picture) error) error {
	d.decoded.Add(1)
	return d.fakeDecoder.Decode(u, want, func(p Picture) error {
		return got(Picture{Width: 1920, Height: 1080, Pixels: paper, PTS: p.PTS})
	})
}

// lens is an engine that sees the actors of a scene again when it searches the part around one.
type lens struct {
	*fakeEngine
	again   atomic.Int64 // searches of a part
	missing bool         // finds nobody in parts
	main    atomic.Int64 // faces embedded from the main stream
	small   atomic.Int64
}

func (e *lens) Detect(p Picture, faces []Face) ([]Face, error) {
	if _, ok := p.Pixels.(*patch); !ok {
		return e.fakeEngine.Detect(p, faces)
	}
	e.again.Add(1)
	if e.missing {
		return faces, nil
	}
	return append(faces, Face{Box: Box{0.25, 0.25, 0.5, 0.5}, Score: 0.9}), nil
}

func (e *lens) Embed(p Picture, f Face) (Embedding, Quality, error) {
	if p.Width == 1920 {
		e.main.Add(1)
	} else {
		e.small.Add(1)
	}
	for _, a := range e.actors {
		if box, _, ok := a.at(seconds(p.PTS)); ok && box.Overlap(f.Box) > 0.7 {
			f.Box = box
		}
	}
	return e.fakeEngine.Embed(p, f)
}

// album keeps shots.
type album struct {
	mu    sync.Mutex
	shots []image.Image
}

func (a *album) Put(_ context.Context, key string, b []byte) error {
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.shots = append(a.shots, img)
	return nil
}

// duo is a world with a camera of two streams.
type duo struct {
	*world
	engine  *lens
	album   album
	decoded atomic.Int64 // access units of the main stream
}

func newDuo(t *testing.T, actors ...actor) *duo {
	w := newWorld(t, actors...)
	return &duo{world: w, engine: &lens{fakeEngine: &fakeEngine{actors: actors}}}
}

// smaller makes fragments those of the stream for analysis.
func smaller(list []*frames.Fragment) []*frames.Fragment {
	for _, f := range list {
		f.Camera, f.Width, f.Height = f.Camera.Detect(), 320, 180
	}
	return list
}

func (d *duo) start() (stop func() error) {
	c := d.config()
	c.Analysis.Engine, c.Shots = d.engine, &d.album
	c.NewDetail = func(frames.Parameters) (Decoder, error) {
		d.open++
		return mainDecoder{&fakeDecoder{w: d.world}, &d.decoded}, nil
	}
	worker, err := NewWorker(c)
	if err != nil {
		d.t.Fatal(err)
	}
	d.worker = worker
	ctx, cancel := context.WithCancel(d.t.Context())
	result := make(chan error, 1)
	go func() { result <- worker.Run(ctx) }()
	return func() error {
		cancel()
		err := <-result
		if d.open != 0 {
			d.t.Errorf("%d decoders left open", d.open)
		}
		return err
	}
}

// The stream for analysis is analysed, its sightings are the camera's, and faces and shots come from the main stream,
// which is decoded only where somebody is looked at.
func TestTwoStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDuo(t, lobby()...)
		d.append(record(t, "m1", time.Now(), 80))
		d.append(smaller(record(t, "e1", time.Now(), 80)))
		stop := d.start()
		settle(time.Second)
		same(t, d.unique(), lobbySightings)
		if s := d.worker.State(); s.Stream != StreamDetect || s.Camera != "door" {
			t.Errorf("got state %+v", s)
		}
		if n := d.decoded.Load(); n < 100 || n > 300 {
			t.Errorf("decoded %d access units of the main stream's 800, want those while people were looked at", n)
		}
		if main, small := d.engine.main.Load(), d.engine.small.Load(); main < 10 || small > 0 || d.engine.again.Load() < main {
			t.Errorf("embedded %d faces from the main stream, %d from the small one, after %d searches", main, small, d.engine.again.Load())
		}
		for _, img := range d.album.shots {
			// A face of 192 pixels in the main picture makes a shot of 480, in the small one of 160.
			if b := img.Bounds(); b.Dx() != 480 {
				t.Errorf("got a shot of %v, want one cut out of the main picture", b)
			}
			if y, _, _, _ := img.At(9, 9).RGBA(); y>>8 < 245 {
				t.Errorf("got a shot of grey %d, want the main stream's", y>>8)
			}
		}
		if len(d.album.shots) < 3 {
			t.Errorf("got %d shots, want 3", len(d.album.shots))
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// Whenever the worker dies, the next one publishes what is missing, under the same ids, and nothing else.
func TestTwoStreamsKilled(t *testing.T) {
	for _, kill := range []float64{1, 12.5, 16.5, 22, 31, 50} {
		synctest.Test(t, func(t *testing.T) {
			d := newDuo(t, lobby()...)
			main, small := record(t, "m1", time.Now(), 80), smaller(record(t, "e1", time.Now(), 80))
			half := int(kill * 2)
			between := func(from, to int) {
				for i := from; i < to; i++ {
					d.append(main[i : i+1])
					d.append(small[i : i+1])
				}
			}
			between(0, half)
			stop := d.start()
			settle(time.Second)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			between(half, len(main))
			stop = d.start()
			settle(time.Second)
			same(t, d.unique(), lobbySightings)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Without a main picture near, or without the face in it, the small picture has to do.
func TestMainPictureMissing(t *testing.T) {
	for name, spoil := range map[string]func(d *duo) []*frames.Fragment{
		"away":  func(*duo) []*frames.Fragment { return nil },
		"ended": func(d *duo) []*frames.Fragment { return record(d.t, "m1", time.Now(), 10) },
		"corrupt": func(d *duo) []*frames.Fragment {
			list := record(d.t, "m1", time.Now(), 80)
			for i := range list {
				list[i].Payload = []byte("not a fragment")
			}
			return list
		},
		"no face": func(d *duo) []*frames.Fragment {
			d.engine.missing = true
			return record(d.t, "m1", time.Now(), 80)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDuo(t, lobby()...)
				d.append(spoil(d))
				d.append(smaller(record(t, "e1", time.Now(), 80)))
				stop := d.start()
				settle(10 * time.Second)
				same(t, d.unique(), lobbySightings)
				if main, small := d.engine.main.Load(), d.engine.small.Load(); main > 0 || small < 10 {
					t.Errorf("embedded %d faces from the main stream, %d from the small one", main, small)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// While the stream for analysis is away the main stream is analysed, from where the other ended.
func TestDetectStreamAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDuo(t,
			actor{name: "zoe", from: 2, to: 5, where: stand(0.5, 0.5)},
			actor{name: "anna", from: 9, to: 12, where: stand(0.4, 0.4)},
		)
		began := time.Now()
		recorded := record(t, "m1", began, 60)
		d.append(smaller(record(t, "e1", began, 8)))
		d.append(recorded[:80])
		stop := d.start()
		settle(time.Minute)
		if s := d.worker.State(); s.Stream != StreamMain {
			t.Errorf("got state %+v, want the main stream analysed", s)
		}
		d.append(smaller(record(t, "e2", began.Add(40*time.Second), 7)))
		synctest.Wait()
		d.append(recorded[80:94])
		settle(time.Second)
		if s := d.worker.State(); s.Stream != StreamDetect {
			t.Errorf("got state %+v, want the small stream analysed again", s)
		}
		before, after := " unknown "+StrangerID("door/e1/180000-1"), " unknown "+StrangerID("door/e2/180000-1")
		same(t, d.unique(), []string{
			"door/e1/180000-1/decided" + before, "door/e1/180000-1/ended" + before,
			"door/m1/810000-1/decided known anna", "door/m1/810000-1/ended known anna",
			"door/e2/180000-1/decided" + after, "door/e2/180000-1/ended" + after,
		})
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

// A stream for analysis that comes and cannot be decoded leaves the camera watched.
func TestDetectStreamBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDuo(t, actor{name: "anna", from: 9, to: 12, where: stand(0.4, 0.4)})
		began := time.Now()
		broken := smaller(record(t, "e1", began, 20))
		for _, f := range broken {
			if f.Key {
				f.Payload = []byte("not a fragment")
			}
		}
		d.append(broken)
		d.append(record(t, "m1", began, 20))
		stop := d.start()
		settle(time.Minute)
		same(t, d.unique(), []string{"door/m1/810000-1/decided known anna", "door/m1/810000-1/ended known anna"})
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestTwofoldWithoutMain(t *testing.T) {
	bgr := make([]byte, 4*2*3)
	for i := range bgr {
		bgr[i] = byte(i / 3)
	}
	small := Picture{Width: 4, Height: 2, Pixels: &patch{4, 2, bgr}}
	p := &twofold{small: small, detail: &detail{}, width: 12, height: 6}
	dst := make([]byte, 5*3*3)
	if err := p.Crop(dst, image.Rect(2, 2, 7, 5)); err != nil {
		t.Fatal(err)
	}
	want := []byte{0, 1, 1, 1, 2, 4, 5, 5, 5, 6, 4, 5, 5, 5, 6}
	for i, v := range want {
		if dst[3*i] != v {
			t.Errorf("pixel %d: got %d, want %d", i, dst[3*i], v)
		}
	}
	if err := p.Crop(dst, image.Rect(8, 0, 13, 1)); err == nil {
		t.Error("crop beyond the edge: got no error")
	}
}

func TestPatchScale(t *testing.T) {
	p := &patch{4, 2, []byte{0, 0, 0, 2, 2, 2, 4, 4, 4, 6, 6, 6, 8, 8, 8, 10, 10, 10, 12, 12, 12, 14, 14, 14}}
	for _, test := range []struct {
		w, h int
		want []byte // one of three channels
	}{{4, 2, []byte{0, 2, 4, 6, 8, 10, 12, 14}}, {2, 1, []byte{5, 9}}, {1, 1, []byte{7}}, {2, 4, []byte{1, 5, 1, 5, 9, 13, 9, 13}}} {
		dst := make([]byte, test.w*test.h*3)
		err := p.Scale(dst, test.w*3, test.w, test.h)
		for i, v := range test.want {
			if err != nil || dst[3*i] != v {
				t.Errorf("to %d×%d, pixel %d: got %d, %v, want %d", test.w, test.h, i, dst[3*i], err, v)
			}
		}
	}
	if err := p.Scale(nil, 3, 1, 1); err == nil {
		t.Error("scale into nothing: got no error")
	}
}

// blunt fails wherever it looks.
type blunt struct{ *fakeEngine }

func (blunt) Detect(Picture, []Face) ([]Face, error) { return nil, errors.New("no light") }

func TestCloserWithoutEyes(t *testing.T) {
	d, _ := keeping(t, record(t, "m1", t0, 2))
	scene := &fakeEngine{actors: []actor{{name: "zoe", to: 9, where: stand(0.4, 0.4)}}}
	c := &closer{Engine: blunt{scene}}
	p := picture(90000)
	faces, err := scene.Detect(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if both := d.with(p); both.Width != 1920 {
		t.Errorf("got a picture of %d pixels, want the main stream's", both.Width)
	} else if _, _, err := c.Embed(both, faces[0]); err != nil {
		t.Errorf("got %v, want the face embedded from the small picture", err)
	}
}
