package e2e

import (
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/ingest/rtsp"
	"vigil/internal/mediatest"
)

// TestStranger is the whole job in one process: of the two who walk by, the one who is not enrolled raises an alert.
func TestStranger(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	start(t, s.config())
	walk := clip(t, "walk")
	wrong := strings.Replace(s.address(), s.token, "guess", 1)
	if err := rtsp.Publish(t.Context(), wrong, walk.parameters, (&reel{film: walk}).rest(), true); err == nil {
		t.Error("got no error for a camera with a wrong token")
	} else if strings.Contains(err.Error(), "guess") {
		t.Errorf("the error shows the token: %v", err)
	}
	s.play(t, walk)
	s.strangerOnly(t, walk, s.data)
}

// strangerOnly expects what follows of the clip walk: the stranger's alert with all its parts, and no other.
func (s *site) strangerOnly(t *testing.T, walk film, store string) {
	t.Helper()
	opened := s.wait(t, alerts.Opened, 40*time.Second)
	opens(t, opened.Data.Alert.BestShotURL)
	made := s.wait(t, alerts.ClipReady, 30*time.Second)
	f := fetch(t, made.Data.Clip)
	f.unbroken(t, walk)
	f.begins(t, opened.Data.Alert, preRoll)
	truth := mediatest.Walk().Passes[1]
	if at := f.when(walk, opened.Data.Alert.OpenedAt.Time); at < truth.Enter || at > truth.Leave {
		t.Errorf("the sighting is at %s of the film, want the stranger's %s to %s", at, truth.Enter, truth.Leave)
	}
	if got := opened.Data.Alert; got.Camera != camera || got.Nearest == nil || got.Nearest.Person != "Resident" {
		t.Errorf("got alert %+v, want one of camera %s with Resident as the nearest", got, camera)
	}
	opens(t, made.Data.Alert.BestShotURL)
	recorded(t, store, f, opened.Data.Alert.ID)
	s.wait(t, alerts.Closed, 30*time.Second)
	s.once(t, alerts.Opened, alerts.ClipReady, alerts.Closed)
	s.shaped(t)
}
