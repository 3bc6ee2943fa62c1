package clips_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"vigil/alerts"
	"vigil/clips"
	"vigil/clips/mp4"
	"vigil/frames"
)

func TestClip(t *testing.T) {
	s := newScene(t)
	s.handle(t)
	c := s.wantClip(t)
	if !c.Start.Equal(captured) || !c.End.Equal(captured.Add(3*time.Second)) || c.Codec != frames.H264 || c.Width != 160 || c.Height != 90 {
		t.Errorf("got %+v, want 3 s of h264 at 160×90", c)
	}
	if c.Gaps == nil || len(c.Gaps) != 0 {
		t.Errorf("got gaps %v, want an empty list", c.Gaps)
	}
	file, err := mp4.Read(bytes.NewReader(s.read(t, clipKey)))
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for u, err := range file.Units() {
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(u.NALUs, s.units[i].NALUs, bytes.Equal) {
			t.Fatalf("access unit %d is not what was recorded", i)
		}
		i++
	}
	if i != len(s.units) {
		t.Errorf("got %d access units, want %d", i, len(s.units))
	}
	if s.heard.done[0].ShotKey != shotKey || string(s.read(t, shotKey)) != "a picture" {
		t.Errorf("got shot %q, want the picture at %s", s.heard.done[0].ShotKey, shotKey)
	}
	var record struct {
		Alert struct{ Decision string }
		Clip  alerts.Clip
		Shot  string
	}
	if err := json.Unmarshal(s.read(t, recordKey), &record); err != nil {
		t.Fatal(err)
	}
	if record.Alert.Decision != "unknown" || record.Clip.SHA256 != c.SHA256 || record.Clip.Key != clipKey || record.Shot != shotKey {
		t.Errorf("got record %+v, want alert, clip and shot", record)
	}
	s.handle(t) // told again, it says the same
	s.wantClip(t)
}

// A further piece of a visit lies beside the first and says which it is; the first one's files stay as they are.
func TestPieceOfAVisit(t *testing.T) {
	s := newScene(t)
	whole := s.job
	s.job.End = captured.Add(time.Second)
	s.handle(t)
	first, record := s.wantClip(t), s.read(t, recordKey)
	s.job = whole
	s.job.Piece, s.job.Start, s.job.ShotKey = 2, captured.Add(time.Second), ""
	s.handle(t)
	done := s.heard.done[1]
	if done.Alert != "01JALERT" || done.Piece != 2 || done.Name() != "01JALERT-2" || done.ShotKey != "" || done.Clip == nil {
		t.Fatalf("announced %+v", done)
	}
	const key = "clips/2026/11/22/door/01JALERT-2.mp4"
	if c := done.Clip; c.Key != key || c.Piece != 2 || first.Piece != 1 || c.Start.After(first.End.Time) || !c.End.Equal(captured.Add(3*time.Second)) {
		t.Errorf("got %+v after %+v", c, first)
	}
	if _, err := mp4.Read(bytes.NewReader(s.read(t, key))); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(s.read(t, recordKey), record) || !strings.Contains(string(s.read(t, "clips/2026/11/22/door/01JALERT-2.json")), key) {
		t.Error("the first piece's record was changed, or the second has none")
	}
	s.handle(t) // told again, it says the same
	if again := s.heard.done[2]; again.Piece != 2 || again.Clip.SHA256 != done.Clip.SHA256 {
		t.Errorf("told again: got %+v", again)
	}
}

func TestWaitsForTheWindow(t *testing.T) {
	s := newScene(t)
	all := s.video.fragments
	s.video.fragments, s.now = nil, captured.Add(time.Second)
	s.wantNotYet(t, 5*time.Second)
	s.video.fragments, s.now = all[:6], captured.Add(3*time.Second)
	s.wantNotYet(t, 500*time.Millisecond)
	s.video.fragments, s.now = all[:8], captured.Add(4*time.Second)
	s.wantNotYet(t, 500*time.Millisecond)
	s.video.fragments = all
	s.handle(t)
	s.wantClip(t)
}

func TestCameraAheadOfTheClock(t *testing.T) {
	s := newScene(t)
	s.now = captured.Add(-time.Hour)
	s.handle(t)
	s.wantClip(t)
}

func wantGaps(t *testing.T, got []alerts.ClipGap, want ...alerts.ClipGap) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got gaps %v, want %v", got, want)
	}
	for i := range want {
		near := got[i].From.Sub(want[i].From.Time).Abs() < time.Millisecond && got[i].To.Sub(want[i].To.Time).Abs() < time.Millisecond
		if !near || got[i].Reason != want[i].Reason {
			t.Errorf("got gap %v, want %v", got[i], want[i])
		}
	}
}

