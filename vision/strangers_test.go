package vision

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigil/frames"
)

func TestStrangersKeepApart(t *testing.T) {
	s := NewStrangers(testModel, 0)
	s.Advance("door", t0)
	zoe := s.Identify(lookOf("zoe", 1), "door/e/1-1", t0)
	yan := s.Identify(lookOf("yan", 1), "door/e/1-2", t0)
	if zoe == yan || zoe != StrangerID("door/e/1-1") || yan != StrangerID("door/e/1-2") {
		t.Fatalf("got %s and %s", zoe, yan)
	}
	if got := s.Identify(lookOf("zoe", 2), "porch/e/9-1", t0.Add(5*time.Second)); got != zoe {
		t.Errorf("another camera: got %s, want %s", got, zoe)
	}
	if got := s.Identify(lookOf("yan", 3), "door/e/1-1", t0.Add(6*time.Second)); got != zoe {
		t.Errorf("same track: got %s, want %s", got, zoe)
	}
}

func TestStrangersForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStrangers(testModel, 10*time.Second)
		at := time.Now()
		s.Advance("door", at)
		zoe := s.Identify(lookOf("zoe", 1), "door/e/1-1", at)
		s.Advance("door", at.Add(8*time.Second))
		s.Seen("door/e/1-1", at.Add(8*time.Second))
		s.Advance("door", at.Add(18*time.Second))
		if s.Quiet() {
			t.Error("forgotten within the gap")
		}
		// A camera that reads recorded video again finds the strangers of that time.
		s.Advance("porch", at.Add(-time.Minute))
		s.Advance("door", at.Add(time.Minute))
		if s.Quiet() {
			t.Error("forgotten while a camera is still in their time")
		}
		if got := s.Identify(lookOf("zoe", 4), "porch/e/0-1", at.Add(2*time.Second)); got != zoe {
			t.Errorf("got %s, want %s", got, zoe)
		}
		// But nobody is recognised out of their time.
		if got := s.Identify(lookOf("zoe", 5), "door/e/5-1", at.Add(time.Minute)); got == zoe {
			t.Error("recognised after the gap")
		}
		s.Advance("porch", at.Add(2*time.Minute))
		s.Advance("door", at.Add(2*time.Minute))
		if !s.Quiet() {
			t.Error("remembered after every camera's gap")
		}
	})
}

func TestStrangersForgetWhenCamerasStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStrangers(testModel, 10*time.Second)
		s.Advance("door", time.Now())
		s.Identify(lookOf("zoe", 1), "door/e/1-1", time.Now())
		time.Sleep(9 * time.Second)
		if s.Quiet() {
			t.Error("forgotten within the gap")
		}
		time.Sleep(2 * time.Second)
		if !s.Quiet() {
			t.Error("a template outlived the visit")
		}
	})
}

func TestStrangersForgetSomebodyEnrolled(t *testing.T) {
	s := NewStrangers(testModel, 0)
	s.Advance("door", t0)
	s.Identify(lookOf("zoe", 1), "door/e/1-1", t0)
	s.Identify(lookOf("zoe", 2), "door/e/2-1", t0)
	s.Forget("door/e/1-1")
	if s.Quiet() {
		t.Error("forgot the other track too")
	}
	s.Forget("door/e/2-1")
	s.Forget("door/e/3-1")
	if !s.Quiet() {
		t.Error("remembered")
	}
}

func TestStrangersAreBounded(t *testing.T) {
	s := NewStrangers(testModel, 0)
	s.Advance("door", t0)
	for i := range int64(100) {
		s.Identify(lookOf("zoe", i), "door/e/"+time.Duration(i).String(), t0)
	}
	if len(s.known) != 1 || len(s.known[0].looks) != maxLooks {
		t.Errorf("got %d strangers with %d looks", len(s.known), len(s.known[0].looks))
	}
}

// TestStrangersKeepLooksThatDiffer: many tracks that show the same do not push out the one that shows another side, and
// a track whose look was not kept is still the stranger's.
func TestStrangersKeepLooksThatDiffer(t *testing.T) {
	s := NewStrangers(testModel, 10*time.Second)
	s.Advance("door", t0)
	zoe := s.Identify(lookOf("zoe", 1), "door/e/0-1", t0)
	for i := range 3 * maxLooks {
		if got := s.Identify(lookOf("zoe", 2), fmt.Sprintf("door/e/%d-1", i+1), t0); got != zoe {
			t.Fatalf("track %d: got %s, want %s", i+1, got, zoe)
		}
	}
	if !slices.ContainsFunc(s.known[0].looks, func(l look) bool { return l.track == "door/e/0-1" }) {
		t.Error("the only look from that side was dropped")
	}
	at := t0.Add(8 * time.Second)
	s.Seen("door/e/2-1", at)
	s.Advance("door", at.Add(9*time.Second))
	if got := s.Identify(lookOf("somebody quite different", 1), "door/e/2-1", at.Add(9*time.Second)); got != zoe {
		t.Errorf("a track that goes on: got %s, want %s", got, zoe)
	}
	if len(s.tracks) != 1 {
		t.Errorf("got %d tracks, want the one that was seen within the gap", len(s.tracks))
	}
}

