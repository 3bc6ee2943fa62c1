package vision

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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
			faces, err := lanes.Detect(picture(0))
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