func gap(from, to time.Duration, reason string) alerts.ClipGap {
	return alerts.ClipGap{From: alerts.Time{Time: captured.Add(from)}, To: alerts.Time{Time: captured.Add(to)}, Reason: reason}
}

func TestCameraGone(t *testing.T) {
	s := newScene(t)
	s.video.fragments = s.video.fragments[:6]
	s.wantNotYet(t, time.Second)
	s.now = s.job.End.Add(6 * time.Second)
	s.handle(t)
	c := s.wantClip(t)
	wantGaps(t, c.Gaps, gap(2*time.Second, 3*time.Second, "no video recorded"))
}

func TestGapsAreListed(t *testing.T) {
	s := newScene(t)
	s.video.fragments = append(s.video.fragments[:3:3], s.video.fragments[6:]...)
	s.job.Start = captured.Add(-4 * time.Second)
	s.handle(t)
	wantGaps(t, s.wantClip(t).Gaps,
		gap(-4*time.Second, 0, "no video recorded"), gap(time.Second, 2*time.Second, "fragments missing"))
}

func TestLongerThanAClip(t *testing.T) {
	s := newScene(t)
	s.job.End = captured.Add(90 * time.Second)
	s.now = captured.Add(66 * time.Second)
	s.handle(t)
	wantGaps(t, s.wantClip(t).Gaps,
		gap(3*time.Second, 60*time.Second, "no video recorded"), gap(60*time.Second, 90*time.Second, "longer than a clip may be"))
}

func TestNoClip(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*scene)
		reason string
	}{
		"nothing recorded": {func(s *scene) { s.video.fragments = nil }, "no video recorded between 2026-11-22T23:59:58.000Z and"},
		"nothing to begin with": {
			func(s *scene) { s.video.fragments = s.video.fragments[1:3] }, "cannot be cut",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			tt.change(s)
			s.now = s.job.End.Add(6 * time.Second)
			s.handle(t)
			if len(s.heard.done) != 1 || s.heard.done[0].Clip != nil || !strings.Contains(s.heard.done[0].Reason, tt.reason) {
				t.Errorf("got %+v, want no clip because %q", s.heard.done, tt.reason)
			}
		})
	}
}

func TestLogFails(t *testing.T) {
	s := newScene(t)
	s.video.err = errors.New("the log is away")
	var wait clips.NotYet
	if err := s.Handle(t.Context(), s.job); !errors.Is(err, s.video.err) || errors.As(err, &wait) {
		t.Errorf("got %v, want the log's error", err)
	}
	if len(s.heard.done) != 0 {
		t.Errorf("announced %+v, want nothing", s.heard.done)
	}
}

func TestBadJobs(t *testing.T) {
	for name, change := range map[string]func(*alerts.ClipJob){
		"no alert":          func(j *alerts.ClipJob) { j.Alert = "" },
		"alert is a path":   func(j *alerts.ClipJob) { j.Alert = "../../etc/passwd" },
		"bad camera":        func(j *alerts.ClipJob) { j.Camera = "../door" },
		"empty window":      func(j *alerts.ClipJob) { j.End = j.Start },
		"record is no JSON": func(j *alerts.ClipJob) { j.Record = json.RawMessage("{") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			change(&s.job)
			if err := s.Handle(t.Context(), s.job); !errors.Is(err, clips.ErrBadJob) {
				t.Errorf("got %v, want ErrBadJob", err)
			}
		})
	}
}

func TestShotComesLate(t *testing.T) {
	s := newScene(t)
	if err := s.store.Delete(t.Context(), s.job.ShotKey); err != nil {
		t.Fatal(err)
	}
	s.wantNotYet(t, time.Second)
	if err := s.store.Put(t.Context(), s.job.ShotKey, strings.NewReader("late"), clips.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	s.handle(t)
	s.wantClip(t)
	if s.heard.done[0].ShotKey != shotKey {
		t.Errorf("got shot %q, want %s", s.heard.done[0].ShotKey, shotKey)
	}
}

func TestShotNeverComes(t *testing.T) {
	s := newScene(t)
	if err := s.store.Delete(t.Context(), s.job.ShotKey); err != nil {
		t.Fatal(err)
	}
	s.wantNotYet(t, time.Second)
	s.now = s.now.Add(10 * time.Second)
	s.handle(t)
	s.wantClip(t)
	if s.heard.done[0].ShotKey != "" {
		t.Errorf("got shot %q, want none", s.heard.done[0].ShotKey)
	}
}

func TestKeyFor(t *testing.T) {
	late := time.Date(2026, 11, 23, 1, 30, 0, 0, time.FixedZone("east", 2*3600))
	if got, want := clips.KeyFor("door", "01J", late, ".mp4"), "clips/2026/11/22/door/01J.mp4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