// visitors plays one scene on each camera, picture by picture in turn, and returns who was called a stranger, by track.
func visitors(t *testing.T, to float64, cameras map[frames.CameraID][]actor) map[string]string {
	t.Helper()
	memory := NewStrangers(testModel, 0)
	analyses := map[frames.CameraID]*Analysis{}
	for camera, actors := range cameras {
		a, err := NewAnalysis(AnalysisConfig{Camera: camera, Engine: &fakeEngine{actors: actors}, Strangers: memory})
		if err != nil {
			t.Fatal(err)
		}
		analyses[camera] = a
	}
	found := map[string]string{}
	note := func(due []Observation) {
		for _, o := range due {
			if o.Stranger != "" {
				found[o.Track] = o.Stranger
			}
		}
	}
	for pts := int64(0); seconds(pts) < to; pts += pictureTicks {
		for _, a := range analyses {
			due, err := a.Picture("e1", picture(pts))
			if err != nil {
				t.Fatal(err)
			}
			note(due)
		}
	}
	for _, a := range analyses {
		note(a.End())
	}
	return found
}

func TestStrangersOfCameras(t *testing.T) {
	cases := map[string]struct {
		cameras           map[frames.CameraID][]actor
		tracks, strangers int
	}{
		"one before two cameras at once": {map[frames.CameraID][]actor{
			"door": {{name: "zoe", to: 5, where: stand(0.4, 0.4)}},
			"yard": {{name: "zoe", from: 1, to: 6, where: walk(0.1, 0.3, 0.1, 1)}},
		}, 2, 1},
		"two before two cameras at once": {map[frames.CameraID][]actor{
			"door": {{name: "zoe", to: 5, where: stand(0.2, 0.4)}, {name: "yan", to: 5, where: stand(0.6, 0.4)}},
			"yard": {{name: "yan", to: 5, where: stand(0.2, 0.4)}, {name: "zoe", to: 5, where: stand(0.6, 0.4)}},
		}, 4, 2},
		"one leaves and returns within the gap": {map[frames.CameraID][]actor{
			"door": {{name: "zoe", to: 4, where: stand(0.4, 0.4)}, {name: "zoe", from: 32, to: 36, where: stand(0.7, 0.4)}},
		}, 2, 1},
		"one leaves and returns after the gap": {map[frames.CameraID][]actor{
			"door": {{name: "zoe", to: 4, where: stand(0.4, 0.4)}, {name: "zoe", from: 36, to: 40, where: stand(0.7, 0.4)}},
		}, 2, 2},
		"one is kept by another camera, and returns": {map[frames.CameraID][]actor{
			"door": {{name: "zoe", to: 4, where: stand(0.4, 0.4)}, {name: "zoe", from: 50, to: 54, where: stand(0.7, 0.4)}},
			"yard": {{name: "zoe", from: 25, to: 29, where: stand(0.4, 0.4)}},
		}, 3, 1},
		"two who cross stay two": {map[frames.CameraID][]actor{
			"door": {
				{name: "zoe", to: 6, where: walk(0.1, 0.4, 0.12, 0)}, {name: "yan", to: 6, where: walk(0.8, 0.42, -0.12, 0)},
			},
		}, 2, 2},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			found := visitors(t, 60, c.cameras)
			strangers := map[string]bool{}
			for _, who := range found {
				strangers[who] = true
			}
			if len(found) != c.tracks || len(strangers) != c.strangers {
				t.Errorf("got %v, want %d tracks of %d strangers", found, c.tracks, c.strangers)
			}
		})
	}
}

// TestNoTemplateLeavesTheProcess: nothing that is published or handed to the store has room for a template.
func TestNoTemplateLeavesTheProcess(t *testing.T) {
	var holds func(of reflect.Type) bool
	holds = func(of reflect.Type) bool {
		switch of.Kind() {
		case reflect.Float32, reflect.Interface:
			return true // a template is of float32; what holds anything could hold one
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			return holds(of.Elem())
		case reflect.Struct:
			for field := range of.Fields() {
				if of != reflect.TypeFor[time.Time]() && holds(field.Type) {
					return true
				}
			}
		}
		return false
	}
	if !holds(reflect.TypeFor[struct{ Faces []Embedding }]()) {
		t.Fatal("the test does not find a template")
	}
	if holds(reflect.TypeFor[Observation]()) {
		t.Error("an observation can carry a template")
	}
}

func TestLanes(t *testing.T) {
	var engines []*fakeEngine
	lanes, err := NewLanes(func() (Engine, error) {
		engines = append(engines, &fakeEngine{actors: []actor{{name: "zoe", to: 9, where: stand(0.4, 0.4)}}})
		return engines[len(engines)-1], nil
	}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if lanes.Model().ID != testModel.ID {
		t.Errorf("got model %+v", lanes.Model())
	}
	var cameras sync.WaitGroup
	for range 8 {
		cameras.Go(func() {
			faces, err := lanes.Detect(picture(0), nil)
			if err != nil || len(faces) != 1 {
				t.Errorf("got %d faces, %v", len(faces), err)
				return
			}
			if _, _, err := lanes.Embed(picture(0), faces[0]); err != nil {
				t.Error(err)
			}
		})
	}
	cameras.Wait()
	if n := engines[0].embeds.Load() + engines[1].embeds.Load(); n != 8 {
		t.Errorf("embedded %d faces, want 8", n)
	}
	if err := lanes.Close(); err != nil || engines[0].closed.Load() != 1 || engines[1].closed.Load() != 1 {
		t.Errorf("close: %v", err)
	}
}

func TestLanesThatDoNotOpen(t *testing.T) {
	first := &fakeEngine{}
	broken := errors.New("digest differs")
	opened := 0
	_, err := NewLanes(func() (Engine, error) {
		if opened++; opened == 2 {
			return nil, broken
		}
		return first, nil
	}, 3)
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "2 of 3") || first.closed.Load() != 1 {
		t.Errorf("got %v, first engine closed %d times", err, first.closed.Load())
	}
	if _, err := NewLanes(nil, 0); err == nil {
		t.Error("no lanes: got no error")
	}
}
