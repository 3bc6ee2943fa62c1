package e2e

import (
	"testing"
	"time"

	"vigil/alerts"
	"vigil/internal/mediatest"
)

// TestKill ends the program as a power cut would, with everything under way, and starts it again where it was.
func TestKill(t *testing.T) {
	t.Parallel()
	t.Run("between alert and clip, camera stays away", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		p, _ := start(t, s.config())
		solo := clip(t, "solo")
		gone := s.show(t, &reel{film: solo})
		s.wait(t, alerts.Opened, 40*time.Second)
		p.kill(t)
		if n := len(s.receiver.Events()); n != 1 {
			t.Fatalf("%d events before the end, want the opening and no clip yet", n)
		}
		if err := <-gone; err != nil {
			t.Log("camera: ", err)
		}
		start(t, s.config())
		s.onceAfterAll(t, solo)
	})
	t.Run("stranger in view, camera comes back", func(t *testing.T) {
		t.Parallel()
		s := newSite(t)
		p, _ := start(t, s.config())
		inView := make(chan struct{})
		solo := &reel{film: clip(t, "solo"), alarm: mediatest.Solo().Passes[0].Enter + 700*time.Millisecond, reached: inView}
		gone := s.show(t, solo)
		<-inView
		p.kill(t)
		if n := len(s.receiver.Events()); n != 0 {
			t.Fatalf("%d events before the end, want none yet", n)
		}
		if err := <-gone; err == nil {
			t.Fatal("the camera noticed nothing")
		}
		start(t, s.config())
		back := s.show(t, solo)
		s.onceAfterAll(t, solo.film)
		if err := <-back; err != nil {
			t.Error(err)
		}
	})
}

// onceAfterAll expects the one alert with its one clip, to the end.
func (s *site) onceAfterAll(t *testing.T, sent film) {
	t.Helper()
	opened := s.wait(t, alerts.Opened, 40*time.Second)
	made := s.wait(t, alerts.ClipReady, 40*time.Second)
	f := fetch(t, made.Data.Clip)
	f.inOrder(t, sent)
	if at := opened.Data.Alert.OpenedAt; at.Before(f.Start.Time) || at.After(f.End.Time) {
		t.Errorf("the clip is from %s to %s and lacks the sighting at %s", f.Start, f.End, at)
	}
	s.wait(t, alerts.Closed, 40*time.Second)
	s.once(t, alerts.Opened, alerts.ClipReady, alerts.Closed)
	s.shaped(t)
}
